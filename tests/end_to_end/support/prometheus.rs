//! A real Prometheus server that scrapes every second, asked over its HTTP API.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    http::{Client, escape},
    process::Process,
};

/// One scrape job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    /// Value of the label `job`.
    pub(crate) name: &'static str,
    /// What is scraped.
    pub(crate) target: SocketAddr,
}

/// Whether it asks for native histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Histograms {
    /// As it does by itself.
    Classic,
    /// With the feature on, which makes it ask for protobuf.
    Native,
}

/// The running server.
pub(crate) struct Prometheus {
    /// Its process.
    pub(crate) process: Process,
    client: Client,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts the server of that folder with these jobs and waits until it is ready.
    pub(crate) fn start(server: &Path, histograms: Histograms, jobs: &[Job]) -> Self {
        Self::start_through(
            Command::new(server.join("prometheus")),
            server,
            histograms,
            &listed(jobs),
            Client::new,
            |_| {},
        )
    }

    /// As [`Self::start`], with a data folder that `put_in` fills with blocks of any age.
    pub(crate) fn start_filled(server: &Path, jobs: &[Job], put_in: impl FnOnce(&Path)) -> Self {
        let mut command = Command::new(server.join("prometheus"));
        command.arg("--storage.tsdb.retention.time=100y");
        Self::start_through(
            command,
            server,
            Histograms::Classic,
            &listed(jobs),
            Client::new,
            put_in,
        )
    }

    /// The same inside a network namespace.
    #[cfg(target_os = "linux")]
    pub(crate) fn start_inside(namespace: &str, server: &Path, jobs: &[Job]) -> Self {
        Self::start_configured(namespace, server, &listed(jobs))
    }

    /// The same with `scrape_configs` as they stand in its file.
    #[cfg(target_os = "linux")]
    pub(crate) fn start_configured(namespace: &str, server: &Path, scrape_configs: &str) -> Self {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", namespace])
            .arg(server.join("prometheus"));
        let client = |address| Client::inside(namespace, address);
        Self::start_through(
            command,
            server,
            Histograms::Classic,
            scrape_configs,
            client,
            |_| {},
        )
    }

    fn start_through(
        mut command: Command,
        server: &Path,
        histograms: Histograms,
        scrape_configs: &str,
        client: impl FnOnce(SocketAddr) -> Client,
        put_in: impl FnOnce(&Path),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        put_in(&folder.path().join("data"));
        let (file, native_by_flag) = configure(folder.path(), server, histograms, scrape_configs);
        let address = free_address();
        command.arg("--config.file").arg(file);
        command.arg(format!(
            "--storage.tsdb.path={}",
            folder.path().join("data").display()
        ));
        command.arg(format!("--web.listen-address={address}"));
        command.args(native_by_flag.then_some("--enable-feature=native-histograms"));
        let mut process = Process::start(&mut command);
        let client = client(address);
        process.wait_for("readiness", |_| {
            client
                .try_get("/-/ready")
                .ok()
                .filter(|answer| answer.status == 200)
        });
        Self {
            process,
            client,
            _folder: folder,
        }
    }

    /// Status and body of the answer to a GET.
    #[cfg(target_os = "linux")]
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let answer = self.client.get(path);
        (answer.status, answer.text().to_owned())
    }

    /// Result of an instant query.
    pub(crate) fn query(&self, query: &str) -> Vec<Value> {
        query_at(&self.client, query)
    }

    /// Waits until the query has a result.
    pub(crate) fn wait_for(&mut self, query: &str) -> Vec<Value> {
        let client = self.client.clone();
        self.process.wait_for(&format!("a result of {query}"), |_| {
            Some(query_at(&client, query)).filter(|result| !result.is_empty())
        })
    }

    /// Active targets as the API tells them.
    pub(crate) fn targets(&self) -> Vec<Value> {
        list(
            &self.client,
            "/api/v1/targets?state=active",
            "/data/activeTargets",
        )
    }

    /// What it knows about the metrics of a job: entries with `metric`, `type` and `help`.
    pub(crate) fn metadata(&self, job: &str) -> Vec<Value> {
        let selector = escape(&format!("{{job=\"{job}\"}}"));
        list(
            &self.client,
            &format!("/api/v1/targets/metadata?match_target={selector}"),
            "/data",
        )
    }
}

/// The value of a sample in the result of an instant query.
pub(crate) fn value(sample: &Value) -> f64 {
    let text = sample.pointer("/value/1").and_then(Value::as_str);
    text.expect("an instant vector").parse().expect("a number")
}

fn query_at(client: &Client, query: &str) -> Vec<Value> {
    list(
        client,
        &format!("/api/v1/query?query={}", escape(query)),
        "/data/result",
    )
}

fn list(client: &Client, path: &str, pointer: &str) -> Vec<Value> {
    let answer = client.get(path);
    let value: Value = serde_json::from_slice(&answer.body).expect("Prometheus answers in JSON");
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.unwrap_or_else(|| panic!("{path}: {value}")).clone()
}

/// Writes the configuration and tells whether native histograms need the flag: versions before 3.8 refuse the key,
/// those after it ignore the flag.
fn configure(folder: &Path, server: &Path, histograms: Histograms, scrape_configs: &str) -> (PathBuf, bool) {
    let file = folder.join("prometheus.yml");
    if histograms == Histograms::Native {
        std::fs::write(
            &file,
            configuration("  scrape_native_histograms: true\n", scrape_configs),
        )
        .unwrap();
        if accepts(server, &file) {
            return (file, false);
        }
    }
    std::fs::write(&file, configuration("", scrape_configs)).unwrap();
    assert!(accepts(server, &file), "promtool refuses the configuration");
    (file, histograms == Histograms::Native)
}

/// The jobs as `scrape_configs`.
fn listed(jobs: &[Job]) -> String {
    let job = |job: &Job| {
        let Job { name, target } = job;
        format!("  - {{job_name: {name}, static_configs: [{{targets: ['{target}']}}]}}\n")
    };
    jobs.iter().map(job).collect()
}

fn configuration(more: &str, scrape_configs: &str) -> String {
    format!("global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n{more}scrape_configs:\n{scrape_configs}")
}

fn accepts(server: &Path, file: &Path) -> bool {
    let mut promtool = Command::new(server.join("promtool"));
    promtool
        .args(["check", "config"])
        .arg(file)
        .output()
        .unwrap()
        .status
        .success()
}

/// A free port of loopback. Prometheus cannot say which one it took, so it has to be told one; another process would
/// have to take the same in the moment between.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
