//! A network with known truth: a TUN device whose other end answers echo requests after a delay, loses some by
//! plan, and reports for every request what it really did. Needs no queueing discipline of the kernel.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    net::Ipv4Addr,
    num::NonZero,
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    sync::mpsc::{self, Receiver, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    thread::set_current_timer_slack,
};

use crate::{
    echo::{self, Kind},
    support::{Result, namespace::Namespace},
};

const LONGEST_WAIT: Duration = Duration::from_millis(100);
const NAME: &str = "nkbtun";

/// What happens to requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// Middle of the delay.
    pub(crate) delay: Duration,
    /// Delays are spread evenly over `delay` ± this.
    pub(crate) jitter: Duration,
    /// Share of requests that get no reply.
    pub(crate) loss: f64,
    /// The same seed gives the same weather.
    pub(crate) seed: u64,
}

/// What was done to one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange {
    pub(crate) target: Ipv4Addr,
    /// When it was answered or lost.
    pub(crate) ended: Instant,
    /// From having read the request to handing over the reply; `None` when it was lost.
    pub(crate) applied: Option<Duration>,
}

/// The far side; it ends with this value.
pub(crate) struct Responder {
    /// Everything done so far, in order.
    pub(crate) exchanges: Receiver<Exchange>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    /// Makes a device for `subnet` (address and prefix of our own end) in the namespace and answers behind it.
    pub(crate) fn start(namespace: &Namespace, subnet: &str, weather: Weather) -> Result<Self> {
        let device = namespace.inside(|| attach(NAME))?;
        namespace.ip(&format!(
            "addr add {subnet} dev {NAME}\nlink set {NAME} up txqueuelen 20000\n"
        ))?;
        let (log, exchanges) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        let far = FarSide {
            device,
            weather,
            random: Random(weather.seed),
            waiting: BinaryHeap::new(),
            log,
        };
        let thread = thread::spawn(move || far.run(&stopped));
        Ok(Self {
            exchanges,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct FarSide {
    device: File,
    weather: Weather,
    random: Random,
    waiting: BinaryHeap<Reverse<Pending>>,
    log: Sender<Exchange>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pending {
    due: Instant,
    received: Instant,
    target: Ipv4Addr,
    reply: Vec<u8>,
}

impl FarSide {
    fn run(mut self, stopped: &Receiver<()>) {
        // Without this the kernel may deliver our wake-ups 50 µs late, which is as much as we want to see.
        let _ = set_current_timer_slack(NonZero::new(1));
        while !matches!(stopped.try_recv(), Err(mpsc::TryRecvError::Disconnected)) {
            self.wait();
            self.receive();
            self.answer();
        }
    }

    fn wait(&self) {
        let next = self.waiting.peek().map(|Reverse(pending)| pending.due);
        let time = next.map_or(LONGEST_WAIT, |due| due.saturating_duration_since(Instant::now()));
        let time = Timespec::try_from(time.min(LONGEST_WAIT)).expect("at most the longest wait");
        let _ = poll(&mut [PollFd::new(&self.device, PollFlags::IN)], Some(&time));
    }

    fn receive(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok(length) = self.device.read(&mut buffer) {
            let received = Instant::now();
            let packet = buffer.get(..length).unwrap_or_default();
            if let Some((Kind::Request, probe)) = echo::parse(packet) {
                self.decide(received, probe.target, packet);
            }
        }
    }

    fn decide(&mut self, received: Instant, target: Ipv4Addr, request: &[u8]) {
        if self.random.next() < self.weather.loss {
            self.report(Exchange {
                target,
                ended: received,
                applied: None,
            });
        } else if let Some(reply) = echo::reply(request) {
            let least = self.weather.delay.saturating_sub(self.weather.jitter);
            let due = received + least + self.weather.jitter.mul_f64(2.0 * self.random.next());
            self.waiting.push(Reverse(Pending {
                due,
                received,
                target,
                reply,
            }));
        }
    }

    fn answer(&mut self) {
        while let Some(Reverse(pending)) = self.waiting.pop_if_due() {
            // Before the write: the reply may have arrived and been read by the time the call returns.
            let ended = Instant::now();
            let written = self.device.write(&pending.reply);
            let applied = written.is_ok().then(|| ended - pending.received);
            self.report(Exchange {
                target: pending.target,
                ended,
                applied,
            });
        }
    }

    fn report(&self, exchange: Exchange) {
        // Nobody listens any more only while everything ends.
        let _ = self.log.send(exchange);
    }
}

trait PopIfDue {
    fn pop_if_due(&mut self) -> Option<Reverse<Pending>>;
}

impl PopIfDue for BinaryHeap<Reverse<Pending>> {
    fn pop_if_due(&mut self) -> Option<Reverse<Pending>> {
        let due = self
            .peek()
            .is_some_and(|Reverse(pending)| pending.due <= Instant::now());
        if due { self.pop() } else { None }
    }
}

/// xorshift64*: small, good enough for weather, the same on every machine.
struct Random(u64);

impl Random {
    /// Evenly spread over 0..1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        bits as f64 / (1u64 << 53) as f64
    }
}

/// Opens the TUN driver and attaches a new device, in the calling thread's namespace.
fn attach(name: &str) -> Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open("/dev/net/tun")
        .map_err(|error| format!("/dev/net/tun: {error}"))?;
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_flags: libc::c_short::try_from(libc::IFF_TUN | libc::IFF_NO_PI)?,
        },
    };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::try_from(from)?;
    }
    set_interface(&file, &request).map_err(|error| format!("TUNSETIFF {name}: {error}"))?;
    Ok(file)
}

#[expect(
    unsafe_code,
    reason = "no safe wrapper of this system call is among the dependencies"
)]
fn set_interface(file: &File, request: &libc::ifreq) -> io::Result<()> {
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, which `request` is and which outlives the call; the kernel
    // writes back only the name, which nobody reads. The descriptor is open.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, std::ptr::from_ref(request)) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
