//! Echo requests over one socket per IP version, timed by the kernel on both ways.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;
use tracing::{info, warn};

use super::{
    Shared,
    engine::Prober,
    flight::{Flight, Flights, timed_out},
    packet::{Framing, Identity, Mark},
    probe::{Answer, Event, IcmpError, IcmpVersion, Method, Order, Outcome, Unsent, UnsentReason, What},
};
use crate::sys::{
    control::Origin,
    ping_socket::{Access, Buffers, Message, PingSocket, Queue, Version},
};

/// A socket that was refused is asked for again after this time.
const OPEN_AGAIN: Duration = Duration::from_mins(1);
/// In shorter waits replies stay in the socket: the kernel has stamped them, and one wake-up reads them all.
const SHORT_WAIT: Duration = Duration::from_millis(20);

/// The prober of Linux.
pub(super) struct KernelTimed {
    shared: Arc<Shared>,
    runtime: Handle,
    identity: Identity,
    began: Instant,
    sequence: u16,
    sockets: [Family; 2],
    flights: Flights,
    buffers: Buffers,
    replies: Vec<Reply>,
}

/// The socket of one IP version, or why there is none.
struct Family {
    version: Version,
    socket: Option<PingSocket>,
    refused: Option<Refused>,
}

struct Refused {
    at: Instant,
    unsent: Unsent,
}

/// A reply as read, before it is matched.
struct Reply {
    sequence: u16,
    mark: Mark,
    stamp: Option<i64>,
    hop_limit: Option<u8>,
}

impl KernelTimed {
    /// Opens no socket yet: that happens with the first request of each IP version.
    pub(super) fn new(shared: Arc<Shared>, runtime: Handle, identity: Identity) -> Self {
        let family = |version| Family {
            version,
            socket: None,
            refused: None,
        };
        Self {
            shared,
            runtime,
            identity,
            began: Instant::now(),
            sequence: 0,
            sockets: [family(Version::V4), family(Version::V6)],
            flights: Flights::default(),
            buffers: Buffers::new(),
            replies: Vec::new(),
        }
    }

    /// Reads both queues of one socket. Replies first, matched last: the stamp of a request that left is in the
    /// error queue before its reply can be anywhere.
    fn read(&mut self, index: usize, events: &mut Vec<Event>) {
        let Some(Family {
            version,
            socket: Some(socket),
            ..
        }) = self.sockets.get(index)
        else {
            return;
        };
        let (identity, framing) = (self.identity, framing(*version, socket.access()));
        let (replies, flights) = (&mut self.replies, &mut self.flights);
        socket.drain(Queue::Replies, &mut self.buffers, |message| {
            if let Some((sequence, mark)) = identity.reply(framing, message.data) {
                let (stamp, hop_limit) = (message.control.stamp, message.control.hop_limit);
                replies.push(Reply {
                    sequence,
                    mark,
                    stamp,
                    hop_limit,
                });
            }
        });
        socket.drain(Queue::Errors, &mut self.buffers, |message| {
            events.extend(read_error(&identity, framing, &message, flights));
        });
        socket.clear_error();
    }

    /// Matches a reply with its request. One that took longer than allowed is a miss, however soon it is read.
    fn settle(&mut self, reply: &Reply, now: Instant, events: &mut Vec<Event>) {
        let id = reply.mark.id;
        let event = |what| Event {
            id,
            method: Method::Echo,
            what,
        };
        let Some(flight) = self.flights.land(id, reply.sequence) else {
            let age = now.saturating_duration_since(self.began + Duration::from_nanos(reply.mark.sent));
            let late = age > Duration::from_millis(reply.mark.timeout.into());
            events.push(event(if late { What::LateReply } else { What::Duplicate }));
            return;
        };
        let round_trip = flight.round_trip(reply.stamp, now);
        if round_trip > flight.timeout {
            events.extend([timed_out(id), event(What::LateReply)]);
            return;
        }
        let answer = Answer {
            round_trip,
            hop_limit: reply.hop_limit,
        };
        events.push(event(What::Ended(Outcome::Answered(answer))));
    }
}

impl Prober for KernelTimed {
    fn send(&mut self, order: &Order) -> Result<(), Unsent> {
        let version = Version::of(order.to.ip());
        self.sequence = self.sequence.wrapping_add(1);
        let family = &mut self.sockets[usize::from(version == Version::V6)];
        let socket = family.open(&self.runtime, self.identity.ident)?;
        let flight = Flight {
            sequence: self.sequence,
            to: order.to.ip(),
            timeout: order.timeout,
            sent: Instant::now(),
            sent_wall: wall_nanos(),
            left_wall: None,
        };
        let since = flight.sent.saturating_duration_since(self.began).as_nanos();
        let mark = Mark {
            id: order.id,
            sent: u64::try_from(since).unwrap_or(u64::MAX),
            timeout: u32::try_from(order.timeout.as_millis()).unwrap_or(u32::MAX),
        };
        let packet = self.identity.request(icmp_version(version), self.sequence, mark);
        socket.send(&packet, order.to).map_err(|error| Unsent {
            reason: UnsentReason::of(&error),
            detail: error.to_string(),
        })?;
        self.flights.depart(order.id, flight);
        Ok(())
    }

    fn collect(&mut self, events: &mut Vec<Event>) {
        for index in 0..self.sockets.len() {
            self.read(index, events);
        }
        let now = Instant::now();
        let mut replies = std::mem::take(&mut self.replies);
        replies
            .drain(..)
            .for_each(|reply| self.settle(&reply, now, events));
        self.replies = replies;
        self.flights.expire(now, events);
    }

    fn deadline(&self) -> Option<Instant> {
        self.flights.deadline()
    }

    fn wait(&self, until: Option<Instant>) {
        let short = until.is_some_and(|until| until.saturating_duration_since(Instant::now()) <= SHORT_WAIT);
        let sockets = self
            .sockets
            .iter()
            .filter(|_| !short)
            .filter_map(|family| family.socket.as_ref());
        let sockets: Vec<_> = sockets.map(PingSocket::as_fd).collect();
        self.shared.wait(&sockets, until);
    }

    fn dropped(&mut self) -> u64 {
        let sockets = self.sockets.iter().filter_map(|family| family.socket.as_ref());
        sockets.map(|socket| u64::from(socket.dropped())).sum()
    }

    fn retry(&mut self) {
        self.sockets.iter_mut().for_each(|family| family.refused = None);
    }
}

impl Family {
    fn open(&mut self, runtime: &Handle, ident: u16) -> Result<&PingSocket, Unsent> {
        if self.socket.is_none() {
            if let Some(refused) = self
                .refused
                .as_ref()
                .filter(|refused| refused.at.elapsed() < OPEN_AGAIN)
            {
                return Err(refused.unsent.clone());
            }
            let _within = runtime.enter();
            match PingSocket::open(self.version, ident) {
                Ok(socket) => {
                    info!(version = ?self.version, access = ?socket.access(), "opened a socket for pings");
                    (self.socket, self.refused) = (Some(socket), None);
                }
                Err(error) => return Err(self.refuse(&error)),
            }
        }
        self.socket.as_ref().ok_or_else(|| Unsent {
            reason: UnsentReason::Send,
            detail: String::new(),
        })
    }

    fn refuse(&mut self, error: &io::Error) -> Unsent {
        let (reason, detail) = match error.kind() {
            io::ErrorKind::PermissionDenied => (UnsentReason::Permission, super::support::ADVICE.to_owned()),
            // A host without IPv6 has no way to an IPv6 address.
            io::ErrorKind::Unsupported => (UnsentReason::NoRoute, error.to_string()),
            _ => (UnsentReason::Send, error.to_string()),
        };
        let unsent = Unsent { reason, detail };
        if self.refused.is_none() {
            warn!(version = ?self.version, reason = %unsent, "no socket for pings; devices are unknown");
        }
        self.refused = Some(Refused {
            at: Instant::now(),
            unsent: unsent.clone(),
        });
        unsent
    }
}

/// A stamp is noted with its flight; an ICMP error for one of our probes ends it.
fn read_error(
    identity: &Identity,
    framing: Framing,
    message: &Message<'_>,
    flights: &mut Flights,
) -> Option<Event> {
    let error = message.control.error?;
    let version = match error.origin {
        Origin::Timestamp => {
            let mark = identity.departed(message.data)?;
            flights.left(mark.id, message.control.stamp?);
            return None;
        }
        Origin::Icmp => IcmpVersion::V4,
        Origin::Icmp6 => IcmpVersion::V6,
        Origin::Other => return None,
    };
    let (kind, code, offender) = (error.kind, error.code, error.offender);
    let miss = IcmpError {
        version,
        kind,
        code,
        offender,
    }
    .miss()?;
    let (sequence, mark) = identity.quoted(framing, message.data)?;
    let id = match mark {
        Some(mark) => mark.id,
        None => flights.find(sequence, message.address?)?,
    };
    flights.land(id, sequence)?;
    Some(Event {
        id,
        method: Method::Echo,
        what: What::Ended(Outcome::Missed(miss)),
    })
}

fn icmp_version(version: Version) -> IcmpVersion {
    match version {
        Version::V4 => IcmpVersion::V4,
        Version::V6 => IcmpVersion::V6,
    }
}

fn framing(version: Version, access: Access) -> Framing {
    match access {
        Access::Datagram => Framing::Datagram(icmp_version(version)),
        Access::Raw => Framing::Raw(icmp_version(version)),
    }
}

/// The clock of the kernel's stamps.
fn wall_nanos() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    time.tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(time.tv_nsec)
}
