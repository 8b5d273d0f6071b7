//! The exporters people use for this today, started as their users start them and driven as Prometheus drives them.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    support::{Result, http::Client, namespace::Namespace, pause, process::Running},
    targets::{addresses, sum},
};

/// Where `scripts/peers` puts them.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/servers/peers/root/usr/bin/");
const MODULE: &str = "modules: {icmp: {prober: icmp, timeout: 900ms, icmp: {preferred_ip_protocol: ip4}}}\n";
/// Connections that probes are asked for on.
const CONNECTIONS: u16 = 8;
const EVERY: Duration = Duration::from_secs(1);

/// `smokeping_prober` with its defaults, once a second.
pub(crate) struct Smokeping {
    /// For its costs.
    pub(crate) process: Running,
    address: SocketAddr,
}

impl Smokeping {
    /// Starts it and waits until it serves.
    pub(crate) fn start(namespace: &Namespace, targets: u16) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 9374));
        let mut command = namespace.command(&format!("{FOLDER}prometheus-smokeping-prober"));
        command
            .arg(format!("--web.listen-address={address}"))
            .args(["--config.file=", "--ping.interval=1s", "--log.level=error"])
            .args(addresses(10, 77, targets).map(|target| target.to_string()));
        let process = Running::start(&mut command)?;
        namespace.inside(|| Client::connect(address))?;
        Ok(Self { process, address })
    }

    /// Probes sent and answered so far, by its own count.
    pub(crate) fn counts(&self, namespace: &Namespace) -> Result<(f64, f64)> {
        let mut client = namespace.inside(|| Client::connect(self.address))?;
        let text = client.get("/metrics")?.text()?;
        Ok((
            sum(&text, "smokeping_requests_total"),
            sum(&text, "smokeping_response_duration_seconds_count"),
        ))
    }
}

/// `blackbox_exporter`, asked for one probe per target and second over kept connections.
pub(crate) struct Blackbox {
    /// For its costs.
    pub(crate) process: Running,
    counts: Arc<Counts>,
    drivers: Vec<JoinHandle<()>>,
    _files: TempDir,
}

#[derive(Default)]
struct Counts {
    asked: AtomicU64,
    succeeded: AtomicU64,
    stop: AtomicBool,
}

impl Blackbox {
    /// Starts it and the scrapes.
    pub(crate) fn start(namespace: &Namespace, targets: u16) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 9115));
        let files = tempfile::tempdir()?;
        let file = files.path().join("blackbox.yml");
        fs::write(&file, MODULE)?;
        let mut command = namespace.command(&format!("{FOLDER}prometheus-blackbox-exporter"));
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error");
        let process = Running::start(&mut command)?;
        let counts = Arc::new(Counts::default());
        let mut drivers = Vec::new();
        for part in 0..CONNECTIONS {
            let mut client = namespace.inside(|| Client::connect(address))?;
            client.encoding = "identity";
            let every = usize::from(CONNECTIONS);
            let mine: Vec<_> = addresses(10, 77, targets)
                .skip(part.into())
                .step_by(every)
                .collect();
            let counts = Arc::clone(&counts);
            drivers.push(std::thread::spawn(move || drive(client, &mine, &counts)));
        }
        Ok(Self {
            process,
            counts,
            drivers,
            _files: files,
        })
    }

    /// Probes asked for and successful so far.
    pub(crate) fn counts(&self) -> (f64, f64) {
        let read = |count: &AtomicU64| count.load(Relaxed) as f64;
        (read(&self.counts.asked), read(&self.counts.succeeded))
    }
}

impl Drop for Blackbox {
    fn drop(&mut self) {
        self.counts.stop.store(true, Relaxed);
        for driver in self.drivers.drain(..) {
            let _ = driver.join();
        }
    }
}

/// Asks for each target once a second, evenly; what comes late is not made up for.
fn drive(mut client: Client, targets: &[Ipv4Addr], counts: &Counts) {
    let gap = EVERY.div_f64(targets.len() as f64);
    let mut next = Instant::now();
    for target in targets.iter().cycle() {
        if counts.stop.load(Relaxed) {
            return;
        }
        let now = Instant::now();
        pause(next.saturating_duration_since(now));
        next = (next + gap).max(now);
        let Ok(answer) = client.get(&format!("/probe?module=icmp&target={target}")) else {
            return;
        };
        counts.asked.fetch_add(1, Relaxed);
        let succeeded = answer.text().is_ok_and(|text| text.contains("probe_success 1"));
        counts.succeeded.fetch_add(succeeded.into(), Relaxed);
    }
}
