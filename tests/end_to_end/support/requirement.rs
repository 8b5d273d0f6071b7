//! What a test needs besides the program, and what happens where it is missing: a skip that is visible, or a failure.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// Something a test cannot do without.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    /// Root on Linux, with network namespaces (iproute2).
    Root,
    /// promtool, of any version.
    Promtool,
    /// A Prometheus server, of any version.
    Prometheus,
    /// Python with the package prometheus-client.
    Python,
}

impl Need {
    fn missing(self) -> Option<&'static str> {
        let (there, reason) = match self {
            Self::Root => (may_make_namespaces(), "needs root on Linux, with iproute2"),
            Self::Promtool => (promtool().is_some(), "needs promtool in target/servers/*/"),
            Self::Prometheus => (
                !servers().is_empty(),
                "needs a Prometheus server in target/servers/*/",
            ),
            Self::Python => (
                python().is_some(),
                "needs Python with prometheus-client in target/test-venv",
            ),
        };
        (!there).then_some(reason)
    }
}

/// Whether the test has all it needs. If not, it is to return at once: the skip is reported here.
///
/// # Panics
/// When something is missing and `NETKESTREL_TEST_REQUIRE=1` forbids to skip.
pub(crate) fn can_run(test: &str, needs: &[Need]) -> bool {
    let Some(reason) = needs.iter().find_map(|need| need.missing()) else {
        return true;
    };
    assert!(
        std::env::var("NETKESTREL_TEST_REQUIRE").as_deref() != Ok("1"),
        "{test} may not be skipped here, but {reason}"
    );
    // Unlike `eprintln!` this is shown for tests that pass, too.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
    false
}

/// Folders of the servers that are there, each with `prometheus` and `promtool`.
pub(crate) fn servers() -> Vec<PathBuf> {
    let folder = named_or("NETKESTREL_TEST_SERVERS", "target/servers");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("prometheus").is_file() && path.join("promtool").is_file())
        .collect();
    found.sort();
    found
}

/// The promtool of the first server.
pub(crate) fn promtool() -> Option<PathBuf> {
    servers().first().map(|server| server.join("promtool"))
}

/// A Python that can parse OpenMetrics.
pub(crate) fn python() -> Option<PathBuf> {
    let python = named_or("NETKESTREL_TEST_PYTHON", "target/test-venv/bin/python");
    succeeds(Command::new(&python).args(["-c", "import prometheus_client.openmetrics.parser"]))
        .then_some(python)
}

fn may_make_namespaces() -> bool {
    cfg!(target_os = "linux") && is_root() && succeeds(Command::new("ip").arg("-V"))
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> bool {
    #[cfg(target_os = "linux")]
    return rustix::process::geteuid().is_root();
    #[cfg(not(target_os = "linux"))]
    false
}

/// A path from the environment or, below the project's folder, from the place where `scripts/test` puts it.
fn named_or(variable: &str, place: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join(std::env::var_os(variable).map_or_else(|| PathBuf::from(place), PathBuf::from))
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
