//! Checks by TCP connection, on the asynchronous runtime: time to connect, with a bound on how many at a time.
//! Nothing waits for a place: what cannot begin at once is told as not sent.

use std::{
    io,
    sync::{Arc, mpsc::Sender},
    time::Instant,
};

use tokio::{
    net::TcpStream,
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::{
    Shared,
    probe::{Answer, Event, Method, Miss, Order, Outcome, Standing, Unsent, UnsentReason, What},
};

/// Connections in the making at a time. Each takes a descriptor, of which macOS grants 256 and Linux 1024 by default.
const AT_A_TIME: usize = if cfg!(target_os = "macos") { 128 } else { 512 };

/// Starts connections and sends how they ended to the ping thread.
pub(super) struct Connector {
    runtime: Handle,
    places: Places,
    mailbox: Sender<Event>,
    shared: Arc<Shared>,
}

impl Connector {
    pub(super) fn new(runtime: Handle, mailbox: Sender<Event>, shared: Arc<Shared>) -> Self {
        Self {
            runtime,
            places: Places::new(AT_A_TIME),
            mailbox,
            shared,
        }
    }

    /// Begins to connect, or refuses when there is no place; does not block. The time of the order runs from here.
    pub(super) fn start(&self, order: Order) -> Result<(), Unsent> {
        let place = self.places.take(order.standing).ok_or_else(|| Unsent {
            reason: UnsentReason::Send,
            detail: "too many connections at once".to_owned(),
        })?;
        let deadline = Instant::now() + order.timeout;
        let (mailbox, shared) = (self.mailbox.clone(), Arc::clone(&self.shared));
        self.runtime.spawn(async move {
            let outcome = ended(TcpStream::connect(order.to), deadline).await;
            drop(place);
            // The receiver is gone only when the ping thread has ended.
            let _ = mailbox.send(Event {
                id: order.id,
                method: Method::Connect,
                what: What::Ended(outcome),
            });
            shared.wake();
        });
        Ok(())
    }
}

/// Places for connections in the making. A quarter is kept for devices that answer, so that many silent ones, each
/// of which holds its place until the timeout, do not crowd them out.
struct Places {
    free: Arc<Semaphore>,
    reserve: usize,
}

impl Places {
    fn new(count: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            reserve: count / 4,
        }
    }

    fn take(&self, standing: Standing) -> Option<OwnedSemaphorePermit> {
        // Only the ping thread takes places, so there are no fewer a moment later.
        if standing == Standing::Silent && self.free.available_permits() <= self.reserve {
            return None;
        }
        Arc::clone(&self.free).try_acquire_owned().ok()
    }
}

async fn ended<T>(attempt: impl Future<Output = io::Result<T>>, deadline: Instant) -> Outcome {
    let begun = Instant::now();
    let result = tokio::time::timeout_at(deadline.into(), attempt).await;
    let answer = Answer {
        round_trip: begun.elapsed(),
        hop_limit: None,
    };
    match result {
        Err(_) => Outcome::Missed(Miss::Timeout),
        Ok(Ok(_)) => Outcome::Answered(answer),
        Ok(Err(error)) => judge(&error, answer),
    }
}

/// A refusal tells that the host is there, but no service. What our own side refuses says nothing about the device.
fn judge(error: &io::Error, answer: Answer) -> Outcome {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => {
            Outcome::Missed(Miss::Refused(answer))
        }
        io::ErrorKind::HostUnreachable => Outcome::Missed(Miss::Unreachable(None)),
        io::ErrorKind::TimedOut => Outcome::Missed(Miss::Timeout),
        _ => Outcome::Unsent(Unsent {
            reason: UnsentReason::of(error),
            detail: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::mpsc, time::Duration};

    use super::*;
    use crate::{
        clock::Clock,
        collectors::devices::{
            config::Config,
            probe::{DeviceId, ProbeId},
            table::Table,
        },
    };

    #[test]
    fn places_run_out_for_silent_devices_first() {
        use Standing::{Clear, Silent};
        let rows: [(&str, &[Standing], &[bool]); 4] = [
            (
                "answering devices get all",
                &[Clear; 5],
                &[true, true, true, true, false],
            ),
            (
                "silent ones three quarters",
                &[Silent; 5],
                &[true, true, true, false, false],
            ),
            (
                "the rest is kept for those that answer",
                &[Silent, Silent, Silent, Silent, Clear, Clear],
                &[true, true, true, false, true, false],
            ),
            (
                "answering devices leave nothing to silent ones",
                &[Clear, Clear, Clear, Silent],
                &[true, true, true, false],
            ),
        ];
        for (why, asked, expected) in rows {
            let places = Places::new(4);
            let taken: Vec<_> = asked.iter().map(|standing| places.take(*standing)).collect();
            let granted: Vec<_> = taken.iter().map(Option::is_some).collect();
            assert_eq!(granted, expected, "{why}");
            drop(taken);
            assert!(places.take(Silent).is_some(), "{why}: places come back");
        }
    }

    #[tokio::test]
    async fn without_a_place_a_connection_is_refused_at_once() {
        let now = Clock::System.now();
        let shared = Shared::new(
            Table::new(&Config::default(), now),
            |_| Ok(Vec::new()),
            super::super::News::default(),
        );
        let (sender, mailbox) = mpsc::channel();
        let connector = Connector {
            places: Places::new(0),
            ..Connector::new(Handle::current(), sender, Arc::new(shared))
        };
        let id = ProbeId {
            device: DeviceId(0),
            number: 0,
        };
        let order = Order {
            afresh: false,
            options: None,
            id,
            to: ([127, 0, 0, 1], 9).into(),
            method: Method::Connect,
            timeout: Duration::from_secs(5),
            standing: Standing::Clear,
        };
        let refusal = connector.start(order).expect_err("there is no place");
        assert_eq!(
            refusal.to_string(),
            "the probe could not be sent: too many connections at once"
        );
        tokio::task::yield_now().await;
        assert!(mailbox.try_recv().is_err(), "nothing is under way");
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_runs_from_the_order_on() {
        let ordered = tokio::time::Instant::now();
        let deadline = (ordered + Duration::from_secs(5)).into_std();
        tokio::time::sleep(Duration::from_secs(4)).await;
        let outcome = ended(pending::<io::Result<()>>(), deadline).await;
        assert_eq!(outcome, Outcome::Missed(Miss::Timeout));
        assert_eq!(ordered.elapsed().as_secs(), 5);
    }

    #[tokio::test]
    async fn an_open_port_answers_and_a_closed_one_refuses() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback");
        let address = listener.local_addr().expect("bound");
        let connect = async || {
            let deadline = Instant::now() + Duration::from_secs(5);
            ended(TcpStream::connect(address), deadline).await
        };
        assert!(matches!(connect().await, Outcome::Answered(_)), "open");
        drop(listener);
        assert!(
            matches!(connect().await, Outcome::Missed(Miss::Refused(_))),
            "refused"
        );
    }

    #[test]
    fn errors_of_connecting_are_sorted() {
        let answer = Answer {
            round_trip: Duration::from_millis(1),
            hop_limit: None,
        };
        let unsent = |reason| Some(reason);
        let rows = [
            (io::ErrorKind::HostUnreachable, None),
            (io::ErrorKind::TimedOut, None),
            (io::ErrorKind::NetworkUnreachable, unsent(UnsentReason::NoRoute)),
            (io::ErrorKind::PermissionDenied, unsent(UnsentReason::Permission)),
            (io::ErrorKind::OutOfMemory, unsent(UnsentReason::Send)),
        ];
        for (kind, expected) in rows {
            let reason = match judge(&kind.into(), answer) {
                Outcome::Unsent(unsent) => Some(unsent.reason),
                Outcome::Missed(_) => None,
                Outcome::Answered(_) => panic!("{kind:?} is no answer"),
            };
            assert_eq!(reason, expected, "{kind:?}");
        }
    }
}
