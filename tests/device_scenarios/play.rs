//! A scenario played: time passes second by second, and what comes of it is written down.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{Timestamp, tz::TimeZone};
use netkestrel::{
    alerts::{Notice, Outcome, Saved},
    clock::Now,
    collectors::devices,
};

use super::{
    Found, Scenario, mails,
    network::Script,
    program::Program,
    uptime,
    words::{duration, show, show_notice, show_transition},
};

const SECOND: Duration = Duration::from_secs(1);

pub(crate) struct Play {
    folder: tempfile::TempDir,
    network: Arc<Script>,
    config: devices::Config,
    program: Option<Program>,
    origin: Instant,
    begin: Timestamp,
    /// Time since the start, as the observer counts it, and how far the program's clocks are from it.
    offset: Duration,
    slept: Duration,
    wall: Timestamp,
    last: BTreeMap<String, String>,
    notices: Vec<(Duration, Notice)>,
    found: Found,
}

impl Play {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let begin: Timestamp = "2026-11-02T12:00:00Z".parse().expect("a moment");
        // Far enough from the beginning of the clock to look back.
        let origin = Instant::now() + Duration::from_hours(24);
        let now = Now {
            instant: origin,
            wall: begin,
        };
        let mut play = Self {
            folder: tempfile::tempdir().expect("a folder"),
            network: Arc::new(Script::new(scenario, now)),
            config: scenario.devices.clone(),
            program: None,
            origin,
            begin,
            offset: Duration::ZERO,
            slept: Duration::ZERO,
            wall: begin,
            last: BTreeMap::new(),
            notices: Vec::new(),
            found: Found::default(),
        };
        play.start(scenario, None);
        play
    }

    pub(crate) fn play(mut self, scenario: &Scenario) -> Found {
        self.look();
        for step in &scenario.steps {
            let (at, what) = step.split_once(' ').expect("an offset and what happens");
            self.pass_until(duration(at));
            self.step(what, scenario);
        }
        let deliver = |mail| mails::deliver(mail, &self.notices, self.begin, self.offset);
        self.found.mails = scenario.mail.as_ref().map(deliver).unwrap_or_default();
        let program = self.program.as_ref().expect("it runs at the end");
        self.found.uptime = uptime::of(&program.store, (self.begin, self.now()));
        self.found
    }

    fn now(&self) -> Now {
        Now {
            instant: self.origin + self.offset.saturating_sub(self.slept),
            wall: self.wall,
        }
    }

    fn advance(&mut self, until: Duration) {
        self.wall += until.saturating_sub(self.offset);
        self.offset = until;
        self.network.set(self.now(), self.slept);
    }

    fn pass_until(&mut self, end: Duration) {
        while self.offset < end {
            self.advance((self.offset + SECOND).min(end));
            self.look();
        }
    }

    fn start(&mut self, scenario: &Scenario, saved: Option<Saved>) {
        let program = Program::start(
            scenario,
            &self.config,
            (self.folder.path(), &self.network),
            saved,
            self.now(),
        );
        self.program = Some(program);
    }

    /// Everything happens up to now.
    fn look(&mut self) {
        let now = self.now();
        let Some(program) = &mut self.program else { return };
        let came = program.live(now);
        for (at, outcome) in came {
            self.write(at, &outcome);
        }
        let views = self
            .program
            .as_ref()
            .map(|program| program.collector.overview(now));
        for view in views.unwrap_or_default() {
            let state = format!("{} {}", view.status.name(), view.reason)
                .trim_end()
                .to_owned();
            // How late or how lossy it is changes with every probe.
            let class = match view.status {
                devices::Status::Degraded => view.status.name(),
                _ => &state,
            };
            self.note(&view.name, class, &state);
        }
    }

    fn note(&mut self, device: &str, class: &str, state: &str) {
        if self.last.get(device).is_some_and(|last| last == class) {
            return;
        }
        self.last.insert(device.to_owned(), class.to_owned());
        let states = self.found.states.entry(device.to_owned()).or_default();
        states.push(format!("{} {state}", show(self.offset)));
    }

    fn step(&mut self, what: &str, scenario: &Scenario) {
        let words: Vec<&str> = what.split(' ').collect();
        match words[..] {
            ["end"] => {}
            ["clock", by] => {
                match by.strip_prefix('-') {
                    Some(back) => self.wall -= duration(back),
                    None => self.wall += duration(by.trim_start_matches('+')),
                }
                self.network.set(self.now(), self.slept);
            }
            ["suspend", by] => {
                self.slept += duration(by);
                self.advance(self.offset + duration(by));
                self.look();
            }
            ["restart", after] => {
                let program = self.program.as_ref().expect("it runs");
                program.store.end(self.now()).expect("written");
                self.start_again(scenario, duration(after));
            }
            ["kill", after] => self.start_again(scenario, duration(after)),
            ["reload"] => {
                self.config = scenario.later.clone().expect("`later`");
                let now = self.now();
                let program = self.program.as_mut().expect("it runs");
                program.reload(&self.config, now);
                self.look();
            }
            _ => panic!("`{what}` is no step"),
        }
    }

    fn start_again(&mut self, scenario: &Scenario, after: Duration) {
        let ended = self.program.take().expect("it runs");
        let json = serde_json::to_string(ended.alerts.saved()).expect("serializes");
        drop(ended);
        self.advance(self.offset + after);
        self.start(
            scenario,
            Some(serde_json::from_str(&json).expect("is read again")),
        );
        self.look();
    }

    fn write(&mut self, at: Now, outcome: &Outcome) {
        let offset = self.network.offset(at);
        let lines = outcome.transitions.iter().map(show_transition);
        let notices = outcome.notices.iter();
        let lines = lines.chain(notices.map(|notice| show_notice(notice, &TimeZone::UTC)));
        self.found
            .lines
            .extend(lines.map(|line| format!("{} {line}", show(offset))));
        self.notices
            .extend(outcome.notices.iter().map(|notice| (offset, notice.clone())));
        let ids: Vec<_> = outcome.notices.iter().map(|notice| notice.id.clone()).collect();
        let program = self.program.as_mut().expect("it runs");
        program.alerts.handed_over(&ids);
    }
}
