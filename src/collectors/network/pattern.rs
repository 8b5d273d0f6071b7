//! Patterns that pick interfaces by name: `*` stands for any characters, `?` for one, all else for itself.

/// Characters that give away a regular expression or another dialect of patterns.
const FOREIGN: &[char] = &['^', '$', '|', '\\', '[', ']', '{', '}'];

/// Which interfaces are watched.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Filter {
    include: Vec<String>,
    exclude: Vec<String>,
}

impl Filter {
    /// Watches what `include` names (everything when empty) except what `exclude` names.
    pub(super) fn new(include: &[String], exclude: &[String]) -> Self {
        Self {
            include: include.to_vec(),
            exclude: exclude.to_vec(),
        }
    }

    /// Whether the interface `name` is watched.
    pub(super) fn watches(&self, name: &str) -> bool {
        let named = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, name));
        (self.include.is_empty() || named(&self.include)) && !named(&self.exclude)
    }
}

/// Why `pattern` cannot be meant as one of ours.
pub(super) fn complaint(pattern: &str) -> Option<String> {
    if pattern.is_empty() {
        return Some("the pattern is empty; a name such as `eth0` or `veth*` is accepted".to_owned());
    }
    if pattern.contains(FOREIGN) || pattern.contains(".*") || pattern.contains(".+") {
        return Some(format!(
            "`{pattern}` is not a pattern of interface names: `*` stands for any characters, `?` for one, \
             and no regular expressions are accepted; write a list such as [eth0, veth*]"
        ));
    }
    None
}

/// Whether `pattern` matches all of `name`; linear in memory, without recursion.
fn matches(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    // Where to go on when the last `*` has to swallow one character more.
    let mut retry = None;
    loop {
        let (before_pattern, before_name) = (pattern.clone(), name.clone());
        match (pattern.next(), name.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((pattern.clone(), before_name.clone()));
                name = before_name;
                if before_pattern.as_str() == "*" {
                    return true;
                }
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => {
                let Some((after_star, mut swallowed)) = retry.take() else {
                    return false;
                };
                if swallowed.next().is_none() {
                    return false;
                }
                pattern = after_star.clone();
                name = swallowed.clone();
                retry = Some((after_star, swallowed));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("eth0", "eth0", true),
            ("eth0", "eth01", false),
            ("eth0", "veth0", false),
            ("*", "", true),
            ("*", "eth0", true),
            ("veth*", "veth", true),
            ("veth*", "veth1234", true),
            ("veth*", "eth0", false),
            ("*0", "eth00", true),
            ("*a*b", "xaxxab", true),
            ("*a*b", "xaxxabc", false),
            ("e?h?", "eth0", true),
            ("eth?", "eth", false),
            ("wlan.1", "wlan.1", true),
            ("wlan.1", "wlanx1", false),
            ("é*", "éth0", true),
            ("???", "éth", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn a_pattern_full_of_stars_ends_soon() {
        assert!(!matches(&"*a".repeat(50), &"a".repeat(49)));
    }

    #[test]
    fn exclude_wins_over_include() {
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let filter = Filter::new(&list(&["eth*", "lo"]), &list(&["eth1"]));
        for (name, watched) in [("eth0", true), ("eth1", false), ("lo", true), ("wlan0", false)] {
            assert_eq!(filter.watches(name), watched, "{name}");
        }
        assert!(Filter::default().watches("anything"));
    }

    #[test]
    fn foreign_dialects_are_refused() {
        for pattern in ["", "^eth", "eth[01]", "eth.*", "a|b", "eth{0,1}", "eth\\d"] {
            assert!(complaint(pattern).is_some(), "{pattern}");
        }
        for pattern in ["eth0", "vEthernet (WSL)", "br-*", "eth0.100", "en?"] {
            assert_eq!(complaint(pattern), None, "{pattern}");
        }
    }
}
