//! Cost and honesty of many probes: CPU time per 1,000 probes in alternating slices, and no loss but the kernel's own.
//! Probes are counted by the answering side's kernel, whoever sent them.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use crate::{
    floor, memory,
    peers::{Blackbox, Smokeping},
    support::{
        Result,
        http::Client,
        netkestrel::Instance,
        pause,
        process::Running,
        report::{Bars, Spread, row, table},
    },
    targets::{addresses, every_second, sum},
    wire::Wire,
};

const ROUNDS: usize = 3;
const WARM_UP: Duration = Duration::from_secs(4);
/// Ours is scraped once in it.
const SLICE: Duration = Duration::from_secs(10);
const COSTS: [&str; 6] = [
    "targets",
    "who",
    "probes/s on the wire",
    "CPU s per 1,000 probes (min / median / max)",
    "loss it reports",
    "resident MB",
];
/// With so many, `fping` is the peer; with so many more, it cannot keep up, and the floor is.
const FEWER: u16 = 1_000;
const MORE: u16 = 10_000;

/// Measures both numbers of targets and the memory between them.
pub(crate) fn measure(bars: &mut Bars) -> Result<()> {
    let wire = Wire::new()?;
    let files = tempfile::tempdir()?;
    let fewer = Field::measure(&wire, FEWER, files.path())?;
    let more = Field::measure(&wire, MORE, files.path())?;
    table(
        &format!(
            "Probes at 1 s over veth: {ROUNDS} slices of {} s in turns, one of those that are not judged",
            SLICE.as_secs()
        ),
        &COSTS,
    );
    fewer.print();
    more.print();
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
    fewer.honesty.print(FEWER);
    more.honesty.print(MORE);
    fewer.judge("fping", bars);
    more.judge("floor", bars);
    let resident = |field: &Field| (field.targets, Spread::of(&field.ours.resident).median * 1e6);
    memory::judge(resident(&fewer), resident(&more), bars)
}

/// One number of targets.
struct Field {
    targets: u16,
    ours: Costs,
    honesty: Honesty,
    /// By name; the one that ours is compared with among them.
    others: Vec<(&'static str, Costs)>,
}

/// What the slices of one program gave.
#[derive(Default)]
struct Costs {
    rate: Vec<f64>,
    cpu: Vec<f64>,
    resident: Vec<f64>,
    loss: Option<f64>,
}

/// Ours against the kernel, over whole runs.
#[derive(Default)]
struct Honesty {
    received: u64,
    unanswered: u64,
    failed: f64,
    unsent: f64,
}

impl Field {
    fn measure(wire: &Wire, targets: u16, folder: &Path) -> Result<Self> {
        let file = folder.join(targets.to_string());
        let lines = addresses(10, 77, targets).fold(String::new(), |mut text, address| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{address}");
            text
        });
        fs::write(&file, lines)?;
        let mut field = Self {
            targets,
            ours: Costs::default(),
            honesty: Honesty::default(),
            others: Vec::new(),
        };
        let (mut fping, mut floor) = (Costs::default(), Costs::default());
        for round in 0..ROUNDS {
            field.run_ours(wire)?;
            // The floor judges the many; at the few it is shown.
            if targets == FEWER || round == 0 {
                run_fping(wire, targets, &file, &mut fping)?;
            }
            if targets == MORE || round == 0 {
                let process = Running::start(&mut floor::command(&wire.near, &file)?)?;
                floor.slice(wire, &process, || Ok(()))?;
            }
        }
        field.others.extend([("fping", fping), ("floor", floor)]);
        if targets == FEWER {
            let smokeping = Costs::of_smokeping(wire, targets)?;
            field.others.push(("smokeping_prober", smokeping));
        }
        let blackbox = Costs::of_blackbox(wire, targets)?;
        field.others.push(("blackbox_exporter", blackbox));
        Ok(field)
    }

    fn run_ours(&mut self, wire: &Wire) -> Result<()> {
        let before = wire.echoes()?;
        let ours = Instance::start_in(&wire.near, &every_second(addresses(10, 77, self.targets)))?;
        let connect = || wire.near.inside(|| Client::connect(ours.address));
        connect()?;
        self.ours.slice(wire, &ours.process, || {
            // Another connection each time: a server may close one that says nothing for long.
            connect()?.get("/metrics").map(|_| ())
        })?;
        let text = connect()?.get("/metrics?collect[]=devices")?.text()?;
        let after = wire.echoes()?;
        let received = after.received - before.received;
        self.honesty.received += received;
        self.honesty.unanswered += received - (after.answered - before.answered);
        self.honesty.failed += sum(&text, "netkestrel_ping_failures_total");
        self.honesty.unsent += sum(&text, "netkestrel_ping_unsent_total");
        Ok(())
    }

    fn print(&self) {
        self.ours.print(self.targets, "netkestrel");
        for (name, costs) in &self.others {
            costs.print(self.targets, name);
        }
    }

    fn judge(&self, peer: &str, bars: &mut Bars) {
        let targets = self.targets;
        let what = |text: &str| format!("{targets} targets at 1 s: {text}");
        let rate = Spread::of(&self.ours.rate).median / f64::from(targets);
        bars.at_least(what("share of the probes asked for that went out"), rate, 0.99);
        bars.at_most(
            what("probes failed that the kernel answered"),
            self.honesty.false_loss(),
            0.0,
        );
        bars.at_most(what("probes not sent"), self.honesty.unsent, 0.0);
        let cpu = |costs: &Costs| Spread::of(&costs.cpu).median;
        let other = self.others.iter().find(|(name, _)| *name == peer);
        let ratio = other.map_or(f64::NAN, |(_, other)| cpu(&self.ours) / cpu(other));
        bars.at_most(what(&format!("CPU per 1,000 probes, ours / {peer}")), ratio, 1.0);
    }
}

fn run_fping(wire: &Wire, targets: u16, file: &Path, costs: &mut Costs) -> Result<()> {
    // Nine tenths of a round for all targets.
    let pace = format!("{}", 900.0 / f64::from(targets));
    let mut command = wire.near.command("fping");
    command
        // More rounds than a slice takes: it is ended, not awaited.
        .args(["-q", "-p", "1000", "-i", &pace, "-c", "60", "-f"])
        .arg(file)
        // Its summary has a line per target.
        .stderr(Stdio::null());
    costs.slice(wire, &Running::start(&mut command)?, || Ok(()))
}

impl Costs {
    /// One slice of a program that has just been started. Half-way through it, `visit` is paid.
    fn slice(&mut self, wire: &Wire, process: &Running, visit: impl FnOnce() -> Result<()>) -> Result<()> {
        pause(WARM_UP);
        let (start, before, spent) = (Instant::now(), wire.echoes()?, process.cpu()?);
        pause(SLICE / 2);
        visit()?;
        pause(SLICE.saturating_sub(start.elapsed()));
        let cpu = process.cpu()?.saturating_sub(spent).as_secs_f64();
        let probes = (wire.echoes()?.received - before.received) as f64;
        self.rate.push(probes / start.elapsed().as_secs_f64());
        self.cpu.push(cpu / probes * 1e3);
        self.resident.push(process.resident()?.0 / 1e6);
        Ok(())
    }

    fn of_smokeping(wire: &Wire, targets: u16) -> Result<Self> {
        let mut costs = Self::default();
        let smokeping = Smokeping::start(&wire.near, targets)?;
        let mut before = (0.0, 0.0);
        costs.slice(wire, &smokeping.process, || {
            before = smokeping.counts(&wire.near)?;
            Ok(())
        })?;
        let (sent, answered) = smokeping.counts(&wire.near)?;
        let (sent, answered) = (sent - before.0, answered - before.1);
        costs.loss = Some(((sent - answered) / sent).max(0.0));
        Ok(costs)
    }

    fn of_blackbox(wire: &Wire, targets: u16) -> Result<Self> {
        let mut costs = Self::default();
        let blackbox = Blackbox::start(&wire.near, targets)?;
        costs.slice(wire, &blackbox.process, || Ok(()))?;
        let (asked, succeeded) = blackbox.counts();
        costs.loss = Some((asked - succeeded) / asked);
        Ok(costs)
    }

    fn print(&self, targets: u16, who: &str) {
        row(&[
            targets.to_string(),
            who.to_owned(),
            format!("{:.0}", Spread::of(&self.rate)),
            format!("{:.4}", Spread::of(&self.cpu)),
            self.loss
                .map_or("-".to_owned(), |share| format!("{:.2} %", share * 100.0)),
            format!("{:.1}", Spread::of(&self.resident).median),
        ]);
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
