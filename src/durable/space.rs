//! What stands in a log ahead of its lines, for them to be written over.

/// Tabs: white space to programs that read JSON, and, unlike blanks, in no line that this program writes, as a tab in a
/// string is written `\t`.
pub(super) const BYTE: u8 = b'\t';

/// Most bytes of space.
pub(super) const LARGEST: u64 = 16 * 1024;

/// Space comes in whole blocks, as file systems have them.
const BLOCK: u64 = 4096;

/// Disks write at least so many bytes as a whole.
const SECTOR: u64 = 512;

/// How much to put behind `len` bytes: a sixteenth of them at most, up to the end of a block. A short file has none.
pub(super) const fn behind(len: u64) -> u64 {
    let share = len / 16;
    let most = if share < LARGEST { share } else { LARGEST };
    let end = (len + most) / BLOCK * BLOCK;
    end.saturating_sub(len)
}

/// Where there is space left in `lines`, which stand in the file from `start` on: a sector of them was not written.
pub(super) fn hole(start: u64, lines: &[u8]) -> Option<usize> {
    let is_last_of_sector = |place: usize| (start + place as u64 + 1).is_multiple_of(SECTOR);
    let mut places = lines.iter().enumerate();
    places.find_map(|(place, byte)| (*byte == BYTE && is_last_of_sector(place)).then_some(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_a_sixteenth_at_most_and_ends_with_a_block() {
        assert_eq!([0, 100, 4096, 40_000].map(behind), [0, 0, 0, 960]);
        assert_eq!(behind(64 * 1024), 4096);
        assert_eq!(behind(10_000_000), 16_384 - 10_000_000 % 4096);
    }

    #[test]
    fn only_a_whole_sector_is_a_hole() {
        let mut lines = vec![b'x'; 2000];
        assert_eq!(hole(100, &lines), None);
        lines[450..500].fill(BYTE);
        assert_eq!(hole(100, &lines), None, "tabs within a sector");
        lines[412..924].fill(BYTE);
        assert_eq!(hole(100, &lines), Some(923));
    }
}
