//! Echo requests by `surge-ping` for systems other than Linux: one client per IP version, one task per request.
//! Times are taken in user space, and errors of the network stay hidden.

use std::{
    io,
    sync::{Arc, mpsc::Sender},
    time::{Duration, Instant},
};

use surge_ping::{Client, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};
use tokio::runtime::Handle;
use tracing::warn;

use super::{
    Shared,
    engine::Prober,
    options::USUAL_SIZE,
    probe::{
        Answer, Event, IcmpError, IcmpVersion, Method, Miss, Order, Outcome, Unsent, UnsentReason, What,
    },
    renewal,
};

const OPEN_AGAIN: Duration = Duration::from_mins(1);

/// The prober of other systems.
pub(super) struct Portable {
    shared: Arc<Shared>,
    runtime: Handle,
    mailbox: Sender<Event>,
    ident: u16,
    /// Since when this identifier is in use.
    since: Instant,
    sequence: u16,
    clients: [Family; 2],
}

struct Family {
    kind: ICMP,
    client: Option<Client>,
    refused: Option<(Instant, Unsent)>,
}

impl Portable {
    /// Opens no socket yet: that happens with the first request of each IP version.
    pub(super) fn new(shared: Arc<Shared>, runtime: Handle, mailbox: Sender<Event>, ident: u16) -> Self {
        let family = |kind| Family {
            kind,
            client: None,
            refused: None,
        };
        Self {
            shared,
            runtime,
            mailbox,
            ident,
            since: Instant::now(),
            sequence: 0,
            clients: [family(ICMP::V4), family(ICMP::V6)],
        }
    }
}

impl Prober for Portable {
    fn send(&mut self, order: &Order) -> Result<(), Unsent> {
        self.sequence = self.sequence.wrapping_add(1);
        let client = self.clients[usize::from(order.to.is_ipv6())]
            .open(&self.runtime)?
            .clone();
        let now = Instant::now();
        if renewal::is_due(self.since, order.afresh, now) {
            (self.ident, self.since) = (self.ident.wrapping_add(1), now);
        }
        let (order, sequence, ident) = (*order, PingSequence(self.sequence), PingIdentifier(self.ident));
        let (mailbox, shared) = (self.mailbox.clone(), Arc::clone(&self.shared));
        self.runtime.spawn(async move {
            let mut pinger = client.pinger(order.to.ip(), ident).await;
            pinger.timeout(order.timeout);
            // Of all options only the size is accepted on these systems.
            let size = order.options.map_or(USUAL_SIZE, |options| options.size);
            let outcome = judge(pinger.ping(sequence, &vec![0; size.into()]).await);
            // The receiver is gone only when the ping thread has ended.
            let _ = mailbox.send(Event {
                id: order.id,
                method: Method::Echo,
                what: What::Ended(outcome),
            });
            shared.wake();
        });
        Ok(())
    }

    fn collect(&mut self, _events: &mut Vec<Event>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn wait(&self, until: Option<Instant>) {
        self.shared.wait(until);
    }

    fn dropped(&mut self) -> u64 {
        0
    }

    fn retry(&mut self) {
        self.clients.iter_mut().for_each(|family| family.refused = None);
    }
}

impl Family {
    fn open(&mut self, runtime: &Handle) -> Result<&Client, Unsent> {
        if self.client.is_none() {
            let recent = self.refused.as_ref().filter(|(at, _)| at.elapsed() < OPEN_AGAIN);
            if let Some((_, unsent)) = recent {
                return Err(unsent.clone());
            }
            let _within = runtime.enter();
            let config = surge_ping::Config::builder().kind(self.kind).build();
            match Client::new(&config) {
                Ok(client) => (self.client, self.refused) = (Some(client), None),
                Err(error) => return Err(self.refuse(&error)),
            }
        }
        self.client.as_ref().ok_or_else(|| Unsent {
            reason: UnsentReason::Send,
            detail: String::new(),
        })
    }

    fn refuse(&mut self, error: &io::Error) -> Unsent {
        let unsent = match error.kind() {
            io::ErrorKind::PermissionDenied => Unsent {
                reason: UnsentReason::Permission,
                detail: super::support::ADVICE.to_owned(),
            },
            _ => Unsent {
                reason: UnsentReason::of(error),
                detail: error.to_string(),
            },
        };
        if self.refused.is_none() {
            warn!(version = ?self.kind, reason = %unsent, "no socket for pings; devices are unknown");
        }
        self.refused = Some((Instant::now(), unsent.clone()));
        unsent
    }
}

fn judge(result: Result<(IcmpPacket, Duration), SurgeError>) -> Outcome {
    match result {
        Ok((packet, round_trip)) => answer(&packet, round_trip),
        Err(SurgeError::Timeout { .. }) => Outcome::Missed(Miss::Timeout),
        Err(SurgeError::IOError(error)) => Outcome::Unsent(Unsent {
            reason: UnsentReason::of(&error),
            detail: error.to_string(),
        }),
        Err(error) => Outcome::Unsent(Unsent {
            reason: UnsentReason::Send,
            detail: error.to_string(),
        }),
    }
}

/// Raw sockets also return errors of the network as packets; only an echo reply is an answer.
fn answer(packet: &IcmpPacket, round_trip: Duration) -> Outcome {
    let (version, kind, code, offender, hop_limit) = match packet {
        IcmpPacket::V4(packet) => {
            let (kind, code) = (packet.get_icmp_type().0, packet.get_icmp_code().0);
            (
                IcmpVersion::V4,
                kind,
                code,
                packet.get_source().into(),
                packet.get_ttl(),
            )
        }
        IcmpPacket::V6(packet) => {
            let (kind, code) = (packet.get_icmpv6_type().0, packet.get_icmpv6_code().0);
            (IcmpVersion::V6, kind, code, packet.get_source().into(), None)
        }
    };
    if matches!((version, kind), (IcmpVersion::V4, 0) | (IcmpVersion::V6, 129)) {
        return Outcome::Answered(Answer {
            round_trip,
            hop_limit,
        });
    }
    let error = IcmpError {
        version,
        kind,
        code,
        mtu: 0,
        offender: Some(offender),
    };
    Outcome::Missed(error.miss().unwrap_or(Miss::Unreachable(Some(error))))
}
