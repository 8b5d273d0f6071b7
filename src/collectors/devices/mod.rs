//! Watches devices by ICMP echo requests (or TCP connections) on its own timers, and turns what it finds into a
//! status per device, metrics and readings. It raises no alert and keeps no history.
//!
//! ```text
//! schedule ──> engine (own thread) ──> prober: linux, portable; connect ──> device: account, state ──> families, readings
//! single <──> engine: probes for whoever asks                                   ways, uplink <──> topology
//! ```
//!
//! In a demo and in tests `play` takes the place of the engine and the lookups; everything else is the same.

mod account;
mod beyond;
mod circles;
mod config;
mod connect;
mod device;
mod engine;
mod families;
#[cfg(target_os = "linux")]
mod flight;
mod gateway;
#[cfg(target_os = "linux")]
mod linux;
mod list;
mod lookups;
mod options;
#[cfg(target_os = "linux")]
mod packet;
mod play;
#[cfg(not(target_os = "linux"))]
mod portable;
mod probe;
mod profile;
mod readings;
mod renewal;
mod resolve;
mod schedule;
mod single;
#[cfg(target_os = "linux")]
mod sockets;
mod state;
mod status;
mod support;
mod table;
mod topology;
mod uplink;
mod uptime;
mod versions;
mod ways;
mod window;

use std::{
    collections::HashSet,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use smol_str::SmolStr;
use tokio::sync::{Notify, oneshot};
use tracing::error;

pub use self::{
    config::{Check, Config, Degraded, Listed, Target, Uplink},
    families::METRICS,
    gateway::find as default_gateway,
    options::{DSCP_FORMAT, Dscp, Ip, Ping},
    play::{Network, Question, Reply},
    profile::Metrics,
    readings::SIGNALS,
    single::{Echo, Probed},
    status::Status,
    support::{Granted, PingSupport, probe_permission},
};
use self::{connect::Connector, play::Play, single::Singles, table::Table};
use super::{Background, Collect, Context, HealthLimits, News, Outcome, Stop};
use crate::{
    clock::{Clock, Now},
    sample::{Batch, Change, Family, Reading, Scope},
    sys::waker::Waker,
};

const NAME: &str = "devices";

/// The devices and what is known about them.
pub struct Collector {
    shared: Arc<Shared>,
    pace: arc_swap::ArcSwap<Pace>,
    clock: Clock,
    procfs: String,
    last_run: Mutex<Option<Instant>>,
    /// Where the network is made up, what happens instead of pings.
    play: Option<Play>,
}

/// Whether and how often there are interval runs.
struct Pace {
    enabled: bool,
    interval: Duration,
}

/// A device as a page shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceView {
    /// Configured name.
    pub name: SmolStr,
    /// Configured group, empty if none.
    pub group: SmolStr,
    /// Configured address.
    pub address: SmolStr,
    /// Present IP address; `None` while the name does not resolve.
    pub ip: Option<IpAddr>,
    /// Present status.
    pub status: Status,
    /// Why it is not simply up, in words; empty if it is.
    pub reason: String,
    /// Round-trip time of the last answer; `None` while down or when it is older than three intervals.
    pub last_rtt: Option<Duration>,
    /// Share of the last check's probes that were lost.
    pub loss: Option<f64>,
}

/// What the ping thread, the lookups and the scrapes share.
struct Shared {
    table: Mutex<Table>,
    waker: Option<Waker>,
    changed: Notify,
    look_up: LookUp,
    news: News,
    retry: AtomicBool,
    singles: Singles,
}

/// Finds the addresses of a name; may block.
type LookUp = fn(&str) -> io::Result<Vec<SocketAddr>>;

impl Collector {
    pub(super) fn new(config: &Config, context: &Context) -> Self {
        if let Some(world) = context.demo.clone() {
            return Self::in_network(config, world, context.news.clone());
        }
        Self::with_look_up(config, context, resolve::by_the_system)
    }

    /// Watches the devices of a network that is made up, without a socket. Nothing happens until somebody looks; what
    /// cannot wait for the next interval run is told to `news`.
    #[must_use]
    pub fn in_network(config: &Config, network: Arc<dyn Network>, news: News) -> Self {
        let context = Context {
            news,
            ..Context::default()
        };
        let table = Table::new(config, network.now());
        Self {
            play: Some(Play::new(network)),
            ..Self::with_table(config, table, &context, resolve::by_the_system)
        }
    }

    fn with_look_up(config: &Config, context: &Context, look_up: LookUp) -> Self {
        let table = Table::new(config, context.clock.now());
        Self::with_table(config, table, context, look_up)
    }

    fn with_table(config: &Config, table: Table, context: &Context, look_up: LookUp) -> Self {
        Self {
            shared: Arc::new(Shared::new(table, look_up, context.news.clone())),
            pace: arc_swap::ArcSwap::from_pointee(Pace::of(config)),
            clock: context.clock,
            procfs: context.paths.procfs.clone(),
            last_run: Mutex::new(None),
            play: None,
        }
    }

    /// The present moment, in a network that is made up that at which it is looked at.
    fn now(&self) -> Now {
        let made_up = self.play.as_ref();
        made_up.map_or_else(|| self.clock.now(), Play::now)
    }

    /// In a network that is made up, lets happen what happens up to `now`.
    pub fn catch_up(&self, now: Now) {
        let Some(play) = &self.play else {
            return;
        };
        let news = play.catch_up(&mut self.shared.table(), now);
        for (at, readings, changes) in news {
            self.shared.tell(readings, changes, at);
        }
    }

    async fn play(self: Arc<Self>, mut stop: Stop) {
        while tokio::time::timeout(LOOK_AGAIN, stop.wait_for(|stop| *stop))
            .await
            .is_err()
        {
            self.catch_up(self.now());
        }
    }

    /// Takes a changed configuration over. Devices that keep name, address and check keep what they accumulated.
    pub fn apply(&self, config: &Config, _limits: HealthLimits) {
        self.pace.store(Arc::new(Pace::of(config)));
        let now = self.now();
        {
            let mut table = self.shared.table();
            table.apply(config, now);
            self.shared.tell(table.take_news(), table.take_changes(), now);
        }
        self.shared.retry.store(true, Ordering::Release);
        self.shared.wake();
        self.shared.changed.notify_one();
    }

    /// All devices as they are at `now`, in the order of the configuration.
    #[must_use]
    pub fn overview(&self, now: Now) -> Vec<DeviceView> {
        let mut table = self.shared.table();
        table.age(now);
        let (interval, probes) = (table.plan().interval, table.plan().probes);
        let view = |device: &device::Device| {
            let last = device
                .account
                .last_round_trip
                .as_ref()
                .filter(|_| !device.machine.is_lost());
            DeviceView {
                name: device.spec.name.clone(),
                group: device.spec.group.clone(),
                address: device.spec.address.clone(),
                ip: device.address().map(|address| address.ip()),
                status: device.machine.shown(),
                reason: reason(&device.machine),
                last_rtt: last.and_then(|last| last.get(now, interval)).copied(),
                loss: device.machine.recent_loss(probes),
            }
        };
        table.devices().map(view).collect()
    }

    /// The devices of these names, and no other, are in a maintenance window from now on: they are asked, shown as what
    /// they are in, and in no uptime.
    pub fn set_maintenance(&self, names: HashSet<SmolStr>) {
        let now = self.now();
        let mut table = self.shared.table();
        table.set_maintenance(names, now);
        // Before anything else can become known of them.
        self.shared.tell(table.take_news(), table.take_changes(), now);
    }

    /// How many devices can be reached only through the one of this name.
    #[must_use]
    pub fn behind(&self, name: &str) -> usize {
        self.shared.table().behind(name)
    }

    /// Starts the ping thread. The receiver learns of its end, by a panic or because of `stop`.
    fn start_thread(
        &self,
        stop: Arc<AtomicBool>,
    ) -> io::Result<(thread::JoinHandle<()>, oneshot::Receiver<()>)> {
        let (shared, clock) = (Arc::clone(&self.shared), self.clock);
        let runtime = tokio::runtime::Handle::current();
        let (ended, end) = oneshot::channel();
        let run = move || {
            let _ended = ended;
            let (sender, mailbox) = mpsc::channel();
            let connector = Connector::new(runtime.clone(), sender.clone(), Arc::clone(&shared));
            let [token @ .., high, low] = random::<10>();
            let ident = u16::from_be_bytes([high, low]);
            #[cfg(target_os = "linux")]
            let mut prober = {
                drop(sender);
                linux::KernelTimed::new(Arc::clone(&shared), runtime, packet::Identity { token }, ident)
            };
            #[cfg(not(target_os = "linux"))]
            let mut prober = {
                // surge-ping matches by address and sequence and takes no token.
                let _: [u8; 8] = token;
                portable::Portable::new(Arc::clone(&shared), runtime, sender, ident)
            };
            engine::run(&shared, clock, &stop, &mut prober, &connector, &mailbox);
        };
        let thread = thread::Builder::new().name("ping".to_owned()).spawn(run)?;
        Ok((thread, end))
    }

    async fn run(self: Arc<Self>, mut stop: Stop) {
        let thread_stop = StopOnDrop {
            stop: Arc::default(),
            shared: Arc::clone(&self.shared),
        };
        let start = || self.start_thread(Arc::clone(&thread_stop.stop));
        let (thread, end) = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            started = until_started(start) => started,
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            _ = end => {}
            () = resolve::run(Arc::clone(&self.shared), self.clock, self.procfs.clone()) => {}
        }
        drop(thread_stop);
        if let Ok(Err(panic)) = tokio::task::spawn_blocking(move || thread.join()).await {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Pace {
    fn of(config: &Config) -> Self {
        Self {
            enabled: config.enabled,
            interval: config.run_interval(),
        }
    }
}

/// Why a device has the status that people see, in words; empty if it is simply up.
fn reason(machine: &state::Machine) -> String {
    let (status, cause) = (machine.status(), machine.cause());
    if machine.shown() != Status::Maintenance || status == Status::Up {
        return cause.to_string();
    }
    format!("{} meanwhile: {cause}", status.name())
}

/// Tries to start the ping thread until that succeeds: a system that has no thread left may have one later.
async fn until_started<T>(mut start: impl FnMut() -> io::Result<T>) -> T {
    loop {
        match start() {
            Ok(started) => return started,
            Err(error) => {
                error!(%error, "failed to start the ping thread; devices are unknown until it starts");
            }
        }
        tokio::time::sleep(START_AGAIN).await;
    }
}

impl Collect for Collector {
    fn name(&self) -> &'static str {
        NAME
    }

    fn enabled(&self) -> bool {
        self.pace.load().enabled
    }

    fn interval(&self) -> Duration {
        self.pace.load().interval
    }

    fn scrape(&self, now: Now) -> Outcome<Vec<Family>> {
        self.catch_up(now);
        let mut table = self.shared.table();
        table.age(now);
        Outcome::ok(families::of(&table, now))
    }

    fn sample(&self, now: Now) -> Outcome<Batch> {
        self.catch_up(now);
        let before = self
            .last_run
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(now.instant);
        let mut table = self.shared.table();
        table.age(now);
        Outcome::ok(Batch {
            collector: NAME,
            scope: Scope::Whole,
            at: now,
            elapsed: before.map(|before| now.instant.saturating_duration_since(before)),
            readings: readings::take(&mut table),
            changes: readings::take_changes(&mut table, now),
            health: vec![readings::health(&table)],
        })
    }

    fn background(self: Arc<Self>, stop: Stop) -> Option<Background> {
        if self.play.is_some() {
            return Some(Box::pin(self.play(stop)));
        }
        Some(Box::pin(self.run(stop)))
    }
}

impl Shared {
    fn new(table: Table, look_up: LookUp, news: News) -> Self {
        Self {
            table: Mutex::new(table),
            waker: Waker::new().ok(),
            changed: Notify::new(),
            look_up,
            news,
            retry: AtomicBool::new(false),
            singles: Singles::default(),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells at once which devices came or went; what is lost on the way, the next interval run tells.
    fn tell(&self, readings: Vec<Reading>, changes: Vec<Change>, at: Now) {
        if readings.is_empty() {
            return;
        }
        self.news.tell(Batch {
            collector: NAME,
            scope: Scope::News,
            at,
            elapsed: None,
            readings,
            changes,
            health: Vec::new(),
        });
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake();
        }
    }

    #[cfg(target_os = "linux")]
    fn wait(&self, sockets: &[std::os::fd::BorrowedFd<'_>], until: Option<Instant>) {
        match &self.waker {
            Some(waker) => waker.wait(sockets, until),
            None => thread::park_timeout(WITHOUT_WAKER),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn wait(&self, until: Option<Instant>) {
        match &self.waker {
            Some(waker) => waker.wait(until),
            None => thread::park_timeout(WITHOUT_WAKER),
        }
    }
}

/// How often a demo is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Pause before the ping thread is started again after the system refused it.
const START_AGAIN: Duration = Duration::from_secs(10);
/// How long to wait when the system had no descriptor left to be woken by.
const WITHOUT_WAKER: Duration = Duration::from_millis(5);

/// Ends the ping thread, also when the task that started it is dropped half-way.
struct StopOnDrop {
    stop: Arc<AtomicBool>,
    shared: Arc<Shared>,
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.shared.wake();
    }
}

/// Random per process, so that no other program's replies and none of an earlier run match. Without a source of
/// randomness the process still differs from its neighbours by its number.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        let number = std::process::id().to_be_bytes();
        bytes
            .iter_mut()
            .rev()
            .zip(number.iter().rev().cycle())
            .for_each(|(byte, part)| *byte = *part);
    }
    bytes
}

#[cfg(all(test, target_os = "linux"))]
mod live_option_tests;
#[cfg(all(test, target_os = "linux"))]
mod live_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_thread_the_system_refuses_is_started_later() {
        let begun = tokio::time::Instant::now();
        let refusal = || Err(io::Error::from(io::ErrorKind::WouldBlock));
        let mut tries = [refusal(), refusal(), refusal(), Ok("started")].into_iter();
        let start = || tries.next().expect("no try follows the successful one");
        assert_eq!(until_started(start).await, "started");
        assert_eq!(begun.elapsed(), START_AGAIN * 3);
    }
}
