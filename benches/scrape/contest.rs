//! Two servers scraped in turns, so that whatever disturbs the machine disturbs both.

use std::{
    net::SocketAddr,
    process::{Command, Stdio},
};

use crate::support::{
    Result,
    http::Client,
    process::Running,
    report::{Bars, Spread, row, table},
};

const REPETITIONS: usize = 5;
const WARM_UP: usize = 5;

/// Where `scripts/peers` puts it.
pub(crate) const NODE_EXPORTER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/target/servers/peers/root/usr/bin/prometheus-node-exporter"
);

/// The collectors of `node_exporter` that read what our `system` and `network` read.
pub(crate) const SIX: [&str; 7] = [
    "--collector.disable-defaults",
    "--collector.cpu",
    "--collector.meminfo",
    "--collector.diskstats",
    "--collector.filesystem",
    "--collector.netdev",
    "--collector.loadavg",
];

/// A server and what is asked of it.
pub(crate) struct Side<'a> {
    name: &'static str,
    path: &'static str,
    process: &'a Running,
    client: Client,
    /// Microseconds of CPU time per scrape, one value per repetition.
    costs: Vec<f64>,
}

/// Who competes at what, how often, for which bar.
pub(crate) struct Contest<'a> {
    pub(crate) what: &'static str,
    pub(crate) ours: Side<'a>,
    pub(crate) peer: Side<'a>,
    /// Scrapes per repetition.
    pub(crate) scrapes: usize,
    /// Largest allowed share of the peer's CPU time.
    pub(crate) bar: f64,
    /// Metrics of ours, each with its least number of series, without which being cheap is worth nothing.
    pub(crate) proof: &'a [(&'a str, usize)],
}

impl<'a> Side<'a> {
    /// Connects from the calling thread's namespace.
    pub(crate) fn connect(
        name: &'static str,
        process: &'a Running,
        address: SocketAddr,
        path: &'static str,
    ) -> Result<Self> {
        let client = Client::connect(address)?;
        Ok(Self {
            name,
            path,
            process,
            client,
            costs: Vec::new(),
        })
    }

    fn scrape(&mut self, times: usize) -> Result<()> {
        for _ in 0..times {
            self.client.get(self.path)?;
        }
        Ok(())
    }

    fn repeat(&mut self, times: usize) -> Result<()> {
        let before = self.process.cpu()?;
        self.scrape(times)?;
        let spent = self.process.cpu()?.saturating_sub(before);
        self.costs.push(spent.as_secs_f64() * 1e6 / times as f64);
        Ok(())
    }

    fn total(&self) -> f64 {
        self.costs.iter().sum()
    }

    /// Prints a row and returns what was last served.
    fn print(&mut self) -> Result<String> {
        let answer = self.client.get(self.path)?;
        let text = answer.text()?;
        let series = series_of(&text).count();
        let (resident, _) = self.process.resident()?;
        row(&[
            self.name.to_owned(),
            series.to_string(),
            format!("{} ({})", text.len(), answer.body.len()),
            Spread::of(&self.costs).to_string(),
            format!("{:.0}", self.total() / self.costs.len() as f64),
            format!("{:.1}", resident / 1e6),
        ]);
        Ok(text)
    }
}

impl Contest<'_> {
    /// Scrapes both in turns, prints both, judges the ratio of all CPU time spent.
    pub(crate) fn hold(mut self, bars: &mut Bars) -> Result<()> {
        self.ours.scrape(WARM_UP)?;
        self.peer.scrape(WARM_UP)?;
        for _ in 0..REPETITIONS {
            self.ours.repeat(self.scrapes)?;
            self.peer.repeat(self.scrapes)?;
        }
        let title = format!("{}: {REPETITIONS} x {} scrapes in turns", self.what, self.scrapes);
        let cost = "CPU us per scrape (min / median / max)";
        table(
            &title,
            &["who", "series", "bytes (gzip)", cost, "mean", "resident MB"],
        );
        let served = self.ours.print()?;
        self.peer.print()?;
        let shown = self
            .proof
            .iter()
            .filter(|(metric, least)| series_of(&served).filter(|name| name == metric).count() >= *least);
        let what = format!("{}: required metrics we serve", self.what);
        bars.at_least(what, shown.count() as f64, self.proof.len() as f64);
        let ratio = self.ours.total() / self.peer.total();
        bars.at_most(
            format!("{}: CPU per scrape, ours / node_exporter", self.what),
            ratio,
            self.bar,
        );
        Ok(())
    }
}

/// The metric of every series in a text.
fn series_of(text: &str) -> impl Iterator<Item = &str> {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split(['{', ' ']).next())
}

/// Gives `node_exporter` its flags and starts it.
pub(crate) fn start_exporter(mut command: Command, address: SocketAddr, flags: &[&str]) -> Result<Running> {
    command
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=error")
        .args(flags);
    // It complains at every scrape about what this machine does not have.
    command.stderr(Stdio::null());
    Running::start(&mut command)
}
