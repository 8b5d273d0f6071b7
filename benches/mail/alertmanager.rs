//! The peer: Alertmanager of Debian testing, which waits for nothing and mails every alert on its own.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use netkestrel::clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::measure::{Result, pause};

const PROGRAM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/target/servers/alertmanager/alertmanager"
);
const FETCH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/fetch-servers");
const START_UP: Duration = Duration::from_secs(20);

/// Obtains it and prints its version.
pub(crate) fn obtain() -> Result<()> {
    if Command::new(FETCH).arg("alertmanager").status()?.success() {
        Ok(())
    } else {
        Err("scripts/fetch-servers did not obtain Alertmanager".into())
    }
}

/// A running Alertmanager; it ends with this value.
pub(crate) struct Alertmanager {
    child: Child,
    url: String,
    agent: ureq::Agent,
    _folder: TempDir,
}

impl Alertmanager {
    /// Starts one that mails to `sink`, and waits until it is ready.
    pub(crate) fn start(sink: SocketAddr) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("alertmanager.yml");
        fs::write(&config, config_for(sink))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let child = Command::new(PROGRAM)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--cluster.listen-address=", "--log.level=error"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("failed to start {PROGRAM}: {error}"))?;
        let running = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            agent: ureq::Agent::new_with_defaults(),
            _folder: folder,
        };
        running.wait_until_ready()?;
        Ok(running)
    }

    /// Posts one alert per name; returns when that began, which is when Alertmanager could first know.
    pub(crate) fn post(&self, names: &[String]) -> Result<Instant> {
        let body = Value::Array(names.iter().map(|name| alert(name)).collect()).to_string();
        let began = Instant::now();
        self.agent
            .post(format!("{}/api/v2/alerts", self.url))
            .header("Content-Type", "application/json")
            .send(body.as_bytes())?;
        Ok(began)
    }

    fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + START_UP;
        loop {
            match self.agent.get(format!("{}/-/ready", self.url)).call() {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    return Err(format!("Alertmanager is not ready: {error}").into());
                }
                Err(_) => pause(Duration::from_millis(50)),
            }
        }
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        // A child that has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn alert(name: &str) -> Value {
    let now = Clock::System.now().wall;
    json!({
        "labels": {"alertname": "loss", "instance": name, "severity": "critical"},
        "annotations": {"summary": "Packet loss is 90 %, above 50 %"},
        "startsAt": now.to_string(),
        "endsAt": (now + SignedDuration::from_hours(1)).to_string(),
    })
}

fn config_for(sink: SocketAddr) -> String {
    format!(
        "global:
  smtp_smarthost: {sink}
  smtp_from: am@example.org
  smtp_require_tls: false
route:
  receiver: mail
  group_by: [alertname, instance]
  group_wait: 0s
  group_interval: 1h
  repeat_interval: 4h
receivers:
- name: mail
  email_configs:
  - to: ops@example.org
    send_resolved: false
"
    )
}
