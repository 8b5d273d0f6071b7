//! What is known of devices at the end, from the disk and from memory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use netkestrel::{
    clock::Now,
    history::{
        Store,
        uptime::{Ledger, Standing, Sums},
    },
};

use super::Uptime;

/// What is known of every device from `begin` on.
pub(crate) fn of(store: &Store, (begin, now): (Timestamp, Now)) -> BTreeMap<String, Uptime> {
    let reader = store.reader();
    let window = (begin, now.wall);
    let ledger = reader.ledger(None).expect("readable");
    let until = reader.standing(|tracker| tracker.until(now)).expect("followed");
    let mut found = BTreeMap::new();
    for device in ledger.devices() {
        let sums = ledger.sums(device, window, until);
        let in_memory = reader.standing(|tracker| tracker.ledger().sums(device, window, until));
        assert_eq!(
            Some(format!("{sums:?}")),
            in_memory.map(|sums| format!("{sums:?}")),
            "{device}"
        );
        let seconds = seconds(&sums);
        let (told, length) = (seconds.values().sum::<f64>(), now.wall.duration_since(begin));
        assert!(
            (told - length.as_secs_f64()).abs() < 0.002,
            "{device}: all time is told of: {told} s of {length:#}"
        );
        let uptime = Uptime {
            standings: standings(&ledger, device),
            seconds,
            outages: outages(&ledger, device, window, until),
        };
        found.insert(device.to_string(), uptime);
    }
    found
}

fn seconds(sums: &Sums) -> BTreeMap<Standing, f64> {
    let all = Standing::ALL.map(|standing| (standing, sums.seconds(standing)));
    all.into_iter().filter(|(_, seconds)| *seconds > 0.0).collect()
}

fn standings(ledger: &Ledger, device: &str) -> Vec<String> {
    let standings = ledger.standings(device).into_iter();
    standings
        .map(|(at, standing, why)| {
            let text = format!("{} {} {why}", clock(at), standing.map_or("mixed", Standing::name));
            text.trim_end().to_owned()
        })
        .collect()
}

fn outages(ledger: &Ledger, device: &str, window: (Timestamp, Timestamp), until: Timestamp) -> Vec<String> {
    let (outages, _) = ledger.outages(device, window, until);
    let outages = outages.iter().map(|outage| {
        let end = outage.end.map_or("now".to_owned(), clock);
        let seconds = outage.within as f64 / 1e3;
        let text = format!("{} {end} {seconds} {}", clock(outage.start), outage.cause);
        text.trim_end().to_owned()
    });
    outages.collect()
}

/// `12:00:00.250`, without thousandths that are zero.
fn clock(at: Timestamp) -> String {
    let text = at.strftime("%H:%M:%S%.3f").to_string();
    text.trim_end_matches(".000").to_owned()
}
