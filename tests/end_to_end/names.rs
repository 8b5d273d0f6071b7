//! Devices given by name, and a name server that learns and changes its mind while the program runs.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, UdpSocket},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use super::support::{
    exposition::Page,
    namespace::Namespace,
    netkestrel::{Netkestrel, Place, Setup},
    requirement::{Need, can_run},
};

const INFO: &str = "netkestrel_device_info";
const STATUS: &str = "netkestrel_device_status";
const CONFIGURATION: &str = "collectors:\n  devices:\n    interval: 2s\n    timeout: 1s\n    probes: 1\n    targets:\n      \
                             - {name: nas, address: nas.test}\n";

/// The host of the program, and a device that has the addresses it is given.
struct Site {
    here: Namespace,
    device: Namespace,
    answer: Arc<Mutex<Option<Ipv4Addr>>>,
}

impl Site {
    fn new() -> Self {
        let (here, device) = (Namespace::new(), Namespace::new());
        here.ip(&format!(
            "link add near type veth peer name far netns {}",
            device.name()
        ));
        here.ip("addr add 10.77.0.1/24 dev near");
        here.ip("link set near up");
        here.ip("route add 10.78.0.0/24 via 10.77.0.2");
        device.ip("addr add 10.77.0.2/24 dev far");
        device.ip("link set far up");
        device.ip("addr add 10.78.0.5/32 dev lo");
        here.resolve_by([127, 0, 0, 1].into());
        let answer = Arc::new(Mutex::new(None));
        let socket = here.run(|| UdpSocket::bind("127.0.0.1:53").unwrap());
        let answers = Arc::clone(&answer);
        // It ends with the process of the tests.
        thread::spawn(move || serve(&socket, &answers));
        Self { here, device, answer }
    }

    fn has(&self, address: [u8; 4]) {
        *self.answer.lock().unwrap() = Some(address.into());
    }
}

/// Answers every question for an address with the one at hand, and with none where there is none.
fn serve(socket: &UdpSocket, answer: &Mutex<Option<Ipv4Addr>>) {
    const HEADER: usize = 12;
    const A: [u8; 4] = [0, 1, 0, 1];
    let mut packet = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut packet) {
        let question = &packet[HEADER..length];
        let name = question.iter().position(|byte| *byte == 0).unwrap();
        let question = &question[..name + 5];
        let found = *answer.lock().unwrap();
        let address = found.filter(|_| question.ends_with(&A));
        let refused = if found.is_some() { 0x80 } else { 0x83 };
        let mut reply = vec![packet[0], packet[1], 0x81, refused, 0, 1, 0];
        reply.extend([u8::from(address.is_some()), 0, 0, 0, 0]);
        reply.extend(question);
        if let Some(address) = address {
            // The name of the question, the kind, nothing to be kept, four bytes.
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
            reply.extend(address.octets());
        }
        socket.send_to(&reply, from).unwrap();
    }
}

/// Waits until the device has this status.
fn status(netkestrel: &mut Netkestrel, what: &str, code: f64) -> Page {
    netkestrel.wait_for(what, |page| {
        let found = page.value(STATUS, "device=\"nas\"")?;
        ((found - code).abs() < 0.5).then(|| page.clone())
    })
}

/// Every series of the device but the one that says where it is.
fn series(page: &Page) -> BTreeSet<String> {
    let of_device = page
        .samples()
        .filter(|sample| sample.labels.contains("device=\"nas\""));
    let others = of_device.filter(|sample| sample.name != INFO);
    others
        .map(|sample| format!("{}{{{}}}", sample.name, sample.labels))
        .collect()
}

fn address(page: &Page) -> String {
    let facts: Vec<_> = page.all(INFO).collect();
    assert_eq!(facts.len(), 1, "{facts:?}");
    let ip = facts[0].labels.split("ip=\"").nth(1).unwrap();
    ip.split('"').next().unwrap().to_owned()
}

#[test]
fn a_name_that_resolves_late_and_moves_later_keeps_its_device_and_its_series() {
    let name = "a_name_that_resolves_late_and_moves_later_keeps_its_device_and_its_series";
    if !can_run(name, &[Need::Root]) {
        return;
    }
    let site = Site::new();
    let setup = Setup::new(Place::Namespace(site.here.name().to_owned()), CONFIGURATION);
    let mut netkestrel = setup.start();
    let before = netkestrel.wait_for("a lookup that fails", |page| {
        let failed = page.value("netkestrel_ping_unsent_total", "reason=\"resolve\"")?;
        (failed > 0.5).then(|| page.clone())
    });
    assert_eq!(
        before.value(STATUS, "device=\"nas\""),
        Some(4.0),
        "unknown, not down"
    );
    assert_eq!(before.value("netkestrel_device_up", "device=\"nas\""), None);
    assert_eq!(address(&before), "");

    site.has([10, 78, 0, 5]);
    status(&mut netkestrel, "the device, once its name resolves", 1.0);
    // Long enough that everything there is to tell of a device is told, and that its name may be looked up again.
    netkestrel.process.watch_for(Duration::from_secs(11));
    let found = netkestrel.page();
    assert_eq!(address(&found), "10.78.0.5");
    let missing: Vec<_> = series(&before).difference(&series(&found)).cloned().collect();
    assert!(
        missing.is_empty(),
        "was there before its name resolved: {missing:?}"
    );

    let requests = |page: &Page| {
        page.value("netkestrel_ping_requests_total", "device=\"nas\"")
            .unwrap()
    };
    let asked = requests(&netkestrel.page());
    site.has([10, 78, 0, 9]);
    site.device.ip("addr add 10.78.0.9/32 dev lo");
    site.device.ip("addr del 10.78.0.5/32 dev lo");
    let moved = netkestrel.wait_for("the device at its new address", |page| {
        let is_moved = address(page) == "10.78.0.9" && requests(page) > asked + 4.5;
        is_moved.then(|| page.clone())
    });
    assert_eq!(
        moved.value(STATUS, "device=\"nas\"").map(f64::to_bits),
        Some(1.0_f64.to_bits())
    );
    assert_eq!(
        moved.value("netkestrel_device_status_changes_total", "device=\"nas\""),
        Some(0.0)
    );
    let (one, other) = (series(&found), series(&moved));
    let churn: Vec<_> = one.symmetric_difference(&other).collect();
    assert!(churn.is_empty(), "{churn:?}");
}
