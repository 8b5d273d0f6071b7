//! Devices that die, mails that arrive: the whole way, with a real mail server, across a crash of the program.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rustix::process::Signal;

use super::support::{
    mail::{Mail, Mailbox, PORT},
    namespace::Namespace,
    netkestrel::{Netkestrel, Place, Setup},
    requirement::{Need, can_run},
};

const DEVICES: [&str; 3] = ["10.78.0.1", "10.78.0.2", "10.78.0.3"];
const INTERVAL: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(1);

/// The host of the program, and behind a router the devices.
pub(super) struct Site {
    pub(super) here: Namespace,
    there: Namespace,
}

impl Site {
    pub(super) fn new() -> Self {
        let (here, there) = (Namespace::new(), Namespace::new());
        here.ip(&format!(
            "link add near type veth peer name far netns {}",
            there.name()
        ));
        here.ip("addr add 10.77.0.1/24 dev near");
        here.ip("link set near up");
        there.ip("addr add 10.77.0.2/24 dev far");
        there.ip("link set far up");
        here.ip("route add 10.78.0.0/24 via 10.77.0.2");
        let site = Self { here, there };
        site.revive();
        site
    }

    /// All devices go silent; packets to them vanish.
    fn kill(&self) {
        for ip in DEVICES {
            self.kill_one(ip);
        }
    }

    /// One device goes silent.
    pub(super) fn kill_one(&self, ip: &str) {
        self.there.ip(&format!("addr del {ip}/32 dev lo"));
    }

    fn revive(&self) {
        for ip in DEVICES {
            self.revive_one(ip);
        }
    }

    pub(super) fn revive_one(&self, ip: &str) {
        self.there.ip(&format!("addr add {ip}/32 dev lo"));
    }

    fn setup(&self) -> Setup {
        self.setup_with("")
    }

    /// With more lines at the end of the configuration, which is in `notifiers`.
    pub(super) fn setup_with(&self, more: &str) -> Setup {
        let targets: Vec<String> = DEVICES
            .iter()
            .map(|ip| {
                format!(
                    "      - {{name: device-{}, address: {ip}}}",
                    ip.rsplit('.').next().unwrap()
                )
            })
            .collect();
        let configuration = format!(
            "collectors:\n  devices:\n    interval: 5s\n    timeout: 1s\n    targets:\n{}\n\
             notifiers:\n  email:\n    server: 127.0.0.1\n    port: {PORT}\n    tls: none\n    \
             from: netkestrel@example.org\n    recipients: [{{address: ops@example.org}}]\n{more}",
            targets.join("\n")
        );
        Setup::new(Place::Namespace(self.here.name().to_owned()), &configuration)
    }
}

pub(super) fn all_up(netkestrel: &mut Netkestrel) {
    netkestrel.wait_for("all devices up", |page| {
        let up = page
            .all("netkestrel_device_up")
            .filter(|sample| sample.value > 0.5);
        (up.count() == DEVICES.len()).then_some(())
    });
}

fn mails(netkestrel: &mut Netkestrel, mailbox: &Mailbox, count: usize) -> Vec<Mail> {
    netkestrel.process.wait_for(&format!("{count} mails"), |_| {
        let mails = mailbox.mails();
        (mails.len() >= count).then_some(mails)
    })
}

pub(super) fn subjects(mails: &[Mail]) -> Vec<String> {
    mails.iter().map(|mail| mail.header("subject")).collect()
}

fn milliseconds() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "compared with the times at the mail server"
    )]
    let now = SystemTime::now();
    u64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

#[test]
fn three_devices_that_die_together_are_three_mails_at_once_and_three_when_they_return() {
    let name = "three_devices_that_die_together_are_three_mails_at_once_and_three_when_they_return";
    if !can_run(name, &[Need::Root, Need::MailServer]) {
        return;
    }
    let site = Site::new();
    let mailbox = Mailbox::in_namespace(site.here.name());
    let mut netkestrel = site.setup().start();
    all_up(&mut netkestrel);
    let died = milliseconds();
    site.kill();
    let told = mails(&mut netkestrel, &mailbox, 3);
    let latest = told.iter().map(|mail| mail.accepted).max().unwrap();
    // The first miss is known a timeout after the next probe; then timeout + 3 s may pass.
    let longest = INTERVAL + TIMEOUT + TIMEOUT + Duration::from_secs(3);
    assert!(
        Duration::from_millis(latest - died) <= longest,
        "{} ms until the last mail: {:?}",
        latest - died,
        subjects(&told)
    );
    for number in 1..=3 {
        let device = format!("device-{number}");
        let about = subjects(&told)
            .into_iter()
            .filter(|subject| subject.contains(&device));
        let about: Vec<String> = about.collect();
        assert_eq!(about.len(), 1, "{about:?}");
        assert!(about[0].starts_with("[HIGH]"), "{about:?}");
    }
    site.revive();
    let all = mails(&mut netkestrel, &mailbox, 6);
    assert_eq!(all.len(), 6, "{:?}", subjects(&all));
    assert!(
        subjects(&all)[3..]
            .iter()
            .all(|subject| subject.starts_with("[RESOLVED]"))
    );
}

#[test]
fn an_incident_without_mail_server_and_with_a_crash_is_told_once_for_each_device() {
    let name = "an_incident_without_mail_server_and_with_a_crash_is_told_once_for_each_device";
    if !can_run(name, &[Need::Root, Need::MailServer]) {
        return;
    }
    let site = Site::new();
    let mut mailbox = Mailbox::in_namespace(site.here.name());
    mailbox.close();
    let setup = site.setup();
    let mut netkestrel = setup.start();
    all_up(&mut netkestrel);
    site.kill();
    firing(&mut netkestrel, 3.0);
    // What fires is shown before the disk has it; a crash in between would be one before the finding.
    netkestrel.wait_for("the outbox to have the mails", |page| {
        let waiting = page.value("netkestrel_notification_queue_length", "")?;
        (waiting > 2.5).then_some(())
    });
    netkestrel.process.signal(Signal::KILL);
    drop(netkestrel);

    let mut netkestrel = setup.start();
    site.revive();
    firing(&mut netkestrel, 0.0);
    assert!(mailbox.mails().is_empty());
    mailbox.open();
    let told = mails(&mut netkestrel, &mailbox, 3);
    netkestrel.process.watch_for(Duration::from_secs(3));
    assert_eq!(mailbox.mails().len(), 3, "{:?}", subjects(&mailbox.mails()));
    let ids: BTreeSet<String> = told.iter().map(|mail| mail.header("message-id")).collect();
    assert_eq!(ids.len(), 3, "no Message-ID arrives twice");
    for subject in subjects(&told) {
        assert!(
            subject.starts_with("[RESOLVED]") && subject.contains("was down"),
            "{subject}"
        );
    }
}

/// A rule that fires with the first reading.
const ALWAYS: &str = "rules: [{name: always, signal: memory_usage_ratio, levels: {low: 0.0001}}]\n";

/// The configuration of a host that mails, with these rules.
fn mailing(rules: &str) -> String {
    format!(
        "collectors:\n  system: {{interval: 1s}}\n  devices:\n    interval: 1s\n    timeout: 500ms\n    \
         targets: [{{name: self, address: 127.0.0.1}}]\n{rules}\
         notifiers:\n  email:\n    server: 127.0.0.1\n    port: {PORT}\n    tls: none\n    \
         from: netkestrel@example.org\n    recipients: [{{address: ops@example.org}}]\n"
    )
}

#[test]
fn a_restart_mails_nothing_and_a_rule_that_is_removed_ends_untold() {
    let name = "a_restart_mails_nothing_and_a_rule_that_is_removed_ends_untold";
    if !can_run(name, &[Need::Root, Need::MailServer]) {
        return;
    }
    let here = Namespace::new();
    let mailbox = Mailbox::in_namespace(here.name());
    let setup = Setup::new(Place::Namespace(here.name().to_owned()), &mailing(ALWAYS));
    let mut netkestrel = setup.start();
    let first = mails(&mut netkestrel, &mailbox, 1);
    assert!(
        first[0].header("subject").starts_with("[LOW]"),
        "{:?}",
        subjects(&first)
    );
    // Between acceptance and its record a crash may repeat a mail.
    netkestrel.wait_for("the record of the mail", |page| {
        let waiting = page.value("netkestrel_notification_queue_length", "")?;
        (waiting < 0.5).then_some(())
    });
    netkestrel.process.signal(Signal::KILL);
    drop(netkestrel);

    let mut netkestrel = setup.start();
    evaluations(&mut netkestrel, 30.0);
    firing(&mut netkestrel, 1.0);
    setup.configure(&mailing(""));
    netkestrel.process.signal(Signal::HUP);
    firing(&mut netkestrel, 0.0);
    netkestrel
        .process
        .wait_for("the word that the alert ends untold", |log| {
            log.iter()
                .any(|line| line.contains("no longer in force"))
                .then_some(())
        });
    evaluations(&mut netkestrel, 60.0);
    assert_eq!(mailbox.mails().len(), 1, "{:?}", subjects(&mailbox.mails()));
}

#[test]
fn a_mail_server_that_never_answers_delays_neither_a_probe_nor_a_scrape() {
    let name = "a_mail_server_that_never_answers_delays_neither_a_probe_nor_a_scrape";
    if !can_run(name, &[Need::Root]) {
        return;
    }
    let here = Namespace::new();
    let silent = here.run(|| TcpListener::bind(("127.0.0.1", PORT)).unwrap());
    let mut netkestrel = Setup::new(Place::Namespace(here.name().to_owned()), &mailing(ALWAYS)).start();
    firing(&mut netkestrel, 1.0);
    // The mail is under way from here on.
    let held = silent.accept().unwrap();
    let probes = |netkestrel: &Netkestrel| {
        let page = netkestrel.page();
        page.value("netkestrel_ping_requests_total", "device=\"self\"")
            .unwrap()
    };
    let before = probes(&netkestrel);
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    while begun.elapsed() < Duration::from_secs(6) {
        let asked = Instant::now();
        netkestrel.page();
        slowest = slowest.max(asked.elapsed());
        netkestrel.process.watch_for(Duration::from_millis(200));
    }
    let sent = probes(&netkestrel) - before;
    assert!(
        slowest < Duration::from_secs(2),
        "the slowest scrape took {slowest:?}"
    );
    assert!(sent >= 12.0, "three probes a second, but {sent} in 6 s");
    drop(held);
}

/// Waits until rules were evaluated this many times.
fn evaluations(netkestrel: &mut Netkestrel, count: f64) {
    netkestrel.wait_for("evaluations of rules", |page| {
        let evaluated = page.value("netkestrel_alert_rule_evaluations_total", "")?;
        (evaluated >= count).then_some(())
    });
}

fn firing(netkestrel: &mut Netkestrel, count: f64) {
    netkestrel.wait_for("the alerts", |page| {
        let firing: f64 = page
            .all("netkestrel_alerts_firing")
            .map(|sample| sample.value)
            .sum();
        ((firing - count).abs() < 0.5).then_some(())
    });
}
