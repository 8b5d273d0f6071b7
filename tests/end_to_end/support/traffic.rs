//! Paced traffic across a pair of interfaces, and what the kernel counts of it, with times.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant, UNIX_EPOCH},
};

use super::namespace::Namespace;

const PAYLOAD: [u8; 1200] = [0; 1200];
const TICK: Duration = Duration::from_millis(5);

/// Something that goes on at every tick until it is dropped.
pub(crate) struct Ongoing {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ongoing {
    fn start(work: impl FnOnce(Receiver<()>) + Send + 'static) -> Self {
        let (stop, stopped) = channel();
        Self {
            stop: Some(stop),
            thread: Some(std::thread::spawn(move || work(stopped))),
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A panic of the thread shows in what the test then lacks.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Sends UDP datagrams from the namespace to `to` at this many payload bytes per second. What was missed is made up
/// for; what cannot be sent, for example while the interface is gone, is lost.
pub(crate) fn send(from: &Namespace, to: SocketAddr, bytes_per_second: u32) -> Ongoing {
    let socket = from.run(|| UdpSocket::bind("0.0.0.0:0").unwrap());
    Ongoing::start(move |stopped| {
        let start = Instant::now();
        let mut due = 0.0;
        while ticks(&stopped) {
            let total = start.elapsed().as_secs_f64() * f64::from(bytes_per_second);
            while due < total {
                let _ = socket.send_to(&PAYLOAD, to);
                due += PAYLOAD.len() as f64;
            }
        }
    })
}

/// Received bytes of an interface by the kernel's own count, read at every tick.
pub(crate) struct Kernel {
    readings: Arc<Mutex<Vec<(f64, f64)>>>,
    _ongoing: Ongoing,
}

impl Kernel {
    /// Reads the interface of the namespace until dropped.
    pub(crate) fn watch(namespace: &Namespace, interface: &str) -> Self {
        let readings = Arc::new(Mutex::new(Vec::new()));
        let (name, interface, sink) = (
            namespace.name().to_owned(),
            interface.to_owned(),
            Arc::clone(&readings),
        );
        let ongoing = Ongoing::start(move |stopped| {
            super::namespace::inside(&name, move || {
                while ticks(&stopped) {
                    let count = received(&interface);
                    sink.lock()
                        .unwrap()
                        .extend(count.map(|count| (unix_time(), count)));
                }
            });
        });
        Self {
            readings,
            _ongoing: ongoing,
        }
    }

    /// Mean rate in bytes per second between two times (Unix, seconds).
    pub(crate) fn rate(&self, from: f64, to: f64) -> f64 {
        let readings = self.readings.lock().unwrap();
        let at = |time: f64| {
            *readings
                .iter()
                .min_by(|a, b| (a.0 - time).abs().total_cmp(&(b.0 - time).abs()))
                .unwrap()
        };
        let (first, last) = (at(from), at(to));
        (last.1 - first.1) / (last.0 - first.0)
    }
}

/// The kernel's count in /proc/net/dev of this thread's network; `None` while there is no such interface.
fn received(interface: &str) -> Option<f64> {
    let table = std::fs::read_to_string("/proc/thread-self/net/dev").ok()?;
    let row = table
        .lines()
        .find_map(|line| line.trim().strip_prefix(interface)?.strip_prefix(':'))?;
    row.split_whitespace().next()?.parse().ok()
}

/// Waits for the next tick; `false` when it is time to stop.
fn ticks(stopped: &Receiver<()>) -> bool {
    stopped.recv_timeout(TICK) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
}

/// Now, in seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "compared with the time stamps of another process"
)]
pub(crate) fn unix_time() -> f64 {
    std::time::SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}
