//! The shipped compose files on the engine of this machine, with what stands in for images that only a registry has.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

/// Stand-ins that scripts/fetch-stack makes.
const BUILDER: &str = "netkestrel-test/builder:1";
const SERVERS: &str = "netkestrel-test/servers:1";
/// The one key of prometheus.yml that servers before 3.8 do not know, and what they have in its place.
const KEY: &str = "scrape_native_histograms:";
const FLAG: &str = "--enable-feature=native-histograms";
const PROJECT: &str = "netkestrel-test";

/// Why the test cannot run.
pub(crate) enum Missing {
    /// No engine: the test is left out.
    Engine,
    /// An engine, but not what the test needs of it.
    StandIns,
}

/// Whether there is an engine with all that the test needs.
pub(crate) fn ready() -> Result<(), Missing> {
    let succeeds = |arguments: &[&str]| {
        docker(arguments)
            .output()
            .is_ok_and(|output| output.status.success())
    };
    if !succeeds(&["version"]) {
        return Err(Missing::Engine);
    }
    let made = succeeds(&["compose", "version"]) && succeeds(&["image", "inspect", BUILDER, SERVERS]);
    if made { Ok(()) } else { Err(Missing::StandIns) }
}

/// The stack, with volumes of its own, which go with the value.
pub(crate) struct Stack {
    folder: tempfile::TempDir,
    /// What was replaced, in words.
    pub(crate) replaced: String,
}

impl Stack {
    /// Nothing is started yet. Mails that are caught go to `mails`.
    pub(crate) fn new(mails: &Path) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let mut replaced =
            "images by local ones of Debian's packages, Mailpit by aiosmtpd, the long link of the image by a \
             quick one; Grafana is left out".to_owned();
        let mut prometheus = String::new();
        if !knows_the_key() {
            let shipped = without_the_key(&folder.path().join("prometheus"));
            prometheus = format!(
                "    entrypoint: [/bin/sh, /etc/prometheus/start.sh, {FLAG}]\n    volumes: ['{}:/etc/prometheus:ro']\n",
                shipped.display()
            );
            replaced.push_str("; `scrape_native_histograms` of prometheus.yml by a flag");
        }
        let instead = format!(
            "services:\n  netkestrel:\n    build: {{network: host, args: {{LTO: thin, CODEGEN_UNITS: 16}}}}\n  grafana:\n    profiles: [left-out]\n  \
             prometheus:\n    image: {SERVERS}\n{prometheus}  alertmanager:\n    image: {SERVERS}\n  \
             mailpit:\n    image: {SERVERS}\n    \
             entrypoint: [/bin/sh, -c, 'exec python3 /stack/catcher.py $${{MP_SMTP_BIND_ADDR#*:}} $${{MP_UI_BIND_ADDR#*:}} /mails']\n    \
             volumes: ['{}:/stack:ro', '{}:/mails']\n",
            root().join("tests/stack").display(),
            mails.display()
        );
        fs::write(folder.path().join("override.yml"), instead).expect("written");
        share_mounts();
        Self { folder, replaced }
    }

    /// What `.env` holds from now on, besides the images.
    pub(crate) fn configure(&self, settings: &str) {
        let settings = format!(
            "COMPOSE_PROJECT_NAME={PROJECT}\nNETKESTREL_TAG=test\nBUILDER_IMAGE={BUILDER}\n{settings}"
        );
        fs::write(self.folder.path().join("env"), settings).expect("written");
    }

    /// `docker compose` with these words, which has to succeed; returns what it printed.
    pub(crate) fn compose(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let (out, error) = (text(&output.stdout), text(&output.stderr));
        assert!(
            output.status.success(),
            "docker compose {words:?}: {out}{error}\n{}",
            text(&self.run(&["logs", "--tail", "40"]).stdout)
        );
        out
    }

    /// Facts that the engine has about a service's container.
    pub(crate) fn inspect(&self, service: &str) -> Value {
        let id = self.compose(&["ps", "-q", service]);
        inspect(&["inspect", id.trim()])
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = docker(&["compose", "--project-directory"]);
        command
            .arg(root())
            .arg("--env-file")
            .arg(self.folder.path().join("env"));
        command.arg("-f").arg(root().join("docker-compose.yml"));
        command.arg("-f").arg(self.folder.path().join("override.yml"));
        command.args(words).output().expect("docker starts")
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.run(&["down", "--volumes", "--timeout", "20"]);
    }
}

/// Facts about the image that was built.
pub(crate) fn image() -> Value {
    inspect(&["image", "inspect", "netkestrel:test"])
}

/// Versions of the engine and of the servers.
pub(crate) fn versions() -> String {
    let first = |arguments: &[&str]| {
        let output = docker(arguments).output().expect("docker starts");
        let text = text(&output.stdout) + &text(&output.stderr);
        text.lines().next().unwrap_or_default().to_owned()
    };
    let of = |program| {
        first(&[
            "run",
            "--rm",
            "--network",
            "none",
            "--entrypoint",
            program,
            SERVERS,
            "--version",
        ])
    };
    [
        format!(
            "engine {}",
            first(&["version", "--format", "{{.Server.Version}}"])
        ),
        first(&["compose", "version"]),
        of("prometheus"),
        of("alertmanager"),
    ]
    .join("; ")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The client with the plugins under target/ and nothing of the caller's settings.
fn docker(arguments: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command
        .env_clear()
        .env("DOCKER_CONFIG", root().join("target/stack/docker"));
    for name in ["PATH", "HOME", "DOCKER_HOST"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.args(arguments);
    command
}

fn inspect(arguments: &[&str]) -> Value {
    let output = docker(arguments).output().expect("docker starts");
    let facts: Value = serde_json::from_slice(&output.stdout).expect("the engine answers in JSON");
    facts[0].clone()
}

/// Whether the stand-in for Prometheus takes the shipped file as it is.
fn knows_the_key() -> bool {
    let folder = format!("{}:/etc/prometheus:ro", root().join("prometheus").display());
    let check = [
        "check",
        "config",
        "--syntax-only",
        "/etc/prometheus/prometheus.yml",
    ];
    let mut command = docker(&[
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        &folder,
        "--entrypoint",
        "promtool",
        SERVERS,
    ]);
    let output = command.args(check).output().expect("docker starts");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(
        output.status.success() || said.contains(KEY.trim_end_matches(':')),
        "promtool refuses more than that one key: {said}"
    );
    output.status.success()
}

/// A copy of prometheus/ in which the lines of that key are missing.
fn without_the_key(folder: &Path) -> PathBuf {
    let copied = Command::new("cp")
        .arg("-r")
        .arg(root().join("prometheus"))
        .arg(folder)
        .status();
    assert!(
        copied.is_ok_and(|status| status.success()),
        "cannot copy prometheus/"
    );
    let file = folder.join("prometheus.yml");
    let shipped = fs::read_to_string(&file).expect("readable");
    let (with, without): (Vec<&str>, Vec<&str>) = shipped
        .lines()
        .partition(|line| line.trim_start().starts_with(KEY));
    assert_eq!(with.len(), 1, "the key is there once: {with:?}");
    fs::write(&file, without.join("\n") + "\n").expect("written");
    folder.to_owned()
}

/// Hosts with systemd share `/`, so that later mounts are seen in containers; where it is not shared, it becomes so.
fn share_mounts() {
    let own = fs::read_to_string("/proc/self/mountinfo").expect("readable");
    let root = own.lines().find(|line| line.split(' ').nth(4) == Some("/"));
    if !root.is_some_and(|line| line.contains(" shared:")) {
        let status = Command::new("mount").args(["--make-rshared", "/"]).status();
        assert!(status.is_ok_and(|status| status.success()), "cannot share `/`");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
