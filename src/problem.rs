//! Problems with what a user gave us, gathered so that one run reports them all.
//! Stages add problems with a path; `config` finds the line and column that belong to it.

use std::fmt::Display;

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Keys and list positions from the root, such as `collectors.devices.targets[2].address`.
    pub path: String,
    /// What is wrong and what would be accepted; lower case, no full stop.
    pub message: String,
}

/// A list of problems being gathered below one path.
#[derive(Debug, Default)]
pub struct Problems {
    found: Vec<Problem>,
    prefix: Vec<String>,
}

impl Problems {
    /// An empty list at the root.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `check` one key deeper.
    pub fn within(&mut self, key: &str, check: impl FnOnce(&mut Self)) {
        self.prefix.push(key.to_owned());
        check(self);
        self.prefix.pop();
    }

    /// Runs `check` for one element of the list at the present path.
    pub fn at_index(&mut self, index: usize, check: impl FnOnce(&mut Self)) {
        self.within(&format!("[{index}]"), check);
    }

    /// Records a problem with `key` at the present path (an empty key means the path itself).
    pub fn push(&mut self, key: &str, message: impl Display) {
        let mut path = String::new();
        for part in self.prefix.iter().map(String::as_str).chain([key]) {
            if !path.is_empty() && !part.is_empty() && !part.starts_with('[') {
                path.push('.');
            }
            path.push_str(part);
        }
        self.found.push(Problem {
            path,
            message: message.to_string(),
        });
    }

    /// All problems found, in order.
    #[must_use]
    pub fn into_vec(self) -> Vec<Problem> {
        self.found
    }
}

/// The candidate that looks most like `word`, if any is near.
#[must_use]
pub fn nearest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let word = word.to_lowercase().replace('-', "_");
    let near = candidates.iter().map(|candidate| {
        let alike = candidate.to_lowercase().replace('-', "_");
        (strsim::damerau_levenshtein(&word, &alike), *candidate)
    });
    let (distance, candidate) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + candidate.len() / 4).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_join_keys_and_positions() {
        let mut problems = Problems::new();
        problems.within("targets", |p| p.at_index(2, |p| p.push("address", "is empty")));
        problems.push("timezone", "is unknown");
        let paths: Vec<_> = problems.into_vec().into_iter().map(|p| p.path).collect();
        assert_eq!(paths, ["targets[2].address", "timezone"]);
    }
}
