//! Names that are the same whenever they are made from the same: for alerts and silences.

/// `prefix`, a dash and twelve hexadecimal digits made from `parts` by FNV-1a, which no update will change.
pub(super) fn stable(prefix: &str, parts: &[&str]) -> smol_str::SmolStr {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        // 0xff occurs in no text, so that parts do not run into each other.
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    let folded = (hash >> 16) ^ (hash & 0xffff);
    smol_str::format_smolstr!("{prefix}-{folded:012x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_what_they_are() {
        assert_eq!(stable("cpu", &["cpu", "", "1"]).len(), "cpu-".len() + 12);
        assert_eq!(stable("cpu", &["a", "b"]), stable("cpu", &["a", "b"]));
        assert_ne!(stable("cpu", &["ab", ""]), stable("cpu", &["a", "b"]));
    }
}
