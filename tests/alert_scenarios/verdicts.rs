//! Verdicts as steps write them.

use jiff::Timestamp;
use netkestrel::{
    clock::Now,
    rules::{Breach, Direction, Finding, Verdict},
    sample::{Missing, Signal, SubjectKind},
};

static HOST: Signal = Signal {
    name: "cpu_usage_ratio",
    title: "CPU usage",
    subject: SubjectKind::Host,
    help: "",
};
static DEVICE: Signal = Signal {
    name: "ping_loss_ratio",
    title: "Packet loss",
    subject: SubjectKind::Device,
    help: "",
};

pub(crate) fn finding(rule: &str, subject: &str, verdict: &Verdict, at: Now) -> Finding {
    Finding {
        rule: rule.into(),
        subject: subject.into(),
        signal: if subject.is_empty() { &HOST } else { &DEVICE },
        at,
        verdict: verdict.clone(),
    }
}

pub(crate) fn verdict(words: &[&str], since: Timestamp) -> Verdict {
    let breach = |severity: &str, value: &str| Breach {
        severity: serde_json::from_value(severity.into()).expect("a severity"),
        value: value.parse().expect("a value"),
        threshold: 0.5,
        when: Direction::Above,
        since,
        behind: 0,
        explanation: "it is too much".to_owned(),
    };
    match *words {
        ["pending", severity, value] => Verdict::Pending(breach(severity, value)),
        ["firing", severity, value] => Verdict::Firing(breach(severity, value)),
        ["clear"] => Verdict::Clear { value: 0.1 },
        ["unknown"] => Verdict::Unknown(Missing::ReadFailed),
        ["explained", by] => Verdict::Explained { by: by.into() },
        ["gone"] => Verdict::Gone,
        _ => panic!("no verdict: {words:?}"),
    }
}
