//! What hangs below what: a router that dies with everything behind it is one mail.

use std::time::Duration;

use super::support::{
    mail::{Mail, Mailbox, PORT},
    namespace::Namespace,
    netkestrel::{Netkestrel, Place, Setup},
    requirement::{Need, can_run},
};

const BEHIND: usize = 30;

/// The host of the program, and a router with devices behind it.
struct Site {
    here: Namespace,
    router: Namespace,
}

impl Site {
    fn new() -> Self {
        let (here, router) = (Namespace::new(), Namespace::new());
        here.ip(&format!(
            "link add near type veth peer name far netns {}",
            router.name()
        ));
        here.ip("addr add 10.77.0.1/24 dev near");
        here.ip("link set near up");
        router.ip("addr add 10.77.0.2/24 dev far");
        router.ip("link set far up");
        // It answers for every device of its network.
        router.ip("route add local 10.78.0.0/24 dev lo");
        here.ip("route add 10.78.0.0/24 via 10.77.0.2");
        Self { here, router }
    }

    fn start(&self, more: &str) -> Netkestrel {
        let device =
            |number| format!("      - {{name: d{number}, address: 10.78.0.{number}, parents: [router]}}\n");
        let devices: String = (1..=BEHIND).map(device).collect();
        let router = "      - {name: router, address: 10.77.0.2}\n";
        self.watch(&format!("{more}    targets:\n{router}{devices}"))
    }

    fn watch(&self, devices: &str) -> Netkestrel {
        let configuration = format!(
            "collectors:\n  devices:\n    interval: 5s\n    timeout: 1s\n    probes: 1\n{devices}\
             notifiers:\n  email:\n    server: 127.0.0.1\n    port: {PORT}\n    tls: none\n    \
             from: netkestrel@example.org\n    recipients: [{{address: ops@example.org}}]\n"
        );
        Setup::new(Place::Namespace(self.here.name().to_owned()), &configuration).start()
    }
}

/// Waits until so many devices have this status.
fn devices(netkestrel: &mut Netkestrel, status: &str, count: usize) {
    let label = format!("status=\"{status}\"");
    netkestrel.wait_for(&format!("{count} devices {status}"), |page| {
        let found = page.value("netkestrel_devices", &label)?;
        ((found - count as f64).abs() < 0.5).then_some(())
    });
}

fn mails(netkestrel: &mut Netkestrel, mailbox: &Mailbox, count: usize) -> Vec<Mail> {
    netkestrel.process.wait_for(&format!("{count} mails"), |_| {
        let mails = mailbox.mails();
        (mails.len() >= count).then_some(mails)
    })
}

/// Subjects of all mails, after a while in which more could come.
fn subjects(netkestrel: &mut Netkestrel, mailbox: &Mailbox) -> Vec<String> {
    netkestrel.process.watch_for(Duration::from_secs(6));
    let mails = mailbox.mails();
    mails.iter().map(|mail| mail.header("subject")).collect()
}

#[test]
fn a_router_that_dies_with_thirty_devices_behind_it_is_one_mail_and_one_more_when_it_returns() {
    let name = "a_router_that_dies_with_thirty_devices_behind_it_is_one_mail_and_one_more_when_it_returns";
    if !can_run(name, &[Need::Root, Need::MailServer]) {
        return;
    }
    let site = Site::new();
    let mailbox = Mailbox::in_namespace(site.here.name());
    let mut netkestrel = site.start("");
    devices(&mut netkestrel, "up", BEHIND + 1);
    site.router.ip("link set far down");
    mails(&mut netkestrel, &mailbox, 1);
    devices(&mut netkestrel, "unreachable", BEHIND);
    let told = subjects(&mut netkestrel, &mailbox);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("[HIGH] router is down; 30 devices behind it"),
        "{told:?}"
    );
    site.router.ip("link set far up");
    mails(&mut netkestrel, &mailbox, 2);
    devices(&mut netkestrel, "up", BEHIND + 1);
    let told = subjects(&mut netkestrel, &mailbox);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].starts_with("[RESOLVED] router is up again"), "{told:?}");
}

#[test]
fn a_default_gateway_that_dies_is_one_mail_for_all_that_is_reached_through_it() {
    let name = "a_default_gateway_that_dies_is_one_mail_for_all_that_is_reached_through_it";
    if !can_run(name, &[Need::Root, Need::MailServer]) {
        return;
    }
    let site = Site::new();
    site.here.ip("route del 10.78.0.0/24");
    site.here.ip("route add default via 10.77.0.2");
    let mailbox = Mailbox::in_namespace(site.here.name());
    let device = |number| format!("      - {{name: d{number}, address: 10.78.0.{number}}}\n");
    let devices_beyond: String = (1..=BEHIND).map(device).collect();
    // It says that nothing is before it.
    let alone = "      - {name: alone, address: 10.78.0.200, parents: []}\n";
    let mut netkestrel = site.watch(&format!("    targets:\n{devices_beyond}{alone}"));
    devices(&mut netkestrel, "up", BEHIND + 2);
    assert!(netkestrel.page().devices().contains(&"gateway".to_owned()));
    let found = netkestrel.client.get("/sd/devices").text().to_owned();
    assert!(
        found.contains(r#"{"targets":["10.77.0.2"],"labels":{"__meta_netkestrel_check":"icmp","__meta_netkestrel_name":"gateway"}}"#),
        "{found}"
    );
    site.router.ip("link set far down");
    mails(&mut netkestrel, &mailbox, 2);
    devices(&mut netkestrel, "unreachable", BEHIND);
    let mut told = subjects(&mut netkestrel, &mailbox);
    told.sort();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("[HIGH] alone is down"), "{told:?}");
    assert!(
        told[1].starts_with("[HIGH] gateway is down; 30 devices behind it"),
        "{told:?}"
    );
}

#[test]
fn a_host_without_uplink_knows_nothing_of_its_devices_and_mails_once() {
    let name = "a_host_without_uplink_knows_nothing_of_its_devices_and_mails_once";
    if !can_run(name, &[Need::Root, Need::MailServer]) {
        return;
    }
    let site = Site::new();
    let mailbox = Mailbox::in_namespace(site.here.name());
    let mut netkestrel = site.start("    uplink: {anchors: [10.77.0.2]}\n");
    devices(&mut netkestrel, "up", BEHIND + 1);
    site.here.ip("link set near down");
    mails(&mut netkestrel, &mailbox, 1);
    devices(&mut netkestrel, "unknown", BEHIND + 1);
    let told = subjects(&mut netkestrel, &mailbox);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("[CRITICAL] uplink is down on"), "{told:?}");
    site.here.ip("link set near up");
    site.here.ip("route add 10.78.0.0/24 via 10.77.0.2");
    mails(&mut netkestrel, &mailbox, 2);
    devices(&mut netkestrel, "up", BEHIND + 1);
    let told = subjects(&mut netkestrel, &mailbox);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].starts_with("[RESOLVED] uplink is up again"), "{told:?}");
    let page = netkestrel.page();
    let observed = page
        .all("netkestrel_device_observed_seconds_total")
        .map(|sample| sample.value);
    let up = page
        .all("netkestrel_device_up_seconds_total")
        .map(|sample| sample.value);
    let (observed, up): (f64, f64) = (observed.sum(), up.sum());
    assert!(
        (observed - up).abs() < 1e-6,
        "observed for {observed} s, up for {up} s"
    );
}
