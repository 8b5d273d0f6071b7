//! The judge of what is shipped for Prometheus: promtool of the real server that `scripts/fetch-servers` unpacks.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::requirement::skip;

/// What its words and exit code say.
pub(crate) struct Verdict {
    pub(crate) fine: bool,
    pub(crate) words: String,
}

impl From<Output> for Verdict {
    fn from(output: Output) -> Self {
        Self {
            fine: output.status.success(),
            words: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        }
    }
}

/// A promtool of version 3 or newer.
pub(crate) struct Promtool(PathBuf);

impl Promtool {
    /// `None` where there is none: then the skip is reported, and the test is to return at once.
    pub(crate) fn for_test(test: &str) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = std::env::var_os("NETKESTREL_TEST_SERVERS")
            .map_or_else(|| "target/servers".into(), PathBuf::from);
        let promtool = Self(root.join(folder).join("current/promtool"));
        if promtool.0.is_file() {
            return Some(promtool);
        }
        skip(test, "needs promtool in target/servers/current");
        None
    }

    /// Runs it as `promtool ARGUMENTS FILES`.
    pub(crate) fn judge(&self, arguments: &[&str], files: &[PathBuf]) -> Verdict {
        let output = Command::new(&self.0).args(arguments).args(files).output();
        output.expect("promtool starts").into()
    }
}
