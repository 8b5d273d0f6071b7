//! Echo requests over the sockets of each IP version, timed by the kernel on both ways.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use super::{
    Shared,
    engine::Prober,
    flight::{Flight, Flights, timed_out},
    options::{Options, Source},
    packet::{self, Framing, Identity, Mark},
    probe::{
        Answer, Event, IcmpError, IcmpVersion, Method, Miss, Order, Outcome, Unsent, UnsentReason, What,
    },
    sockets::Sockets,
};
use crate::sys::{
    control::Origin,
    ping_send::{Departure, SendError},
    ping_socket::{Access, Buffers, Message, PingSocket, Queue},
};

/// In shorter waits replies stay in the socket: the kernel has stamped them, and one wake-up reads them all.
const SHORT_WAIT: Duration = Duration::from_millis(20);

/// The prober of Linux.
pub(super) struct KernelTimed {
    shared: Arc<Shared>,
    runtime: Handle,
    identity: Identity,
    began: Instant,
    sequence: u16,
    sockets: [(IcmpVersion, Sockets); 2],
    flights: Flights,
    buffers: Buffers,
    replies: Vec<Reply>,
}

/// A reply as read, before it is matched.
struct Reply {
    sequence: u16,
    mark: Mark,
    stamp: Option<i64>,
    hop_limit: Option<u8>,
}

impl KernelTimed {
    /// Opens no socket yet: that happens with the first request of each IP version. On raw sockets `ident` is the
    /// first identifier.
    pub(super) fn new(shared: Arc<Shared>, runtime: Handle, identity: Identity, ident: u16) -> Self {
        let began = Instant::now();
        let sockets = |version| (version, Sockets::new(version, identity.token, ident, began));
        Self {
            shared,
            runtime,
            identity,
            began,
            sequence: 0,
            sockets: [sockets(IcmpVersion::V4), sockets(IcmpVersion::V6)],
            flights: Flights::default(),
            buffers: Buffers::new(),
            replies: Vec::new(),
        }
    }

    /// Reads both queues of each socket. Replies first, matched last: the stamp of a request that left is in the
    /// error queue before its reply can be anywhere.
    fn read(&mut self, events: &mut Vec<Event>) {
        let (identity, replies, flights) = (self.identity, &mut self.replies, &mut self.flights);
        for (version, sockets) in &self.sockets {
            for socket in sockets.all() {
                let framing = framing(*version, socket.access());
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
                    events.extend(read_error(identity, framing, &message, flights));
                });
                socket.clear_error();
            }
        }
    }

    /// Sends a request at `now`.
    pub(super) fn send_at(&mut self, order: &Order, now: Instant) -> Result<(), Unsent> {
        let version = IcmpVersion::of(order.to.ip());
        self.sequence = self.sequence.wrapping_add(1);
        let (_, sockets) = &mut self.sockets[usize::from(version == IcmpVersion::V6)];
        let (socket, ident) = sockets.ready(&self.runtime, order, now)?;
        let flight = Flight {
            ident,
            sequence: self.sequence,
            dont_fragment: order.options.is_some_and(|options| options.dont_fragment),
            to: order.to.ip(),
            timeout: order.timeout,
            sent: now,
            sent_wall: wall_nanos(),
            left_wall: None,
        };
        let since = flight.sent.saturating_duration_since(self.began).as_nanos();
        let mark = Mark {
            id: order.id,
            sent: u64::try_from(since).unwrap_or(u64::MAX),
            timeout: u32::try_from(order.timeout.as_millis()).unwrap_or(u32::MAX),
        };
        let packet = self.identity.request(version, ident, self.sequence, mark);
        let sent = match &order.options {
            None => socket.send(&packet, order.to),
            Some(options) => {
                let length = packet::length(options.size);
                socket.send_in_its_way(&packet, length, order.to, &departure(options))
            }
        };
        sent.map_err(|error| unsent(&error))?;
        self.flights.depart(order.id, flight);
        Ok(())
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
        self.send_at(order, Instant::now())
    }

    fn collect(&mut self, events: &mut Vec<Event>) {
        self.read(events);
        let now = Instant::now();
        self.sockets
            .iter_mut()
            .for_each(|(_, sockets)| sockets.retire(now));
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
        let sockets = self.sockets.iter().filter(|_| !short);
        let sockets: Vec<_> = sockets
            .flat_map(|(_, sockets)| sockets.all())
            .map(PingSocket::as_fd)
            .collect();
        self.shared.wait(&sockets, until);
    }

    fn dropped(&mut self) -> u64 {
        self.sockets.iter().map(|(_, sockets)| sockets.dropped()).sum()
    }

    fn retry(&mut self) {
        self.sockets.iter_mut().for_each(|(_, sockets)| sockets.retry());
    }
}

/// A stamp is noted with its flight; an ICMP error for one of our probes ends it.
fn read_error(
    identity: Identity,
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
    let error = IcmpError {
        version,
        kind: error.kind,
        code: error.code,
        mtu: error.info,
        offender: error.offender,
    };
    let quoted = identity.quoted(version, message.data)?;
    let id = if let Some(mark) = quoted.mark {
        mark.id
    } else {
        // The kernel has compared the identifier where it chose it.
        let ident = matches!(framing, Framing::Raw(_)).then_some(quoted.ident);
        flights.find(ident, quoted.sequence, message.address?)?
    };
    let is_verdict = error.is_too_big() && flights.is_whole(id);
    let miss = error
        .miss()
        .or_else(|| is_verdict.then_some(Miss::Unreachable(Some(error))))?;
    flights.land(id, quoted.sequence)?;
    Some(Event {
        id,
        method: Method::Echo,
        what: What::Ended(Outcome::Missed(miss)),
    })
}

fn departure(options: &Options) -> Departure<'_> {
    let (source, interface) = match &options.source {
        Some(Source::Address(address)) => (Some(*address), None),
        Some(Source::Interface(interface)) => (None, Some(interface.as_str())),
        None => (None, None),
    };
    Departure {
        source,
        interface,
        dscp: options.dscp,
        dont_fragment: options.dont_fragment,
    }
}

fn unsent(error: &SendError) -> Unsent {
    let reason = match error {
        SendError::System(error) => UnsentReason::of(error),
        _ => UnsentReason::Send,
    };
    Unsent {
        reason,
        detail: error.to_string(),
    }
}

fn framing(version: IcmpVersion, access: Access) -> Framing {
    match access {
        Access::Datagram => Framing::Datagram(version),
        Access::Raw => Framing::Raw(version),
    }
}

/// The clock of the kernel's stamps.
fn wall_nanos() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    time.tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(time.tv_nsec)
}
