//! Devices as files: every one in `data/devices` is a timeline of what becomes of probes and lookups, and exactly what
//! must come of it, through everything from the schedule of probes to the mail: states, alerts, mails, and uptime to the
//! millisecond. Nothing is played but the network, the clock and the mail server. Adding a case is adding a file.
//!
//! Times are offsets from the start, as an observer with a good clock counts them. The program is looked at every second.
//!
//! ```yaml
//! about: What it shows, in a sentence.
//! devices: {interval: 60s, targets: [...]}    # as `collectors.devices`
//! later: {interval: 60s, targets: [...]}      # the same after the step `reload`
//! alerts: {cooldown: 15m}                     # as in the configuration
//! results:                                    # by name of the device, or by its address
//!   router: [0m 1ms, 10m silence, 15m 1ms]    # an answer after that time, from then on
//!   nas: [0m 1ms silence]                     # in turn, by the number of the probe
//!   far: [0m no_route]                        # or unreachable, not_permitted, refused
//! names:
//!   nas.lan: [0m nothing, 5m 192.0.2.2]
//! steps:
//!   - 10m clock -1h                           # the wall clock jumps
//!   - 10m suspend 3h                          # time passes and nobody notices
//!   - 10m restart 2m                          # the program ends, and starts again after a while
//!   - 10m kill 2m                             # the same, but it is killed
//!   - 10m reload                              # `later` is in force
//!   - 1h end
//! states: {router: [0m unknown not probed yet, 1s up]}
//! expect: [10m7s device_down/router NOTICE fired high]
//! mail: {to: [{address: ann@example.net}]}
//! mails: ["10m7s ann@example.net device_down/router: fired high"]
//! uptime:
//!   router: {standings: ["12:00:00 unknown"], seconds: {up: 1.5}, outages: [begin end seconds cause]}
//! ```

#[path = "../alert_scenarios/mails.rs"]
mod mails;
mod network;
mod play;
mod program;
#[path = "../alert_scenarios/resumed.rs"]
mod resumed;
mod uptime;
#[path = "../alert_scenarios/words.rs"]
mod words;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use netkestrel::{alerts, collectors::devices, history::uptime::Standing, rules::Rule};
use serde::Deserialize;

use self::{mails::Mail, play::Play};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    about: String,
    devices: devices::Config,
    #[serde(default)]
    later: Option<devices::Config>,
    #[serde(default)]
    rules: Vec<Rule>,
    #[serde(default)]
    alerts: alerts::Config,
    /// From when on what becomes of the probes of a device, or of an address.
    #[serde(default)]
    results: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    names: BTreeMap<String, Vec<String>>,
    steps: Vec<String>,
    #[serde(default)]
    states: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    expect: Vec<String>,
    #[serde(default)]
    mail: Option<Mail>,
    #[serde(default)]
    mails: Vec<String>,
    #[serde(default)]
    uptime: BTreeMap<String, Uptime>,
}

/// How long a device stood how.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Uptime {
    standings: Vec<String>,
    seconds: BTreeMap<Standing, f64>,
    #[serde(default)]
    outages: Vec<String>,
}

/// What came of a scenario.
#[derive(Default)]
struct Found {
    states: BTreeMap<String, Vec<String>>,
    lines: Vec<String>,
    mails: Vec<String>,
    uptime: BTreeMap<String, Uptime>,
}

#[test]
fn devices_fare_as_written() {
    let paths = paths();
    assert!(paths.len() >= 12, "only {} scenarios", paths.len());
    let mut wrong = Vec::new();
    for path in paths {
        let name = path.file_name().expect("a name").to_string_lossy();
        let text = fs::read_to_string(&path).expect("readable");
        let scenario: Scenario =
            serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(scenario.about.ends_with('.'), "{name} has no sentence");
        let found = Play::new(&scenario).play(&scenario);
        let same = (
            &scenario.states,
            &scenario.expect,
            &scenario.mails,
            &scenario.uptime,
        ) == (&found.states, &found.lines, &found.mails, &found.uptime);
        if !same {
            wrong.push(format!(
                "{name}: {} What came of it:\n{}",
                scenario.about,
                found.text()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn paths() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/devices");
    let entries = fs::read_dir(folder).expect("the folder of scenarios exists");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths
}

impl Found {
    /// As a scenario has it.
    fn text(&self) -> String {
        let mut text = String::new();
        let list = |lines: &[String]| {
            let quoted = lines.iter().map(|line| format!("{line:?}"));
            format!("[{}]", quoted.collect::<Vec<_>>().join(", "))
        };
        text.push_str("states:\n");
        for (device, states) in &self.states {
            let _ = writeln!(text, "  {device}: {}", list(states));
        }
        for (key, lines) in [("expect", &self.lines), ("mails", &self.mails)] {
            let _ = writeln!(text, "{key}:");
            for line in lines {
                let _ = writeln!(text, "  - {line:?}");
            }
        }
        text.push_str("uptime:\n");
        for (device, uptime) in &self.uptime {
            let seconds: Vec<_> = uptime
                .seconds
                .iter()
                .map(|(standing, seconds)| format!("{}: {seconds}", standing.name()))
                .collect();
            let _ = write!(
                text,
                "  {device}:\n    standings: {}\n    seconds: {{{}}}\n    outages: {}\n",
                list(&uptime.standings),
                seconds.join(", "),
                list(&uptime.outages)
            );
        }
        text
    }
}
