//! Interfaces over rtnetlink. What they are is dumped once and again when the kernel announces a change; a reading
//! otherwise dumps only the counters, which costs the kernel a tenth. Sees the network namespace it is first used in.

mod facts;
mod link;
mod message;
mod socket;

use std::{collections::HashMap, sync::Arc, time::Instant};

use rustix::io::Errno;

use self::{
    facts::{Folder, LinkFacts},
    link::{LINK_HEADER, LinkMessage, parse_stats, printable},
    socket::{ChangeSocket, DumpSocket, Request, malformed},
};
use super::interface::{Counters, Facts, Interface, Kind, Link, Snapshot, Source};
use crate::{
    clock::Clock,
    collectors::{Context, Error},
};

const LINKS: Request<'_> = Request {
    asks: 18,
    answers: 16,
    body: &[0; LINK_HEADER],
    call: "list the interfaces over netlink",
};
/// The last four bytes select 64-bit counters and nothing else.
const STATS: Request<'_> = Request {
    asks: 94,
    answers: 92,
    body: &STATS_BODY,
    call: "read the counters of the interfaces over netlink",
};
const STATS_BODY: [u8; link::STATS_HEADER] = {
    let mask = 1_u32.to_ne_bytes();
    [0, 0, 0, 0, 0, 0, 0, 0, mask[0], mask[1], mask[2], mask[3]]
};

/// Reads interfaces over rtnetlink and sysfs.
pub(super) struct Rtnetlink {
    clock: Clock,
    folder: Folder,
    sockets: Option<Sockets>,
    known: Vec<Known>,
    counters_only: CountersOnly,
}

struct Sockets {
    dumps: DumpSocket,
    /// `None` where the kernel grants no subscription: every reading then lists the interfaces anew.
    changes: Option<ChangeSocket>,
}

/// Whether the kernel can dump counters without the rest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CountersOnly {
    Supported,
    Unsupported,
}

/// An interface as last listed.
#[derive(Clone)]
struct Known {
    raw_name: Vec<u8>,
    link: Arc<Link>,
}

impl Rtnetlink {
    /// Opens nothing yet.
    pub(super) fn new(context: &Context) -> Self {
        Self {
            clock: context.clock,
            folder: Folder::below(&context.paths.sysfs),
            sockets: None,
            known: Vec::new(),
            counters_only: CountersOnly::Supported,
        }
    }

    fn read_with(&mut self, sockets: &mut Sockets) -> Result<(Instant, Vec<Interface>), Error> {
        let changed = sockets.changes.as_ref().is_none_or(ChangeSocket::changed);
        if !changed && !self.known.is_empty() && self.counters_only == CountersOnly::Supported {
            match self.read_counters(&mut sockets.dumps) {
                Ok(Some(read)) => return Ok(read),
                Ok(None) => {}
                Err(error) if is_refusal(&error) => self.counters_only = CountersOnly::Unsupported,
                Err(error) => return Err(error),
            }
        }
        self.list(&mut sockets.dumps)
    }

    /// Reads the counters of the known interfaces; `None` when these turn out to be others.
    fn read_counters(&self, dumps: &mut DumpSocket) -> Result<Option<(Instant, Vec<Interface>)>, Error> {
        let (taken, found) = timed(self.clock, || dumps.dump(&STATS, parse_stats));
        Ok(pair(&self.known, &found?).map(|interfaces| (taken, interfaces)))
    }

    /// Lists the interfaces anew, with their counters.
    fn list(&mut self, dumps: &mut DumpSocket) -> Result<(Instant, Vec<Interface>), Error> {
        let (taken, messages) = timed(self.clock, || dumps.dump(&LINKS, LinkMessage::parse));
        let messages = messages?;
        if messages.is_empty() {
            return Err(malformed("no interface was listed, not even the loopback"));
        }
        let before: HashMap<u32, Known> = self
            .known
            .drain(..)
            .map(|known| (known.link.index, known))
            .collect();
        let counters: Vec<Counters> = messages.iter().map(|message| message.counters).collect();
        self.known = messages
            .into_iter()
            .map(|message| identify(message, &before, &self.folder))
            .collect();
        let links = self.known.iter().map(|known| Arc::clone(&known.link));
        let interfaces = links
            .zip(counters)
            .map(|(link, counters)| Interface { link, counters })
            .collect();
        Ok((taken, interfaces))
    }

    /// Reads speed and duplex of hardware anew, and shows them in `interfaces` as well.
    fn refresh_facts(&mut self, interfaces: &mut [Interface]) {
        for (known, interface) in self.known.iter_mut().zip(interfaces) {
            if !known.link.kind.is_hardware() {
                continue;
            }
            let facts = self.folder.link(&known.raw_name);
            if (known.link.speed, &known.link.duplex) != (facts.speed, &facts.duplex) {
                known.link = Arc::new(with_facts(known.link.as_ref().clone(), facts));
                interface.link = Arc::clone(&known.link);
            }
        }
    }
}

impl Source for Rtnetlink {
    fn read(&mut self, facts: Facts) -> Result<Snapshot, Error> {
        let mut sockets = if let Some(sockets) = self.sockets.take() {
            sockets
        } else {
            self.known.clear();
            open()?
        };
        // After a failure the sockets are dropped with whatever still waits in them.
        let (taken, mut interfaces) = self.read_with(&mut sockets)?;
        self.sockets = Some(sockets);
        if facts == Facts::Fresh {
            self.refresh_facts(&mut interfaces);
        }
        Ok(Snapshot { taken, interfaces })
    }
}

/// Whether the kernel does not know or not permit what was asked, so that asking again is pointless.
fn is_refusal(error: &Error) -> bool {
    let Error::System { source, .. } = error else {
        return false;
    };
    let refusals = [Errno::OPNOTSUPP, Errno::INVAL, Errno::PERM, Errno::ACCESS];
    refusals
        .iter()
        .any(|refusal| source.raw_os_error() == Some(refusal.raw_os_error()))
}

/// The subscription comes first, so that no change between it and the first listing is lost.
fn open() -> Result<Sockets, Error> {
    Ok(Sockets {
        changes: ChangeSocket::open().ok(),
        dumps: DumpSocket::open()?,
    })
}

/// Runs `read` and tells the moment in its middle.
fn timed<T>(clock: Clock, read: impl FnOnce() -> T) -> (Instant, T) {
    let before = clock.now().instant;
    let result = read();
    let took = clock.now().instant.saturating_duration_since(before);
    (before + took / 2, result)
}

/// Gives every known interface its counters; `None` when the two lists are not about the same interfaces.
fn pair(known: &[Known], found: &[(u32, Counters)]) -> Option<Vec<Interface>> {
    if known.len() != found.len() {
        return None;
    }
    known
        .iter()
        .zip(found)
        .map(|(known, (index, counters))| {
            (known.link.index == *index).then(|| Interface {
                link: Arc::clone(&known.link),
                counters: *counters,
            })
        })
        .collect()
}

/// Completes a message with what sysfs tells, or told about the same link before.
fn identify(message: LinkMessage, before: &HashMap<u32, Known>, folder: &Folder) -> Known {
    let old = before
        .get(&message.index)
        .filter(|old| old.raw_name == message.name);
    let kind = kind(&message, old, folder);
    let mut link = Link {
        index: message.index,
        name: printable(&message.name),
        kind,
        layer: message.layer(),
        master: message.master,
        wanted: message.wanted(),
        up: message.is_up(),
        operstate: message.operstate.clone(),
        address: message.address.clone(),
        mtu: message.mtu,
        carrier_changes: message.carrier_changes,
        speed: None,
        duplex: smol_str::SmolStr::default(),
    };
    if kind.is_hardware() {
        let facts = old.and_then(|old| remembered(old, &link));
        link = with_facts(link, facts.unwrap_or_else(|| folder.link(&message.name)));
    }
    Known {
        raw_name: message.name,
        link: share(link, old),
    }
}

fn kind(message: &LinkMessage, old: Option<&Known>, folder: &Folder) -> Kind {
    if message.is_loopback() {
        return Kind::Loopback;
    }
    if let Some(old) = old {
        return old.link.kind;
    }
    let hardware = message
        .is_hardware()
        .unwrap_or_else(|| folder.has_device(&message.name));
    match hardware {
        false => Kind::Virtual,
        true if folder.is_wireless(&message.name) => Kind::Wireless,
        true => Kind::Physical,
    }
}

/// Speed and duplex can only change when the link does.
fn remembered(old: &Known, link: &Link) -> Option<LinkFacts> {
    let same = (old.link.carrier_changes, &old.link.operstate) == (link.carrier_changes, &link.operstate);
    same.then(|| LinkFacts {
        speed: old.link.speed,
        duplex: old.link.duplex.clone(),
    })
}

fn with_facts(mut link: Link, facts: LinkFacts) -> Link {
    link.speed = facts.speed;
    link.duplex = facts.duplex;
    link
}

/// Keeps the shared value where nothing changed.
fn share(link: Link, old: Option<&Known>) -> Arc<Link> {
    match old {
        Some(old) if *old.link == link => Arc::clone(&old.link),
        _ => Arc::new(link),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{message::build::attribute, *};

    /// A link message of a network card, or of what has no device behind it.
    fn message(operstate: u8, device: bool) -> LinkMessage {
        let mut body = vec![0; LINK_HEADER];
        body[4] = 2;
        body.extend(attribute(3, b"eth0\0"));
        body.extend(attribute(16, &[operstate]));
        if device {
            body.extend(attribute(56, b"0000:00:03.0\0"));
        }
        LinkMessage::parse(&body).expect("a whole message")
    }

    /// A sysfs with an entry for `eth0`.
    struct Sysfs(tempfile::TempDir);

    impl Sysfs {
        fn new(speed: &str) -> Self {
            let sysfs = Self(tempfile::tempdir().expect("a temporary folder"));
            fs::create_dir_all(sysfs.0.path().join("class/net/eth0")).expect("a folder");
            sysfs.set("speed", speed);
            sysfs
        }

        fn set(&self, file: &str, text: &str) {
            fs::write(self.0.path().join("class/net/eth0").join(file), text).expect("a file");
        }

        fn folder(&self) -> Folder {
            Folder::below(self.0.path().to_str().expect("UTF-8"))
        }
    }

    fn after(known: &Known) -> HashMap<u32, Known> {
        HashMap::from([(2, known.clone())])
    }

    #[test]
    fn speed_is_remembered_while_the_link_stays_the_same() {
        let sysfs = Sysfs::new("1000");
        let first = identify(message(6, true), &HashMap::new(), &sysfs.folder());
        assert_eq!((first.link.kind, first.link.speed), (Kind::Physical, Some(125e6)));
        sysfs.set("speed", "100");
        let same = identify(message(6, true), &after(&first), &sysfs.folder());
        assert!(Arc::ptr_eq(&same.link, &first.link));
        let changed = identify(message(2, true), &after(&first), &sysfs.folder());
        assert_eq!(changed.link.speed, Some(12.5e6));
    }

    #[test]
    fn an_interval_run_reads_the_speed_anew() {
        let sysfs = Sysfs::new("1000");
        let known = identify(message(6, true), &HashMap::new(), &sysfs.folder());
        let mut interfaces = vec![Interface {
            link: Arc::clone(&known.link),
            counters: Counters::default(),
        }];
        let mut source = Rtnetlink::new(&Context::default());
        (source.folder, source.known) = (sysfs.folder(), vec![known]);
        sysfs.set("speed", "-1");
        source.refresh_facts(&mut interfaces);
        assert_eq!(
            (interfaces[0].link.speed, source.known[0].link.speed),
            (None, None)
        );
    }

    #[test]
    fn kinds_follow_the_device_and_the_radio() {
        let sysfs = Sysfs::new("-1");
        let kind = |message| identify(message, &HashMap::new(), &sysfs.folder()).link.kind;
        assert_eq!(kind(message(6, true)), Kind::Physical);
        assert_eq!(kind(message(6, false)), Kind::Virtual);
        sysfs.set("device", "");
        assert_eq!(
            kind(message(6, false)),
            Kind::Physical,
            "kernels that do not tell over netlink"
        );
        sysfs.set("phy80211", "");
        assert_eq!(kind(message(6, true)), Kind::Wireless);
    }

    #[test]
    fn counters_are_only_given_to_the_interfaces_they_belong_to() {
        let sysfs = Sysfs::new("-1");
        let known = [identify(message(6, true), &HashMap::new(), &sysfs.folder())];
        let counters = Counters::default();
        assert!(pair(&known, &[(2, counters)]).is_some());
        for (case, found) in [
            ("gone", vec![]),
            ("another", vec![(3, counters)]),
            ("one more", vec![(2, counters), (3, counters)]),
        ] {
            assert!(pair(&known, &found).is_none(), "{case}");
        }
    }

    #[test]
    fn the_loopback_is_there_whichever_way_it_is_read() {
        let mut source = Rtnetlink::new(&Context::default());
        for (round, counters_only) in [
            ("listing", CountersOnly::Supported),
            ("counters", CountersOnly::Supported),
            ("a kernel without the dump of counters", CountersOnly::Unsupported),
        ] {
            source.counters_only = counters_only;
            let snapshot = source.read(Facts::Fresh).expect("every host has a loopback");
            let loopback = snapshot
                .interfaces
                .iter()
                .find(|interface| interface.link.name == "lo");
            let loopback = loopback.expect(round);
            assert_eq!(loopback.link.kind, Kind::Loopback, "{round}");
            assert!(loopback.counters.receive.bytes.is_some(), "{round}");
        }
    }

    #[test]
    fn only_a_refusal_ends_the_dumps_of_counters() {
        let error = |errno: Errno| Error::System {
            call: "test",
            source: errno.into(),
        };
        assert!(is_refusal(&error(Errno::OPNOTSUPP)));
        assert!(!is_refusal(&error(Errno::AGAIN)));
        assert!(!is_refusal(&malformed("test")));
    }
}
