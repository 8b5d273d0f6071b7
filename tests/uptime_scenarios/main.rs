//! Uptime as files: every one in `data/uptime` is a timeline of what was seen of devices and of what happened to the
//! clock and to the program, and exactly what must be known of it then, to the second; from memory as from the disk.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use netkestrel::{
    clock::Now,
    durable::Os,
    history::{
        Config, Reader, Store, Stream,
        uptime::{Hold, Ledger, Standing},
    },
    sample::{Batch, Change, Missing, Observed, Reading, Scope, Signal, SubjectKind},
    units::HumanDuration,
};
use serde::Deserialize;

const UP: Signal = Signal {
    name: "device_up",
    title: "reachability",
    subject: SubjectKind::Device,
    help: "For tests.",
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    #[expect(dead_code, reason = "for readers")]
    what: String,
    #[serde(default = "minute")]
    interval: HumanDuration,
    #[serde(default = "minute")]
    timeout: HumanDuration,
    steps: Vec<Step>,
    expect: BTreeMap<String, Expected>,
}

fn minute() -> HumanDuration {
    HumanDuration::secs(60)
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    /// An interval run at once, and again at each interval for as long as given.
    Runs(HumanDuration, BTreeMap<String, String>),
    /// As `runs`, and what changed since: for how long it had been so, and why.
    Changed(BTreeMap<String, (String, HumanDuration, String)>),
    /// The same, between two runs.
    News(BTreeMap<String, (String, HumanDuration, String)>),
    /// Runs come at another interval from now on.
    Interval(HumanDuration),
    /// Time passes.
    Wait(HumanDuration),
    /// The wall clock is set, forwards or back.
    Clock(String),
    /// The host sleeps: the wall clock goes on, the other one stands still.
    Suspend(HumanDuration),
    /// The program ends in order, and starts again after a while.
    Restart(HumanDuration),
    /// The program is killed, and starts again after a while.
    Kill(HumanDuration),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Since when it stands how.
    standings: Vec<String>,
    /// Seconds by standing, from the beginning to the end.
    seconds: BTreeMap<Standing, f64>,
    #[serde(default)]
    outages: Vec<String>,
    #[serde(default)]
    mttr: Option<f64>,
    #[serde(default)]
    mtbf: Option<f64>,
}

#[test]
fn uptime_is_known_to_the_second() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/uptime");
    let entries = fs::read_dir(folder).expect("the folder of scenarios exists");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    assert!(paths.len() >= 12, "only {} scenarios", paths.len());
    let mut wrong = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("readable");
        let scenario: Scenario = serde_yaml::from_str(&text).unwrap_or_else(|error| {
            panic!("{}: {error}", path.display());
        });
        let mut play = Play::new(&scenario);
        scenario.steps.iter().for_each(|step| play.step(step));
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        wrong.extend(
            play.complaints(&scenario)
                .into_iter()
                .map(|text| format!("{name}: {text}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

struct Play {
    folder: tempfile::TempDir,
    store: Store,
    hold: Hold,
    begin: Timestamp,
    now: Now,
    last_run: Option<Instant>,
}

impl Play {
    fn new(scenario: &Scenario) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let begin = "2026-11-25T12:00:00Z".parse().expect("a time");
        let now = Now {
            // Far enough from zero to look back.
            instant: Instant::now() + Duration::from_hours(24),
            wall: begin,
        };
        let hold = Hold {
            interval: *scenario.interval,
            timeout: *scenario.timeout,
        };
        let store = Self::open(folder.path(), hold, now);
        Self {
            folder,
            store,
            hold,
            begin,
            now,
            last_run: None,
        }
    }

    fn open(folder: &Path, hold: Hold, now: Now) -> Store {
        let store = Store::open(Arc::new(Os), folder, &Config::default());
        store.follow_devices(hold, now);
        store
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Runs(length, seen) => {
                let end = self.now.instant + **length;
                loop {
                    let seen = seen.iter().map(|(device, word)| (device, &**word));
                    self.batch(Scope::Whole, seen, Vec::new());
                    if self.now.instant + self.hold.interval > end {
                        break;
                    }
                    self.now = self.now.after(self.hold.interval);
                }
                self.now = self.now.after(end - self.now.instant);
            }
            Step::Changed(seen) => self.changed(Scope::Whole, seen),
            Step::News(seen) => self.changed(Scope::News, seen),
            Step::Interval(interval) => {
                self.hold.interval = **interval;
                self.store.follow_devices(self.hold, self.now);
            }
            Step::Wait(length) => self.now = self.now.after(**length),
            Step::Clock(by) => {
                let (back, length) = (by.starts_with('-'), HumanDuration::parse(&by[1..]).expect(by));
                let length = SignedDuration::try_from(*length).expect("not too long");
                self.now.wall += if back { -length } else { length };
            }
            Step::Suspend(length) => self.now.wall += **length,
            Step::Restart(length) => {
                self.store.end(self.now).expect("written");
                self.start_again(**length);
            }
            Step::Kill(length) => self.start_again(**length),
        }
    }

    fn start_again(&mut self, after: Duration) {
        self.now = self.now.after(after);
        self.store = Self::open(self.folder.path(), self.hold, self.now);
        self.last_run = None;
    }

    fn changed(&mut self, scope: Scope, seen: &BTreeMap<String, (String, HumanDuration, String)>) {
        let changes = seen.iter().map(|(device, (_, lasting, why))| Change {
            subject: device.into(),
            lasting: **lasting,
            why: why.into(),
        });
        let changes = changes.collect();
        self.batch(
            scope,
            seen.iter().map(|(device, (word, ..))| (device, &**word)),
            changes,
        );
    }

    fn batch<'a>(
        &mut self,
        scope: Scope,
        seen: impl Iterator<Item = (&'a String, &'a str)>,
        changes: Vec<Change>,
    ) {
        let readings = seen.map(|(device, word)| Reading {
            signal: &UP,
            subject: device.into(),
            observed: observed(word),
        });
        let batch = Batch {
            collector: "devices",
            scope,
            at: self.now,
            elapsed: self.last_run.map(|last| self.now.instant - last),
            readings: readings.collect(),
            changes,
            health: Vec::new(),
        };
        if scope == Scope::Whole {
            self.last_run = Some(self.now.instant);
        }
        self.store.append(&batch).expect("recorded");
        self.store.observe(&batch).expect("followed");
    }

    fn complaints(&self, scenario: &Scenario) -> Vec<String> {
        let window = (self.begin, self.now.wall);
        let reader = self.store.reader();
        let ledger = reader.ledger(None).expect("readable");
        let until = reader
            .standing(|tracker| tracker.until(self.now))
            .expect("followed");
        let alone = Reader::open(
            Arc::new(Os),
            self.folder.path(),
            &Config::default(),
            &[Stream::Devices],
        );
        let alone = alone.expect("readable");
        let other = alone.ledger(None).expect("readable");
        let other_until = alone.known_until(&other, self.hold, self.now.wall);
        let mut complaints = Vec::new();
        let mut compare = |device: &str, what: &str, found: String, expected: String| {
            if found != expected {
                complaints.push(format!(
                    "{device}: {what}:\n  found    {found}\n  expected {expected}"
                ));
            }
        };
        for (device, expected) in &scenario.expect {
            let sums = ledger.sums(device, window, until);
            let seconds = |wanted: &dyn Fn(Standing) -> f64| {
                let parts = Standing::ALL.map(|standing| (standing.name(), wanted(standing)));
                format!(
                    "{:?}",
                    parts
                        .into_iter()
                        .filter(|(_, seconds)| *seconds != 0.0)
                        .collect::<Vec<_>>()
                )
            };
            let told = seconds(&|standing| expected.seconds.get(&standing).copied().unwrap_or_default());
            compare(
                device,
                "seconds",
                seconds(&|standing| sums.seconds(standing)),
                told,
            );
            let live =
                reader.standing(|tracker| tracker.ledger().sums(device, window, tracker.until(self.now)));
            compare(
                device,
                "seconds in memory",
                format!("{live:?}"),
                format!("{:?}", Some(sums)),
            );
            let alone = other.sums(device, window, other_until);
            compare(
                device,
                "seconds for others",
                format!("{alone:?}"),
                format!("{sums:?}"),
            );
            compare(
                device,
                "standings",
                format!("{:#?}", standings(&ledger, device)),
                format!("{:#?}", expected.standings),
            );
            let (outages, record) = ledger.outages(device, window, until);
            let outages: Vec<String> = outages
                .iter()
                .map(|outage| {
                    let end = outage.end.map_or("now".to_owned(), clock);
                    let (begin, seconds) = (clock(outage.start), outage.within / 1000);
                    format!("{begin} {end} {seconds} {}", outage.cause)
                        .trim_end()
                        .to_owned()
                })
                .collect();
            compare(
                device,
                "outages",
                format!("{outages:?}"),
                format!("{:?}", expected.outages),
            );
            compare(
                device,
                "mttr and mtbf",
                format!("{:?}", (record.mttr_seconds, record.mtbf_seconds)),
                format!("{:?}", (expected.mttr, expected.mtbf)),
            );
        }
        complaints
    }
}

fn standings(ledger: &Ledger, device: &str) -> Vec<String> {
    let standings = ledger.standings(device).into_iter();
    standings
        .map(|(at, standing, why)| {
            let text = format!("{} {} {why}", clock(at), standing.map_or("mixed", Standing::name));
            text.trim_end().to_owned()
        })
        .collect()
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

fn observed(word: &str) -> Observed {
    match word {
        "up" => Observed::Value(1.0),
        "down" => Observed::Value(0.0),
        "local_network" => Observed::Missing(Missing::LocalNetwork),
        "no_sample" => Observed::Missing(Missing::NoSample),
        "name_resolution" => Observed::Missing(Missing::NameResolution),
        "no_permission" => Observed::Missing(Missing::NoPermission),
        other => panic!("{other} is not known here"),
    }
}
