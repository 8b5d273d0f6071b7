//! Patterns that pick things by name: interfaces, mount points, types of filesystems.
//!
//! `*` stands for any text, also across `/`; `?` stands for any one character; all else stands for itself. A
//! pattern matches whole names. Regular expressions and other dialects are recognised and refused, since as
//! patterns they would match nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Characters that give another dialect away.
const FOREIGN: &[char] = &['^', '$', '|', '\\', '[', ']', '{', '}'];

/// Which names are let through. In patterns `*` is any text, also across `/`, and `?` is any one character.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Only what matches one of these; empty leaves the choice to NetKestrel.
    pub include: Vec<String>,
    /// Not what matches one of these, even when it is included.
    pub exclude: Vec<String>,
}

impl Filter {
    /// Whether `name` passes; an empty `include` includes everything.
    #[must_use]
    pub fn passes(&self, name: &str) -> bool {
        self.passes_or(name, || true)
    }

    /// Whether `name` passes; with an empty `include`, `by_default` says whether it is included.
    pub fn passes_or(&self, name: &str, by_default: impl FnOnce() -> bool) -> bool {
        let matched = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, name));
        let included = if self.include.is_empty() {
            by_default()
        } else {
            matched(&self.include)
        };
        included && !matched(&self.exclude)
    }

    /// What cannot be meant as a pattern of ours: its list, its position there, and why.
    pub fn complaints(&self) -> impl Iterator<Item = (&'static str, usize, String)> {
        let lists = [("include", &self.include), ("exclude", &self.exclude)];
        lists.into_iter().flat_map(|(list, patterns)| {
            let complaints = patterns.iter().map(|pattern| complaint(pattern)).enumerate();
            complaints.filter_map(move |(position, complaint)| Some((list, position, complaint?)))
        })
    }
}

/// `.*` within a pattern is no sign of a regular expression: `fuse.*` and `eth0.*` mean what they say.
fn complaint(pattern: &str) -> Option<String> {
    if pattern.is_empty() {
        return Some(
            "the pattern is empty and matches nothing; accepted: a name, in which `*` stands for any text and \
             `?` for one character"
                .to_owned(),
        );
    }
    let is_foreign = pattern.contains(FOREIGN) || pattern.starts_with(".*") || pattern.contains(".+");
    is_foreign.then(|| {
        format!(
            "`{pattern}` looks like a regular expression; accepted: a name, in which `*` stands for any text and \
             `?` for one character, also for one of ^$|\\[]{{}}; write several as a list"
        )
    })
}

/// Whether `pattern` matches all of `name`.
///
/// Only the last `*` is ever reconsidered, so the time is bounded by the product of the two lengths.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.chars(), name.chars());
    // Where to go on when the last `*` has to swallow one character more.
    let mut retry = None;
    loop {
        let name_before = name.clone();
        match (pattern.next(), name.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((pattern.clone(), name_before.clone()));
                name = name_before;
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
                (pattern, name) = (after_star.clone(), swallowed.clone());
                retry = Some((after_star, swallowed));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> Filter {
        Filter {
            include: include.iter().map(ToString::to_string).collect(),
            exclude: exclude.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("eth0", "eth0", true),
            ("eth0", "eth01", false),
            ("eth0", "veth0", false),
            ("*", "", true),
            ("*", "eth0", true),
            ("", "", true),
            ("", "/", false),
            ("?", "", false),
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
            ("/mnt/*", "/mnt/a/b", true),
            ("/mnt/*", "/mnt", false),
            ("fuse.*", "fuse.sshfs", true),
            ("fuse.*", "fuse", false),
            ("é*", "éth0", true),
            ("???", "éth", true),
            ("[a]", "a", false),
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
        let some = filter(&["eth*", "lo"], &["eth1"]);
        for (name, passes) in [("eth0", true), ("eth1", false), ("lo", true), ("wlan0", false)] {
            assert_eq!(some.passes(name), passes, "{name}");
        }
        assert!(Filter::default().passes("anything"));
    }

    #[test]
    fn the_default_decides_only_without_include() {
        for (filter, by_default, expected) in [
            (filter(&[], &[]), true, true),
            (filter(&[], &[]), false, false),
            (filter(&[], &["tmp*"]), true, false),
            (filter(&["tmpfs"], &[]), false, true),
            (filter(&["ext4"], &[]), true, false),
        ] {
            assert_eq!(filter.passes_or("tmpfs", || by_default), expected, "{filter:?}");
        }
    }

    #[test]
    fn other_dialects_are_refused_with_their_place() {
        for pattern in [
            "^eth", "eth[01]", ".*eth", "eth.+", "a|b", "eth{0,1}", "eth\\d", "eth0$",
        ] {
            let complaint = complaint(pattern).expect(pattern);
            assert!(
                complaint.starts_with(&format!(
                    "`{pattern}` looks like a regular expression; accepted: "
                )),
                "{complaint}"
            );
        }
        for pattern in [
            "eth0",
            "vEthernet (WSL)",
            "br-*",
            "eth0.*",
            "en?",
            "/mnt/my disk",
            "fuse.*",
        ] {
            assert_eq!(complaint(pattern), None, "{pattern}");
        }
        let places: Vec<_> = filter(&["a", "^b"], &["", "d"])
            .complaints()
            .map(|(list, position, _)| (list, position))
            .collect();
        assert_eq!(places, [("include", 1), ("exclude", 0)]);
    }
}
