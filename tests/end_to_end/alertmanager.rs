//! Silences made in a real Alertmanager stop our mails, and its absence stops none.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::{
    mails::{Site, all_up, subjects},
    support::{
        alertmanager::{Alertmanager, amtool},
        mail::Mailbox,
        namespace::Namespace,
        netkestrel::{Netkestrel, Place, Setup},
        requirement::{Need, can_run},
    },
};

const PORT: u16 = 9093;
const NEEDS: [Need; 3] = [Need::Root, Need::MailServer, Need::Alertmanager];

/// One peer that is there, and one that never is. Reminders come often.
const TOLD: &str = "  alertmanager: {urls: [\"http://127.0.0.1:9093\", \"http://127.0.0.1:9094\"], resend_interval: 2s}\n\
                    alerts: {cooldown: 4s, reminder: 4s}\n";

fn suppressed(netkestrel: &mut Netkestrel, count: f64) {
    netkestrel.wait_for("notifications held back", |page| {
        let held = page.value(
            "netkestrel_alert_notifications_suppressed_total",
            "reason=\"alertmanager\"",
        )?;
        (held >= count).then_some(())
    });
}

fn about(mailbox: &Mailbox, device: &str) -> Vec<String> {
    let subjects = subjects(&mailbox.mails());
    subjects
        .into_iter()
        .filter(|subject| subject.contains(device))
        .collect()
}

fn wait_about(netkestrel: &mut Netkestrel, mailbox: &Mailbox, device: &str) {
    netkestrel
        .process
        .wait_for(&format!("a mail about {device}"), |_| {
            (!about(mailbox, device).is_empty()).then_some(())
        });
}

#[test]
fn a_silence_for_one_device_stops_its_mail_alone_and_a_dead_alertmanager_stops_none() {
    let name = "a_silence_for_one_device_stops_its_mail_alone_and_a_dead_alertmanager_stops_none";
    if !can_run(name, &NEEDS) {
        return;
    }
    let site = Site::new();
    let mailbox = Mailbox::in_namespace(site.here.name());
    let alertmanager = Alertmanager::start(site.here.name(), PORT);
    let silence = alertmanager.silence("subject=device-1");
    let mut netkestrel = site.setup_with(TOLD).start();
    all_up(&mut netkestrel);
    site.kill_one("10.78.0.1");
    site.kill_one("10.78.0.2");
    wait_about(&mut netkestrel, &mailbox, "device-2");
    // The first word and two reminders.
    suppressed(&mut netkestrel, 3.0);
    assert_eq!(about(&mailbox, "device-1"), [""; 0]);
    assert!(about(&mailbox, "device-2")[0].starts_with("[HIGH]"));
    let down = |subject: &str, state: &str| ["device_down", subject, "high", state].map(str::to_owned);
    assert_eq!(
        alertmanager.alerts(),
        [down("device-1", "suppressed"), down("device-2", "active")]
    );

    alertmanager.expire(&silence);
    wait_about(&mut netkestrel, &mailbox, "device-1");

    drop(alertmanager);
    site.kill_one("10.78.0.3");
    wait_about(&mut netkestrel, &mailbox, "device-3");
    let failures = netkestrel
        .page()
        .value("netkestrel_alertmanager_query_failures_total", "");
    assert!(failures.unwrap() >= 1.0, "{failures:?}");
}

#[test]
fn the_end_of_what_nobody_was_told_of_is_told_to_nobody() {
    let name = "the_end_of_what_nobody_was_told_of_is_told_to_nobody";
    if !can_run(name, &NEEDS) {
        return;
    }
    let site = Site::new();
    let mailbox = Mailbox::in_namespace(site.here.name());
    let alertmanager = Alertmanager::start(site.here.name(), PORT);
    alertmanager.silence("subject=device-1");
    let setup = site.setup_with(TOLD);
    let mut netkestrel = setup.start();
    all_up(&mut netkestrel);
    site.kill_one("10.78.0.1");
    suppressed(&mut netkestrel, 1.0);
    // Remembered over a restart.
    netkestrel.process.signal(Signal::KILL);
    drop(netkestrel);
    let mut netkestrel = setup.start();
    site.revive_one("10.78.0.1");
    netkestrel.wait_for("the end of the alert, and of its delivery", |page| {
        let resolved = page.value(
            "netkestrel_alerts_resolved_total",
            "rule=\"device_down\",severity=\"high\"",
        )?;
        let waiting = page.value("netkestrel_notification_queue_length", "")?;
        (resolved >= 1.0 && waiting < 0.5).then_some(())
    });
    netkestrel.process.watch_for(Duration::from_secs(2));
    assert_eq!(subjects(&mailbox.mails()), [""; 0]);
}

#[test]
fn the_shipped_configuration_and_its_mails_are_right() {
    let name = "the_shipped_configuration_and_its_mails_are_right";
    if !can_run(name, &[Need::Alertmanager]) {
        return;
    }
    amtool(&["check-config", "alertmanager/alertmanager.yml"]);
    let labels = json!({"alertname": "NetKestrelDown", "instance": "web1", "severity": "critical"});
    let mail = json!({
        "receiver": "mail", "status": "firing", "groupLabels": labels, "commonLabels": labels,
        "commonAnnotations": {}, "externalURL": "http://127.0.0.1:9093",
        "alerts": [{
            "status": "firing", "labels": labels, "generatorURL": "http://127.0.0.1:9090/graph",
            "startsAt": "2026-03-01T14:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
            "annotations": {"summary": "NetKestrel is down", "description": "Not scraped for <2 min>."},
        }],
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), mail.to_string()).unwrap();
    let data = format!("--template.data={}", file.path().display());
    let render = |template: &str, kind: &str| {
        let text = format!("--template.text={{{{ template \"netkestrel.{template}\" . }}}}");
        let glob = "--template.glob=alertmanager/templates/*.tmpl";
        amtool(&["template", "render", glob, &text, &data, kind])
    };
    assert_eq!(
        render("subject", "--template.type=text"),
        "[CRITICAL] NetKestrel is down (web1)"
    );
    let text = render("text", "--template.type=text");
    assert!(
        text.contains("NetKestrelDown on web1: since 2026-03-01 14:00 UTC"),
        "{text}"
    );
    let html = render("html", "--template.type=html");
    assert!(
        html.contains("Not scraped for &lt;2 min&gt;.") && !html.contains("Zgotmpl"),
        "{html}"
    );
}

/// A rule that fires with the first reading.
fn always(severity: &str) -> String {
    format!(
        "collectors: {{system: {{interval: 1s}}, devices: {{default_gateway: false}}}}\n\
         rules: [{{name: always, signal: memory_usage_ratio, levels: {{{severity}: 0.0001}}}}]\n\
         notifiers:\n{TOLD}"
    )
}

fn wait_for_alerts(netkestrel: &mut Netkestrel, alertmanager: &Alertmanager, severity: &str) {
    let wanted = [["always", "", severity, "active"].map(str::to_owned)];
    netkestrel
        .process
        .wait_for(&format!("the alert as {severity}"), |_| {
            (alertmanager.alerts() == wanted).then_some(())
        });
}

#[test]
fn a_rise_in_severity_ends_the_old_alert_and_a_restart_pushes_again() {
    let name = "a_rise_in_severity_ends_the_old_alert_and_a_restart_pushes_again";
    if !can_run(name, &NEEDS) {
        return;
    }
    let here = Namespace::new();
    let alertmanager = Alertmanager::start(here.name(), PORT);
    let setup = Setup::new(Place::Namespace(here.name().to_owned()), &always("low"));
    let mut netkestrel = setup.start();
    wait_for_alerts(&mut netkestrel, &alertmanager, "low");
    setup.configure(&always("critical"));
    netkestrel.process.signal(Signal::HUP);
    wait_for_alerts(&mut netkestrel, &alertmanager, "critical");

    netkestrel.process.signal(Signal::KILL);
    drop((netkestrel, alertmanager));
    let alertmanager = Alertmanager::start(here.name(), PORT);
    let mut netkestrel = setup.start();
    wait_for_alerts(&mut netkestrel, &alertmanager, "critical");
}
