//! Echo requests under way: when they left, when they become misses, and how long they took. Pure.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    net::IpAddr,
    time::{Duration, Instant},
};

use super::probe::{Event, Method, Miss, Outcome, ProbeId, What};

/// The wall clock may be this much off the monotonic one within a round trip before its stamps are distrusted.
const TOLERANCE: Duration = Duration::from_millis(1);

/// One request under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    pub(super) ident: u16,
    pub(super) sequence: u16,
    /// Whether it may not be taken apart on its way.
    pub(super) dont_fragment: bool,
    pub(super) to: IpAddr,
    pub(super) timeout: Duration,
    /// Just before it was handed to the kernel.
    pub(super) sent: Instant,
    /// The same on the wall clock, in nanoseconds since the Unix epoch.
    pub(super) sent_wall: i64,
    /// When it left by the kernel's stamp, on the same clock.
    pub(super) left_wall: Option<i64>,
}

impl Flight {
    /// Round-trip time of the reply that arrived at `stamp` and was read at `now`. Without a stamp, or if the wall
    /// clock was set meanwhile, the time until the reply was read.
    pub(super) fn round_trip(&self, stamp: Option<i64>, now: Instant) -> Duration {
        let read_after = now.saturating_duration_since(self.sent);
        let left = self.left_wall.unwrap_or(self.sent_wall);
        let stamped = stamp
            .and_then(|stamp| u64::try_from(stamp.checked_sub(left)?).ok())
            .map(Duration::from_nanos);
        stamped
            .filter(|time| *time <= read_after + TOLERANCE)
            .unwrap_or(read_after)
    }
}

/// All requests under way.
#[derive(Debug, Default)]
pub(super) struct Flights {
    under_way: HashMap<ProbeId, Flight>,
    deadlines: BinaryHeap<Reverse<(Instant, ProbeId)>>,
}

impl Flights {
    /// Notes a request that was sent.
    pub(super) fn depart(&mut self, id: ProbeId, flight: Flight) {
        self.deadlines.push(Reverse((flight.sent + flight.timeout, id)));
        self.under_way.insert(id, flight);
    }

    /// Notes the kernel's stamp of a request that left.
    pub(super) fn left(&mut self, id: ProbeId, stamp: i64) {
        if let Some(flight) = self.under_way.get_mut(&id) {
            flight.left_wall.get_or_insert(stamp);
        }
    }

    /// Ends a request if it is under way with this sequence number.
    pub(super) fn land(&mut self, id: ProbeId, sequence: u16) -> Option<Flight> {
        self.under_way
            .get(&id)
            .filter(|flight| flight.sequence == sequence)?;
        self.under_way.remove(&id)
    }

    /// The request to `to` with this sequence number, for errors that quote no more than that, and with this
    /// identifier if it is known to be ours.
    pub(super) fn find(&self, ident: Option<u16>, sequence: u16, to: IpAddr) -> Option<ProbeId> {
        let is_it = |flight: &Flight| {
            (flight.sequence, flight.to) == (sequence, to) && ident.is_none_or(|ident| ident == flight.ident)
        };
        let mut flights = self.under_way.iter();
        flights.find(|(_, flight)| is_it(flight)).map(|(id, _)| *id)
    }

    /// Whether a request is under way that may not be taken apart.
    pub(super) fn is_whole(&self, id: ProbeId) -> bool {
        let flight = self.under_way.get(&id);
        flight.is_some_and(|flight| flight.dont_fragment)
    }

    /// Adds a miss to `events` for each request whose time is up.
    pub(super) fn expire(&mut self, now: Instant, events: &mut Vec<Event>) {
        while let Some(Reverse((at, id))) = self.deadlines.peek().copied() {
            let waiting = self.under_way.contains_key(&id);
            if waiting && at > now {
                return;
            }
            self.deadlines.pop();
            if waiting {
                self.under_way.remove(&id);
                events.push(timed_out(id));
            }
        }
    }

    /// When the next request becomes a miss.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((at, _))| *at)
    }
}

/// The end of a request that nobody answered in time.
pub(super) fn timed_out(id: ProbeId) -> Event {
    Event {
        id,
        method: Method::Echo,
        what: What::Ended(Outcome::Missed(Miss::Timeout)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::devices::probe::DeviceId;

    const STAMP: i64 = 1_700_000_000_000_000_000;

    fn id(number: u64) -> ProbeId {
        ProbeId {
            device: DeviceId(1),
            number,
        }
    }

    fn flight(sequence: u16, sent: Instant) -> Flight {
        Flight {
            ident: 9,
            sequence,
            dont_fragment: false,
            to: [192, 0, 2, 1].into(),
            timeout: Duration::from_secs(5),
            sent,
            sent_wall: STAMP,
            left_wall: None,
        }
    }

    #[test]
    fn the_kernel_s_stamps_decide_unless_the_clock_was_set() {
        let sent = Instant::now();
        let read = sent + Duration::from_millis(30);
        let rows = [
            (
                "both stamps",
                Some(STAMP + 50_000),
                Some(STAMP + 20_050_000),
                20_000,
            ),
            ("no stamp of leaving", None, Some(STAMP + 20_050_000), 20_050),
            ("no stamp of arriving", Some(STAMP + 50_000), None, 30_000),
            (
                "clock set back",
                Some(STAMP),
                Some(STAMP - 3_600_000_000_000),
                30_000,
            ),
            (
                "clock set forward",
                Some(STAMP),
                Some(STAMP + 3_600_000_000_000),
                30_000,
            ),
            ("nonsense", Some(i64::MIN), Some(i64::MAX), 30_000),
        ];
        for (why, left_wall, arrived, micros) in rows {
            let flight = Flight {
                left_wall,
                ..flight(1, sent)
            };
            assert_eq!(flight.round_trip(arrived, read).as_micros(), micros, "{why}");
        }
    }

    #[test]
    fn a_request_ends_once_and_only_for_its_own_sequence() {
        let (mut flights, now) = (Flights::default(), Instant::now());
        flights.depart(id(1), flight(7, now));
        flights.left(id(1), STAMP + 1);
        flights.left(id(1), STAMP + 2);
        flights.left(id(9), STAMP);
        assert!(flights.land(id(1), 8).is_none(), "another sequence");
        let find = |ident, last| flights.find(ident, 7, [192, 0, 2, last].into());
        assert_eq!(find(None, 1), Some(id(1)));
        assert_eq!(find(Some(9), 1), Some(id(1)));
        assert_eq!(find(Some(8), 1), None, "another identifier");
        assert_eq!(find(None, 9), None, "another address");
        assert!(!flights.is_whole(id(1)));
        let landed = flights.land(id(1), 7).expect("under way");
        assert_eq!(landed.left_wall, Some(STAMP + 1), "the first stamp counts");
        assert!(flights.land(id(1), 7).is_none(), "a second time");
    }

    #[test]
    fn only_unanswered_requests_become_misses() {
        let (mut flights, now) = (Flights::default(), Instant::now());
        (1..=3).for_each(|n| flights.depart(id(n), flight(7, now + Duration::from_millis(n))));
        flights.land(id(1), 7);
        let mut events = Vec::new();
        flights.expire(now, &mut events);
        assert_eq!(
            flights.deadline(),
            Some(now + Duration::from_millis(5_002)),
            "the first has landed"
        );
        flights.expire(now + Duration::from_millis(5_002), &mut events);
        assert_eq!(events, [timed_out(id(2))]);
    }
}
