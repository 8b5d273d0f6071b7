//! Checks by TCP connection, on the asynchronous runtime: time to connect, with a bound on how many at a time.

use std::{
    io,
    sync::{Arc, mpsc::Sender},
    time::Instant,
};

use tokio::{net::TcpStream, runtime::Handle, sync::Semaphore};

use super::{
    Shared,
    probe::{Answer, Event, Method, Miss, Order, Outcome, Unsent, UnsentReason, What},
};

/// Connections in the making at a time; further ones wait, and their time starts when they begin.
const AT_A_TIME: usize = 256;

/// Starts connections and sends how they ended to the ping thread.
pub(super) struct Connector {
    runtime: Handle,
    permits: Arc<Semaphore>,
    mailbox: Sender<Event>,
    shared: Arc<Shared>,
}

impl Connector {
    pub(super) fn new(runtime: Handle, mailbox: Sender<Event>, shared: Arc<Shared>) -> Self {
        Self {
            runtime,
            permits: Arc::new(Semaphore::new(AT_A_TIME)),
            mailbox,
            shared,
        }
    }

    /// Begins to connect; does not block.
    pub(super) fn start(&self, order: Order) {
        let (permits, mailbox, shared) = (
            Arc::clone(&self.permits),
            self.mailbox.clone(),
            Arc::clone(&self.shared),
        );
        self.runtime.spawn(async move {
            let Ok(_permit) = permits.acquire().await else {
                return;
            };
            let what = What::Ended(connect(&order).await);
            // The receiver is gone only when the ping thread has ended.
            let _ = mailbox.send(Event {
                id: order.id,
                method: Method::Connect,
                what,
            });
            shared.wake();
        });
    }
}

async fn connect(order: &Order) -> Outcome {
    let begun = Instant::now();
    let result = tokio::time::timeout(order.timeout, TcpStream::connect(order.to)).await;
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

/// A refusal is an answer: the host is there. What our own side refuses says nothing about the device.
fn judge(error: &io::Error, answer: Answer) -> Outcome {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Outcome::Answered(answer),
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
    use std::time::Duration;

    use super::*;
    use crate::collectors::devices::probe::{DeviceId, ProbeId};

    fn order(to: std::net::SocketAddr) -> Order {
        let id = ProbeId {
            device: DeviceId(0),
            number: 0,
        };
        Order {
            id,
            to,
            method: Method::Connect,
            timeout: Duration::from_secs(5),
        }
    }

    #[tokio::test]
    async fn an_open_and_a_refusing_port_both_answer() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback");
        let address = listener.local_addr().expect("bound");
        assert!(
            matches!(connect(&order(address)).await, Outcome::Answered(_)),
            "open"
        );
        drop(listener);
        assert!(
            matches!(connect(&order(address)).await, Outcome::Answered(_)),
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
