//! What rules learn after a start of alerts that are not over.

use netkestrel::{alerts::Alert, collectors, rules::Resumed, sample::Signal};

pub(crate) fn resumed(alert: &Alert) -> Option<Resumed> {
    if alert.resolved_at.is_some() {
        return None;
    }
    Some(Resumed {
        rule: alert.rule.clone(),
        subject: alert.subject.clone(),
        firing: alert.fired_at.map(|_| alert.severity),
        since: alert.since,
        signal: signal(&alert.signal),
        collector: collectors::collector_of(&alert.signal)?,
    })
}

pub(crate) fn signal(name: &str) -> &'static Signal {
    let mut all = collectors::signals().into_iter();
    let found = all.find(|signal| signal.name == name);
    found.unwrap_or_else(|| panic!("`{name}` is no signal"))
}
