//! A bench for the engine: readings in, verdicts in short out.

mod levels;
mod subjects;

use super::*;
use crate::{
    clock::Clock,
    rules::{Direction, Levels, Verdict, built_in},
    sample::SubjectKind,
    units::HumanDuration,
};

const fn signal(name: &'static str, title: &'static str, subject: SubjectKind) -> Signal {
    Signal {
        name,
        title,
        subject,
        help: "",
    }
}

static CPU: Signal = signal("cpu_usage_ratio", "CPU usage", SubjectKind::Host);
static UP: Signal = signal("device_up", "reachability", SubjectKind::Device);
static LOSS: Signal = signal("ping_loss_ratio", "packet loss", SubjectKind::Device);

const MISSING: Observed = Observed::Missing(Missing::ReadFailed);

fn reading(signal: &'static Signal, subject: &str, observed: Observed) -> Reading {
    Reading {
        signal,
        subject: subject.into(),
        observed,
    }
}

/// An engine, and a clock that it cannot see.
struct Bench {
    engine: Engine,
    start: Now,
}

impl Bench {
    fn new(rules: Vec<Rule>) -> Self {
        Self {
            engine: Engine::new(rules),
            start: Clock::System.now(),
        }
    }

    fn at(&self, seconds: u64) -> Now {
        self.start.after(Duration::from_secs(seconds))
    }

    fn judge(&mut self, seconds: u64, scope: Scope, readings: Vec<Reading>) -> Vec<Finding> {
        self.engine.judge(&Batch {
            collector: "test",
            scope,
            at: self.at(seconds),
            elapsed: None,
            readings,
            changes: Vec::new(),
            health: Vec::new(),
        })
    }

    /// What is found about the host when its CPU reads like this, in short.
    fn cpu(&mut self, seconds: u64, observed: Observed) -> String {
        let found = self.judge(seconds, Scope::Whole, vec![reading(&CPU, "", observed)]);
        found.iter().map(short).collect::<Vec<_>>().join(" ")
    }
}

fn short(finding: &Finding) -> String {
    match &finding.verdict {
        Verdict::Clear { .. } => "clear".to_owned(),
        Verdict::Pending(breach) => format!("pending:{}", breach.severity.name()),
        Verdict::Firing(breach) => format!("firing:{}", breach.severity.name()),
        Verdict::Unknown(_) => "unknown".to_owned(),
        Verdict::Explained { by } => format!("explained:{by}"),
        Verdict::Gone => "gone".to_owned(),
        Verdict::NotCovered => "not covered".to_owned(),
    }
}

/// A rule on the CPU: medium from 0.8, high from 0.9, clear at 0.75.
fn cpu(hold: u64) -> Rule {
    Rule {
        hold: HumanDuration::secs(hold),
        levels: Levels::new(&[(Severity::Medium, 0.8), (Severity::High, 0.9)]),
        clear: Some(0.75),
        ..Rule::new("cpu", "cpu_usage_ratio")
    }
}

fn shorts(findings: &[Finding]) -> Vec<String> {
    let one = |finding: &Finding| format!("{} {} {}", finding.rule, finding.subject, short(finding));
    findings.iter().map(one).collect()
}

fn device(name: &str, up: f64, loss: f64) -> Vec<Reading> {
    vec![
        reading(&UP, name, Observed::Value(up)),
        reading(&LOSS, name, Observed::Value(loss)),
    ]
}

fn down() -> Rule {
    Rule {
        when: Direction::Below,
        levels: Levels::new(&[(Severity::High, 0.5)]),
        ..Rule::new("device_down", "device_up")
    }
}
