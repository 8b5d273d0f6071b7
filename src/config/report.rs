//! What is wrong with a configuration, in the form people read: place, key, what was given, what would be accepted.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::tree::{Fault, Origin};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong: the user's fault. Displays one problem a line, and how many there are beyond a hundred.
    #[error("{}", lines(.0))]
    Invalid(Vec<Finding>),
    /// A file that was named, or that lies in the default place, cannot be read.
    #[error("read the configuration file {}: {cause}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why. Displayed with the rest, therefore no source: a chain of causes would tell it twice.
        cause: io::Error,
    },
}

impl Error {
    /// Whether all that is wrong lies in this file.
    #[must_use]
    pub fn lies_in(&self, file: &Path) -> bool {
        let Self::Invalid(findings) = self else {
            return false;
        };
        let file = file.display().to_string();
        let is_there = |place: &str| {
            let rest = place.strip_prefix(&file);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        };
        !file.is_empty() && findings.iter().all(|finding| is_there(&finding.place))
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `FILE:LINE:COLUMN`, `environment variable NAME` or `flag --name`; empty when nothing was given.
    pub place: String,
    /// Path of the key, such as `collectors.devices.targets[2].address`; empty for the file as a whole.
    pub path: String,
    /// What was given and what would be accepted; lower case, no full stop.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.place, &self.path]
            .into_iter()
            .filter(|part| !part.is_empty())
        {
            write!(f, "{part}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Problems that are told to people at once; who has more has one cause for most of them.
const SHOWN: usize = 100;

fn lines(findings: &[Finding]) -> String {
    let mut lines: Vec<_> = findings.iter().take(SHOWN).map(ToString::to_string).collect();
    if let Some(more) = findings.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        lines.push(format!("… and {more} more"));
    }
    lines.join("\n")
}

/// Findings in the order of the file, then of variables and flags, each once.
pub(super) fn findings(mut faults: Vec<Fault>, file: Option<&Path>) -> Vec<Finding> {
    faults.sort_by(|a, b| a.origin.cmp(&b.origin));
    let mut findings: Vec<_> = faults
        .into_iter()
        .map(|Fault { origin, problem }| Finding {
            place: place(&origin, file),
            path: problem.path,
            message: problem.message,
        })
        .collect();
    findings.dedup();
    findings
}

fn place(origin: &Origin, file: Option<&Path>) -> String {
    let file = file.map(|file| file.display().to_string());
    match origin {
        Origin::File { line, column } => format!("{}:{line}:{column}", file.unwrap_or_default()),
        Origin::Python(name) | Origin::Variable(name) => format!("environment variable {name}"),
        Origin::Flag(flag) => format!("flag {flag}"),
        Origin::Default => file.unwrap_or_default(),
    }
}
