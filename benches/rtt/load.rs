//! Cost and honesty of many probes: CPU time per 1,000 probes against `fping` in alternating slices, and no
//! loss but the kernel's own. Probes are counted by the answering side's kernel.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    support::{
        Result,
        http::Client,
        namespace::Namespace,
        netkestrel::Instance,
        pause,
        process::Running,
        report::{Bars, Spread, row, table},
    },
    targets::{addresses, every_second, lines, sum},
};

const SLICES: usize = 3;
const WARM_UP: Duration = Duration::from_secs(4);
const SLICE: Duration = Duration::from_secs(10);
/// More rounds than a slice takes: it is ended, not awaited.
const ROUNDS: &str = "60";
const COSTS: [&str; 5] = [
    "targets",
    "who",
    "probes/s on the wire",
    "CPU s per 1,000 probes (min / median / max)",
    "resident MB",
];
const CPU_BAR: f64 = 1.2;
const JUDGED: u16 = 1000;

/// How one number of targets is probed.
struct Field {
    targets: u16,
    /// `-i` of fping, in milliseconds: nine tenths of a round for all targets.
    pace: &'static str,
}

const FIELDS: [Field; 3] = [
    Field {
        targets: 100,
        pace: "9",
    },
    Field {
        targets: JUDGED,
        pace: "0.9",
    },
    Field {
        targets: 10_000,
        pace: "0.09",
    },
];

/// Measures 100, 1,000 and 10,000 targets; 1,000 are judged.
pub(crate) fn measure(bars: &mut Bars) -> Result<()> {
    let near = Namespace::new("nkbnear")?;
    let far = Namespace::new("nkbfar")?;
    near.ip("link add nkb0 type veth peer name nkb1 netns nkbfar\n")?;
    near.ip("addr add 10.78.0.1/30 dev nkb0\nlink set nkb0 up txqueuelen 20000\n")?;
    far.ip("addr add 10.78.0.2/30 dev nkb1\nlink set nkb1 up txqueuelen 20000\n")?;
    near.ip("route add 10.77.0.0/16 via 10.78.0.2\n")?;
    far.ip("route add local 10.77.0.0/16 dev lo\n")?;
    let wire = Wire { near, far };
    let title = format!(
        "Probes at 1 s over veth: {SLICES} slices of {} s in turns",
        SLICE.as_secs()
    );
    let mut results = Vec::new();
    for field in &FIELDS {
        results.push((field, wire.compare(field)?));
    }
    table(&title, &COSTS);
    for (field, (ours, fping)) in &results {
        ours.print(field.targets, "netkestrel");
        fping.print(field.targets, "fping");
    }
    table(
        "Loss that was not on the wire",
        &[
            "targets",
            "probes",
            "unanswered by the kernel",
            "failed",
            "not sent",
        ],
    );
    for (field, (ours, fping)) in &results {
        ours.honesty.print(field.targets);
        if field.targets == JUDGED {
            ours.judge(fping, bars);
        }
    }
    Ok(())
}

struct Wire {
    near: Namespace,
    far: Namespace,
}

/// What the slices of one program gave.
#[derive(Default)]
struct Costs {
    rate: Vec<f64>,
    cpu: Vec<f64>,
    resident: Vec<f64>,
    honesty: Honesty,
}

/// Ours against the kernel, over whole runs.
#[derive(Default)]
struct Honesty {
    received: u64,
    unanswered: u64,
    failed: f64,
    unsent: f64,
}

/// The answering kernel's counters.
#[derive(Clone, Copy)]
struct Echoes {
    received: u64,
    answered: u64,
}

impl Wire {
    fn compare(&self, field: &Field) -> Result<(Costs, Costs)> {
        let (mut ours, mut fping) = (Costs::default(), Costs::default());
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("targets");
        fs::write(&file, lines(addresses(10, 77, field.targets)))?;
        for _ in 0..SLICES {
            self.run_ours(field, &mut ours)?;
            let mut command: Command = self.near.command("fping");
            command
                .args(["-q", "-p", "1000", "-i", field.pace, "-c", ROUNDS, "-f"])
                .arg(&file)
                // Its summary has a line per target.
                .stderr(Stdio::null());
            self.slice(&Running::start(&mut command)?, &mut fping)?;
        }
        Ok((ours, fping))
    }

    fn run_ours(&self, field: &Field, costs: &mut Costs) -> Result<()> {
        let before = self.echoes()?;
        let ours = Instance::start_in(&self.near, &every_second(addresses(10, 77, field.targets)))?;
        self.near.inside(|| Client::connect(ours.address))?;
        self.slice(&ours.process, costs)?;
        // Another connection: a server may close one that says nothing for a slice.
        let mut client = self.near.inside(|| Client::connect(ours.address))?;
        let text = client.get("/metrics?collect[]=devices")?.text()?;
        let after = self.echoes()?;
        let received = after.received - before.received;
        costs.honesty.received += received;
        costs.honesty.unanswered += received - (after.answered - before.answered);
        costs.honesty.failed += sum(&text, "netkestrel_ping_failures_total");
        costs.honesty.unsent += sum(&text, "netkestrel_ping_unsent_total");
        Ok(())
    }

    fn slice(&self, process: &Running, costs: &mut Costs) -> Result<()> {
        pause(WARM_UP);
        let (start, before, spent) = (Instant::now(), self.echoes()?, process.cpu()?);
        pause(SLICE);
        let cpu = process.cpu()?.saturating_sub(spent).as_secs_f64();
        let probes = (self.echoes()?.received - before.received) as f64;
        costs.rate.push(probes / start.elapsed().as_secs_f64());
        costs.cpu.push(cpu / probes * 1e3);
        costs.resident.push(process.resident()?.0 / 1e6);
        Ok(())
    }

    fn echoes(&self) -> Result<Echoes> {
        let text = self
            .far
            .inside(|| Ok(fs::read_to_string("/proc/thread-self/net/snmp")?))?;
        let mut lines = text.lines().filter(|line| line.starts_with("Icmp:"));
        let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let value = |wanted: &str| {
            let mut pairs = names.split(' ').zip(values.split(' '));
            let (_, value) = pairs.find(|(name, _)| *name == wanted)?;
            value.parse().ok()
        };
        let missing = "the kernel does not count echoes";
        Ok(Echoes {
            received: value("InEchos").ok_or(missing)?,
            answered: value("OutEchoReps").ok_or(missing)?,
        })
    }
}

impl Costs {
    fn print(&self, targets: u16, who: &str) {
        row(&[
            targets.to_string(),
            who.to_owned(),
            format!("{:.0}", Spread::of(&self.rate)),
            format!("{:.4}", Spread::of(&self.cpu)),
            format!("{:.1}", Spread::of(&self.resident).median),
        ]);
    }

    fn judge(&self, fping: &Self, bars: &mut Bars) {
        let what = |text: &str| format!("{JUDGED} targets at 1 s: {text}");
        let rate = Spread::of(&self.rate).median / f64::from(JUDGED);
        bars.at_least(what("share of the probes asked for that went out"), rate, 0.99);
        bars.at_most(
            what("probes failed that the kernel answered"),
            self.honesty.false_loss(),
            0.0,
        );
        bars.at_most(what("probes not sent"), self.honesty.unsent, 0.0);
        let ratio = Spread::of(&self.cpu).median / Spread::of(&fping.cpu).median;
        bars.at_most(what("CPU per 1,000 probes, ours / fping"), ratio, CPU_BAR);
    }
}

impl Honesty {
    fn false_loss(&self) -> f64 {
        self.failed - self.unanswered as f64
    }

    fn print(&self, targets: u16) {
        row(&[
            targets.to_string(),
            self.received.to_string(),
            self.unanswered.to_string(),
            self.failed.to_string(),
            self.unsent.to_string(),
        ]);
    }
}
