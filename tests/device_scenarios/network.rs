//! A network as a scenario writes it: what becomes of probes and lookups, by the observer's clock.

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use netkestrel::{
    clock::Now,
    collectors::devices::{Network, Question, Reply},
};

use super::{Scenario, words::duration};

/// What holds from a moment on.
type Timeline<T> = Vec<(Duration, T)>;

pub(crate) struct Script {
    /// What becomes of probes, in turn.
    results: BTreeMap<String, Timeline<Vec<Reply>>>,
    names: BTreeMap<String, Timeline<Vec<IpAddr>>>,
    origin: Instant,
    state: Mutex<State>,
}

struct State {
    now: Now,
    /// How far the program's monotonic clock is behind the observer's.
    slept: Duration,
}

impl Script {
    pub(crate) fn new(scenario: &Scenario, now: Now) -> Self {
        let replies = |text: &str| text.split(' ').map(reply).collect();
        let addresses = |text: &str| match text {
            "nothing" => Vec::new(),
            _ => text.split(' ').map(|ip| ip.parse().expect(text)).collect(),
        };
        Self {
            results: timelines(&scenario.results, replies),
            names: timelines(&scenario.names, addresses),
            origin: now.instant,
            state: Mutex::new(State {
                now,
                slept: Duration::ZERO,
            }),
        }
    }

    pub(crate) fn set(&self, now: Now, slept: Duration) {
        *self.state() = State { now, slept };
    }

    /// When something happens, by the observer's clock.
    pub(crate) fn offset(&self, at: Now) -> Duration {
        at.instant.saturating_duration_since(self.origin) + self.state().slept
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }
}

impl Network for Script {
    fn now(&self) -> Now {
        self.state().now
    }

    fn reply(&self, question: &Question<'_>) -> Reply {
        let found = self.results.get(&question.to.to_string());
        let timeline = found.or_else(|| self.results.get(question.device));
        let replies = timeline.and_then(|timeline| in_force(timeline, self.offset(question.at)));
        let replies = replies.map_or(&[][..], Vec::as_slice);
        let turn = usize::try_from(question.number).expect("few") % replies.len().max(1);
        replies.get(turn).copied().unwrap_or(Reply::Never)
    }

    fn resolve(&self, name: &str, at: Now) -> io::Result<Vec<IpAddr>> {
        let timeline = self.names.get(name);
        let found = timeline.and_then(|timeline| in_force(timeline, self.offset(at)));
        match found.filter(|addresses| !addresses.is_empty()) {
            Some(addresses) => Ok(addresses.clone()),
            None => Err(io::Error::other("no such name")),
        }
    }
}

fn in_force<T>(timeline: &Timeline<T>, at: Duration) -> Option<&T> {
    let begun = timeline.iter().take_while(|(from, _)| *from <= at);
    begun.last().map(|(_, what)| what)
}

fn timelines<T>(
    lines: &BTreeMap<String, Vec<String>>,
    read: impl Fn(&str) -> T,
) -> BTreeMap<String, Timeline<T>> {
    let line = |text: &String| {
        let (at, what) = text
            .split_once(' ')
            .expect("an offset and what holds from then on");
        (duration(at), read(what))
    };
    let timeline = |(key, lines): (&String, &Vec<String>)| (key.clone(), lines.iter().map(line).collect());
    lines.iter().map(timeline).collect()
}

fn reply(word: &str) -> Reply {
    match word {
        "silence" => Reply::Never,
        "unreachable" => Reply::Unreachable,
        "no_route" => Reply::NoRoute,
        "not_permitted" => Reply::NotPermitted,
        "refused" => Reply::Refused,
        time => Reply::After(duration(time)),
    }
}
