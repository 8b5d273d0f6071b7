//! Single probes for whoever asks, apart from the watch: they leave through the ping thread and its sockets, and how
//! they end is told to whoever asked. The table of devices, its accounts and its metrics know nothing of them.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{
    Collector,
    probe::{DeviceId, Event, Method, Miss, Order, Outcome, ProbeId, Standing, What},
    resolve,
};

/// Stands for all single probes among the ids of devices, which count up from 0.
const NO_DEVICE: DeviceId = DeviceId(u32::MAX);
/// Sent between two looks at what came in, so that a crowd of them neither delays devices nor fills the socket.
const AT_A_TIME: usize = 64;
/// Names that are looked up at one time. Each takes a thread for as long as the resolver of the system takes.
const LOOKUPS: usize = 4;
/// The ping thread tells the end of every probe; one that does not run is not waited for any longer than this.
const GRACE: Duration = Duration::from_secs(1);

/// How a single probe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// From the question until the request was handed to the system; zero when it was not.
    pub setup: Duration,
    /// The answer, or in words why there is none.
    pub answer: Result<Echo, String>,
}

/// The answer to an echo request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// Time from the request to the reply, by the kernel's stamps where it has any.
    pub round_trip: Duration,
    /// TTL or hop limit the reply came with; `None` where the system does not tell.
    pub hop_limit: Option<u8>,
}

impl Collector {
    /// Sends one echo request to `to` and waits for its end, `timeout` at most. `None` when no pings are sent: in a
    /// demo, or while the ping thread does not run. `place` is given back when the probe has ended, also if nobody
    /// waits for it any more.
    pub async fn probe(
        &self,
        to: SocketAddr,
        timeout: Duration,
        place: OwnedSemaphorePermit,
    ) -> Option<Probed> {
        let (told, end) = oneshot::channel();
        let ask = Ask {
            to,
            asked: self.clock.now().instant,
            timeout,
            told,
            place,
        };
        self.shared.singles.put(ask)?;
        self.shared.wake();
        match tokio::time::timeout(timeout + GRACE, end).await {
            Ok(end) => end.ok(),
            Err(_) => Some(Probed::unanswered(Duration::ZERO)),
        }
    }

    /// The addresses of a name, as the system's resolver gives them; an error in words. Waits for one of a few places.
    pub async fn look_up(&self, name: &str) -> Result<Vec<SocketAddr>, String> {
        let places = Arc::clone(&self.shared.singles.lookups);
        let place = places.acquire_owned().await;
        let (look_up, name) = (self.shared.look_up, name.to_owned());
        let looked_up = tokio::task::spawn_blocking(move || {
            let _place = place;
            look_up(&name)
        });
        let result = looked_up.await.unwrap_or_else(|error| Err(error.into()));
        result.map_err(|error| resolve::in_short(&error))
    }
}

impl Probed {
    fn unanswered(setup: Duration) -> Self {
        Self {
            setup,
            answer: Err(Miss::Timeout.to_string()),
        }
    }

    fn of(setup: Duration, outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Answered(answer) => Self {
                setup,
                answer: Ok(Echo {
                    round_trip: answer.round_trip,
                    hop_limit: answer.hop_limit,
                }),
            },
            Outcome::Missed(miss) => Self {
                setup,
                answer: Err(miss.to_string()),
            },
            Outcome::Unsent(unsent) => Self {
                setup: Duration::ZERO,
                answer: Err(unsent.to_string()),
            },
        }
    }
}

/// What is asked, on its way to the ping thread.
pub(super) struct Singles {
    inbox: Mutex<Inbox>,
    lookups: Arc<Semaphore>,
}

#[derive(Default)]
struct Inbox {
    /// Whether the ping thread takes anything out.
    open: bool,
    asks: VecDeque<Ask>,
}

struct Ask {
    to: SocketAddr,
    asked: Instant,
    timeout: Duration,
    told: oneshot::Sender<Probed>,
    place: OwnedSemaphorePermit,
}

impl Default for Singles {
    fn default() -> Self {
        Self {
            inbox: Mutex::default(),
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
        }
    }
}

impl Singles {
    /// `None` when nobody would take it out.
    fn put(&self, ask: Ask) -> Option<()> {
        let mut inbox = self.inbox();
        inbox.open.then(|| inbox.asks.push_back(ask))
    }

    /// The ping thread's end, from here on until it is dropped.
    pub(super) fn open(&self) -> UnderWay<'_> {
        self.inbox().open = true;
        UnderWay {
            singles: self,
            asked: HashMap::new(),
            number: 0,
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Single probes that were sent.
pub(super) struct UnderWay<'s> {
    singles: &'s Singles,
    asked: HashMap<u64, Sent>,
    number: u64,
}

struct Sent {
    setup: Duration,
    told: oneshot::Sender<Probed>,
    place: OwnedSemaphorePermit,
}

impl UnderWay<'_> {
    /// Adds some of what is asked to `orders`; `true` when there is more.
    pub(super) fn take(&mut self, now: Instant, orders: &mut Vec<Order>) -> bool {
        let (asks, more) = {
            let mut inbox = self.singles.inbox();
            let count = inbox.asks.len().min(AT_A_TIME);
            let asks: Vec<Ask> = inbox.asks.drain(..count).collect();
            (asks, !inbox.asks.is_empty())
        };
        orders.extend(asks.into_iter().filter_map(|ask| self.begin(ask, now)));
        more
    }

    /// Nothing is sent for those who do not wait any more.
    fn begin(&mut self, ask: Ask, now: Instant) -> Option<Order> {
        let setup = now.saturating_duration_since(ask.asked);
        let timeout = ask.timeout.saturating_sub(setup);
        if ask.told.is_closed() {
            return None;
        }
        if timeout.is_zero() {
            tell(ask.told, ask.place, Probed::unanswered(Duration::ZERO));
            return None;
        }
        self.number += 1;
        let sent = Sent {
            setup,
            told: ask.told,
            place: ask.place,
        };
        self.asked.insert(self.number, sent);
        Some(Order {
            id: ProbeId {
                device: NO_DEVICE,
                number: self.number,
            },
            to: ask.to,
            method: Method::Echo,
            timeout,
            standing: Standing::Clear,
            afresh: false,
            options: None,
        })
    }

    /// Takes what is about single probes out of `events` and tells the ends.
    pub(super) fn settle(&mut self, events: &mut Vec<Event>) {
        events.retain(|event| {
            let is_single = event.id.device == NO_DEVICE;
            if let (true, What::Ended(outcome)) = (is_single, &event.what)
                && let Some(sent) = self.asked.remove(&event.id.number)
            {
                tell(sent.told, sent.place, Probed::of(sent.setup, outcome));
            }
            !is_single
        });
    }
}

/// Whoever learns of an end finds its place free.
fn tell(told: oneshot::Sender<Probed>, place: OwnedSemaphorePermit, probed: Probed) {
    drop(place);
    // An error means that nobody waits for it any more.
    let _ = told.send(probed);
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        *self.singles.inbox() = Inbox::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::devices::probe::{Answer, Unsent, UnsentReason};

    const TIMEOUT: Duration = Duration::from_secs(5);

    struct Asking {
        singles: Singles,
        places: Arc<Semaphore>,
        now: Instant,
    }

    impl Asking {
        fn new(places: usize) -> Self {
            Self {
                singles: Singles::default(),
                places: Arc::new(Semaphore::new(places)),
                now: Instant::now(),
            }
        }

        fn ask(&self) -> Option<oneshot::Receiver<Probed>> {
            let (told, end) = oneshot::channel();
            let place = Arc::clone(&self.places)
                .try_acquire_owned()
                .expect("there is a place");
            let ask = Ask {
                to: ([192, 0, 2, 1], 0).into(),
                asked: self.now,
                timeout: TIMEOUT,
                told,
                place,
            };
            self.singles.put(ask).map(|()| end)
        }
    }

    fn ended(id: ProbeId, outcome: Outcome) -> Event {
        Event {
            id,
            method: Method::Echo,
            what: What::Ended(outcome),
        }
    }

    fn answered() -> Outcome {
        Outcome::Answered(Answer {
            round_trip: Duration::from_millis(3),
            hop_limit: Some(64),
        })
    }

    #[test]
    fn every_end_is_told_once_to_whoever_asked_and_gives_its_place_back() {
        let refusal = Unsent {
            reason: UnsentReason::NoRoute,
            detail: "Network is unreachable".to_owned(),
        };
        let echo = Echo {
            round_trip: Duration::from_millis(3),
            hop_limit: Some(64),
        };
        let (waited, never) = (Duration::from_millis(2), Duration::ZERO);
        let rows = [
            (answered(), waited, Ok(echo)),
            (Outcome::Missed(Miss::Timeout), waited, Err("no answer in time")),
            (
                Outcome::Unsent(refusal),
                never,
                Err("this host has no route: Network is unreachable"),
            ),
        ];
        for (outcome, setup, answer) in rows {
            let asking = Asking::new(1);
            let mut under_way = asking.singles.open();
            let mut end = asking.ask().expect("is open");
            let mut orders = Vec::new();
            assert!(!under_way.take(asking.now + waited, &mut orders), "no more");
            let [order] = orders.as_slice() else {
                panic!("one order, not {orders:?}");
            };
            assert_eq!(order.timeout, TIMEOUT.saturating_sub(waited));
            assert_eq!(asking.places.available_permits(), 0);
            let late = Event {
                what: What::LateReply,
                ..ended(order.id, answered())
            };
            let mut events = vec![
                late.clone(),
                ended(order.id, outcome.clone()),
                ended(order.id, answered()),
                late,
            ];
            under_way.settle(&mut events);
            assert_eq!(events, [], "nothing is left for the table");
            let probed = Probed {
                setup,
                answer: answer.map_err(str::to_owned),
            };
            assert_eq!(end.try_recv(), Ok(probed));
            assert_eq!(asking.places.available_permits(), 1);
        }
    }

    #[test]
    fn news_about_devices_is_left_to_the_table() {
        let asking = Asking::new(1);
        let mut under_way = asking.singles.open();
        let id = ProbeId {
            device: DeviceId(1),
            number: 1,
        };
        let mut events = vec![ended(id, answered())];
        under_way.settle(&mut events);
        assert_eq!(events, [ended(id, answered())]);
    }

    #[test]
    fn a_crowd_is_sent_in_parts() {
        let asking = Asking::new(2 * AT_A_TIME + 1);
        let mut under_way = asking.singles.open();
        let ends: Vec<_> = (0..=2 * AT_A_TIME).map(|_| asking.ask()).collect();
        assert!(ends.iter().all(Option::is_some));
        let mut sent = Vec::new();
        let more = || {
            let mut orders = Vec::new();
            let more = under_way.take(asking.now, &mut orders);
            sent.push(orders.len());
            more.then_some(())
        };
        let _ = std::iter::from_fn(more).count();
        assert_eq!(sent, [AT_A_TIME, AT_A_TIME, 1]);
    }

    #[test]
    fn nothing_is_sent_for_those_who_do_not_wait_or_have_waited_too_long() {
        let asking = Asking::new(2);
        let mut under_way = asking.singles.open();
        drop(asking.ask());
        let mut late = asking.ask().expect("is open");
        let mut orders = Vec::new();
        under_way.take(asking.now + TIMEOUT, &mut orders);
        assert_eq!(orders, []);
        assert_eq!(late.try_recv(), Ok(Probed::unanswered(Duration::ZERO)));
        assert_eq!(asking.places.available_permits(), 2);
    }

    #[test]
    fn without_the_ping_thread_nobody_waits() {
        let asking = Asking::new(3);
        assert!(asking.ask().is_none(), "before it runs");
        let mut under_way = asking.singles.open();
        let mut sent = asking.ask().expect("is open");
        under_way.take(asking.now, &mut Vec::new());
        let mut waiting = asking.ask().expect("is open");
        drop(under_way);
        let closed = Err(oneshot::error::TryRecvError::Closed);
        assert_eq!((sent.try_recv(), waiting.try_recv()), (closed.clone(), closed));
        assert!(asking.ask().is_none(), "after it has ended");
        assert_eq!(asking.places.available_permits(), 3);
    }
}
