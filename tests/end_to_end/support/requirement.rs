//! What a test needs besides the program, and what happens where it is missing: a skip that is visible, or a failure.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::requirement::{nothing_may_be_skipped, show, skip};

/// Folder of a server that `scripts/test` fetches, and its major version.
const SERVERS: &[(&str, &str)] = &[("current", "3"), ("debian12", "2")];

/// Something a test cannot do without.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    /// Root on Linux, with network namespaces (iproute2).
    Root,
    /// promtool, of any version.
    Promtool,
    /// A Prometheus server, of any version.
    Prometheus,
    /// Alertmanager with amtool.
    Alertmanager,
    /// Python with the package prometheus-client.
    Python,
    /// Python with the packages aiosmtpd and cryptography.
    MailServer,
}

impl Need {
    fn missing(self) -> Option<String> {
        let (there, reason) = match self {
            Self::Root => (may_make_namespaces(), "needs root on Linux, with iproute2"),
            Self::Promtool | Self::Prometheus => (
                !servers().is_empty(),
                "needs a Prometheus server in target/servers/*/",
            ),
            Self::Alertmanager => (
                alertmanager().is_some(),
                "needs Alertmanager and amtool in target/servers/alertmanager/",
            ),
            Self::Python => (
                python().is_some(),
                "needs Python with prometheus-client in target/test-venv",
            ),
            Self::MailServer => (
                python().is_some_and(|python| {
                    succeeds(Command::new(python).args(["-c", "import aiosmtpd, cryptography"]))
                }),
                "needs Python with aiosmtpd and cryptography in target/test-venv",
            ),
        };
        (!there).then(|| reason.to_owned())
    }

    fn is_server(self) -> bool {
        matches!(self, Self::Promtool | Self::Prometheus)
    }
}

/// Whether the test has all it needs. If not, it is to return at once: the skip is reported here.
///
/// # Panics
/// When something is missing and `NETKESTREL_TEST_REQUIRE=1` forbids to skip.
pub(crate) fn can_run(test: &str, needs: &[Need]) -> bool {
    let missing = needs.iter().find_map(|need| need.missing());
    if let Some(reason) = &missing {
        match std::fs::read_to_string(server_folder().join("alertmanager.unavailable")) {
            Ok(why) if needs.iter().any(|need| matches!(need, Need::Alertmanager)) => {
                show("REDUCED", test, why.trim());
            }
            _ => skip(test, reason),
        }
    } else if nothing_may_be_skipped() && needs.iter().any(|need| need.is_server()) {
        demand_servers(test);
    }
    missing.is_none()
}

/// Every server has to be there in its version. One that Debian's archive did not give is named instead, as long as
/// there is another.
fn demand_servers(test: &str) {
    for (name, major) in SERVERS {
        let folder = server_folder().join(name);
        if let Ok(reason) = std::fs::read_to_string(folder.with_extension("unavailable")) {
            show("REDUCED", test, reason.trim());
            continue;
        }
        let version = version(&folder.join("prometheus"));
        assert!(
            version
                .as_deref()
                .is_some_and(|version| major_of(version) == *major),
            "{test} needs Prometheus {major} in {}, which has {version:?}",
            folder.display()
        );
    }
}

/// `3.5.3+ds1` of `prometheus, version 3.5.3+ds1 (branch: …`, which 2.x writes to the one output, 3.x to the other.
fn version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let version = text.strip_prefix("prometheus, version ")?.split(' ').next()?;
    Some(version.to_owned())
}

fn major_of(version: &str) -> &str {
    version.split('.').next().unwrap_or_default()
}

/// Folders of the servers that are there, each with `prometheus` and `promtool`.
pub(crate) fn servers() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(server_folder())
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("prometheus").is_file() && path.join("promtool").is_file())
        .collect();
    found.sort();
    found
}

/// Folder with `alertmanager` and `amtool`, where both can be started.
pub(crate) fn alertmanager() -> Option<PathBuf> {
    let folder = server_folder().join("alertmanager");
    let starts = |program| succeeds(Command::new(folder.join(program)).arg("--version"));
    (starts("alertmanager") && starts("amtool")).then_some(folder)
}

/// `blackbox_exporter`, where it can be started. Where Debian's archive did not give it, the test is told to run without.
///
/// # Panics
/// When it is missing for another reason and `NETKESTREL_TEST_REQUIRE=1` forbids that.
#[cfg(target_os = "linux")]
pub(crate) fn blackbox_exporter(test: &str) -> Option<PathBuf> {
    let program = server_folder().join("blackbox/prometheus-blackbox-exporter");
    if succeeds(Command::new(&program).arg("--version")) {
        return Some(program);
    }
    let why = std::fs::read_to_string(server_folder().join("blackbox.unavailable"));
    assert!(
        why.is_ok() || !nothing_may_be_skipped(),
        "{test} needs blackbox_exporter in target/servers/blackbox/"
    );
    let why = why.unwrap_or_else(|_| "there is no blackbox_exporter in target/servers/blackbox/".to_owned());
    let reason = format!("{}; compared with a written list only", why.trim());
    show("REDUCED", test, &reason);
    None
}

fn server_folder() -> PathBuf {
    named_or("NETKESTREL_TEST_SERVERS", "target/servers")
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
