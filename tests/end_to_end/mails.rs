//! Devices that die, mails that arrive: the whole way, with a real mail server, across a crash of the program.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
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
struct Site {
    here: Namespace,
    there: Namespace,
}

impl Site {
    fn new() -> Self {
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
            self.there.ip(&format!("addr del {ip}/32 dev lo"));
        }
    }

    fn revive(&self) {
        for ip in DEVICES {
            self.there.ip(&format!("addr add {ip}/32 dev lo"));
        }
    }

    fn setup(&self) -> Setup {
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
             from: netkestrel@example.org\n    recipients: [{{address: ops@example.org}}]\n",
            targets.join("\n")
        );
        Setup::new(Place::Namespace(self.here.name().to_owned()), &configuration)
    }
}

fn all_up(netkestrel: &mut Netkestrel) {
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

fn subjects(mails: &[Mail]) -> Vec<String> {
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

fn firing(netkestrel: &mut Netkestrel, count: f64) {
    netkestrel.wait_for("the alerts", |page| {
        let firing: f64 = page
            .all("netkestrel_alerts_firing")
            .map(|sample| sample.value)
            .sum();
        ((firing - count).abs() < 0.5).then_some(())
    });
}
