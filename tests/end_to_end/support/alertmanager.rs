//! A real Alertmanager in a network namespace, with the configuration of the shipped stack, and its tool.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{http::Client, process::Process, requirement::alertmanager};

/// A running Alertmanager that starts with no memory.
pub(crate) struct Alertmanager {
    _process: Process,
    client: Client,
    namespace: String,
    _folder: TempDir,
}

impl Alertmanager {
    /// Starts it on that port of loopback and waits until it is ready.
    pub(crate) fn start(namespace: &str, port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("alertmanager/alertmanager.yml");
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", namespace])
            .arg(program("alertmanager"))
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=");
        let mut process = Process::start(&mut command);
        let client = Client::inside(namespace, SocketAddr::from(([127, 0, 0, 1], port)));
        process.wait_for("readiness of Alertmanager", |_| {
            let answer = client.try_get("/-/ready").ok()?;
            (answer.status == 200).then_some(())
        });
        Self {
            _process: process,
            client,
            namespace: namespace.to_owned(),
            _folder: folder,
        }
    }

    /// Rule, subject, severity and state of every alert, in that order.
    pub(crate) fn alerts(&self) -> Vec<[String; 4]> {
        let answer = self.client.get("/api/v2/alerts");
        let alerts: Vec<Value> = serde_json::from_str(answer.text()).unwrap();
        let mut found: Vec<[String; 4]> = alerts
            .iter()
            .map(|alert| {
                let paths = [
                    "/labels/rule",
                    "/labels/subject",
                    "/labels/severity",
                    "/status/state",
                ];
                paths.map(|path| {
                    alert
                        .pointer(path)
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned()
                })
            })
            .collect();
        found.sort();
        found
    }

    /// Silences what matches, with amtool; gives the silence's id.
    pub(crate) fn silence(&self, matcher: &str) -> String {
        let words = [
            "silence",
            "add",
            "--author=test",
            "--comment=test",
            "--duration=1h",
            matcher,
        ];
        self.amtool(&words)
    }

    /// Ends a silence, with amtool.
    pub(crate) fn expire(&self, silence: &str) {
        self.amtool(&["silence", "expire", silence]);
    }

    fn amtool(&self, words: &[&str]) -> String {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.namespace])
            .arg(program("amtool"))
            .arg(format!("--alertmanager.url=http://{}", self.client.address()))
            .args(words);
        output(&mut command)
    }
}

/// What amtool says in the project's folder.
///
/// # Panics
/// When it fails.
pub(crate) fn amtool(words: &[&str]) -> String {
    let mut command = Command::new(program("amtool"));
    output(command.args(words).current_dir(env!("CARGO_MANIFEST_DIR")))
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text.trim().to_owned()
}

fn program(name: &str) -> PathBuf {
    alertmanager().expect("asked for before").join(name)
}
