//! What the server needs from the rest of the program: narrow traits and plain data that `app` fills.

use std::{pin::Pin, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::tz::TimeZone;
use smol_str::SmolStr;
use tokio::sync::Semaphore;

use super::{
    Config, Desk, HostList, Prober, Status, Telemetry, Token,
    probe::{PROBES, Settings},
};
use crate::{
    clock::Clock,
    exposition::{Gather, Renderer, Shared},
    history,
    sample::{Health, Missing, Observed},
};

const QUERIES: usize = 2;

/// Changes the running program.
pub trait Control: Send + Sync {
    /// Reads the configuration again and applies it if it is good; else the old one stays and the text says why.
    fn reload(&self) -> Reloading<'_>;
}

/// A reload under way.
pub type Reloading<'a> = Pin<Box<dyn Future<Output = Reload> + Send + 'a>>;

/// How a reload ended.
pub type Reload = Result<ReloadReport, String>;

/// What a successful reload did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReloadReport {
    /// Paths of the settings that changed and are in force.
    pub applied: Vec<String>,
    /// Paths of the settings that changed, but need a restart.
    pub needs_restart: Vec<String>,
}

/// Tells how the program and what it watches fare. Must not block: it is asked on the threads that serve.
pub trait Watch: Send + Sync {
    /// `Err` says what is still being waited for.
    fn ready(&self) -> Result<(), String>;

    /// The program itself.
    fn status(&self) -> Status;

    /// What it watches.
    fn overview(&self) -> Overview;

    /// All devices that are watched, as they are configured.
    fn devices(&self) -> Vec<KnownDevice>;

    /// The zone in which people read and write times.
    fn zone(&self) -> TimeZone;
}

/// What is watched, as the page shows it.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// What whoever looks should know first.
    pub notice: Option<Notice>,
    /// The host: a few figures, the most important first.
    pub tiles: Vec<Tile>,
    /// Network interfaces, in the order shown.
    pub interfaces: Vec<InterfaceRow>,
    /// Configured devices, in the order shown.
    pub devices: Vec<DeviceRow>,
}

/// A sentence above everything else on the page.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The sentence.
    pub text: String,
    /// Web address where there is more of it; may be empty.
    pub link: String,
}

/// One figure about the host.
#[derive(Debug, Clone)]
pub struct Tile {
    /// What it is, such as `CPU`.
    pub title: SmolStr,
    /// The figure.
    pub value: Measure,
    /// What else is worth knowing, such as the mount point; may be empty.
    pub detail: String,
    /// How it is judged; `None` is unknown or not judged.
    pub health: Option<Health>,
}

/// A value with its unit; the page finds the words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// From 0 to 1, shown in percent.
    Ratio(f64),
    /// Bytes.
    Bytes(f64),
    /// Bytes per second, shown in Mbps.
    BytesPerSecond(f64),
    /// A span of time.
    Time(Duration),
    /// Degrees Celsius.
    Celsius(f64),
    /// A number without unit.
    Number(f64),
    /// No value, and why.
    Missing(Missing),
}

/// One network interface.
#[derive(Debug, Clone)]
pub struct InterfaceRow {
    /// Its name.
    pub name: SmolStr,
    /// `physical`, `virtual`, `loopback` or `wireless`; empty when unknown.
    pub kind: SmolStr,
    /// Whether it is operationally up.
    pub up: Option<bool>,
    /// Link speed in bytes per second.
    pub speed: Option<f64>,
    /// Bytes received per second over the last interval.
    pub receive: Observed,
    /// Bytes transmitted per second over the last interval.
    pub transmit: Observed,
}

/// One configured device.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    /// Its name.
    pub name: SmolStr,
    /// Its group; may be empty.
    pub group: SmolStr,
    /// Its address as configured.
    pub address: SmolStr,
    /// How it fares.
    pub status: DeviceStatus,
    /// Round-trip time of the last answer.
    pub round_trip: Option<Duration>,
    /// Share of the last check's probes that were lost.
    pub loss: Option<f64>,
    /// Why it is not up, in words; may be empty.
    pub reason: String,
    /// The share of the known time for which it is to be up.
    pub slo: Option<f64>,
}

/// A device as it is configured, for those who want to watch it too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownDevice {
    /// Its name.
    pub name: SmolStr,
    /// Its address as configured: an IP address or a host name.
    pub address: SmolStr,
    /// Its group; may be empty.
    pub group: SmolStr,
    /// Names of the devices it is reached through, where its settings say so; none of them if they say that.
    pub parents: Option<Vec<SmolStr>>,
    /// How it is asked: `icmp`, `tcp` or `icmp-then-tcp`.
    pub check: SmolStr,
    /// TCP port, where it is asked on one.
    pub port: Option<u16>,
    /// Over which IP versions: `4`, `6` or `both`; empty where that is not set.
    pub ip: SmolStr,
    /// Whether it is left alone.
    pub paused: bool,
}

/// How a device fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceStatus {
    /// Answers.
    Up,
    /// Answers, but loses probes.
    Degraded,
    /// Confirmed not to answer.
    Down,
    /// Behind a parent that is down.
    Unreachable,
    /// Cannot be told.
    Unknown,
    /// Not checked by request.
    Paused,
    /// In a maintenance window.
    Maintenance,
}

/// Everything the routes use.
pub struct Services {
    pub(super) shared: Shared,
    pub(super) renderer: Arc<Renderer>,
    pub(super) control: Arc<dyn Control>,
    pub(super) watch: Arc<dyn Watch>,
    pub(super) desk: Arc<dyn Desk>,
    pub(super) prober: Arc<dyn Prober>,
    /// Places for probes for others.
    pub(super) probes: Arc<Semaphore>,
    /// What may be probed, and how.
    pub(super) probe: ArcSwap<Settings>,
    pub(super) history: Option<history::Reader>,
    /// Queries of history that are worked on at one time: each may read and hold much.
    pub(super) queries: Arc<Semaphore>,
    pub(super) clock: Clock,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) token: Option<Token>,
    pub(super) hosts: ArcSwap<HostList>,
    pub(super) collectors: &'static [&'static str],
    host_name: Option<String>,
}

impl Services {
    /// Brings together what the routes use. `collectors` are the names that `collect[]` accepts; without a
    /// `token` no request can change anything.
    #[must_use]
    pub fn new(
        config: &Config,
        host_name: Option<String>,
        token: Option<Token>,
        collectors: &'static [&'static str],
        stages: Stages,
    ) -> Self {
        Self {
            shared: Shared::new(stages.gather),
            renderer: Arc::default(),
            control: stages.control,
            watch: stages.watch,
            desk: stages.desk,
            prober: stages.prober,
            probes: Arc::new(Semaphore::new(PROBES)),
            probe: ArcSwap::from_pointee(Settings::new(&config.probe)),
            history: stages.history,
            queries: Arc::new(Semaphore::new(QUERIES)),
            clock: stages.clock,
            telemetry: stages.telemetry,
            token,
            hosts: ArcSwap::from_pointee(HostList::new(config, host_name.as_deref())),
            collectors,
            host_name,
        }
    }

    /// Applies a changed configuration; the listen address stays until a restart.
    pub fn apply(&self, config: &Config) {
        self.hosts
            .store(Arc::new(HostList::new(config, self.host_name.as_deref())));
        self.probe.store(Arc::new(Settings::new(&config.probe)));
    }
}

/// The stages behind the routes.
pub struct Stages {
    /// Reads what `/metrics` shows.
    pub gather: Arc<dyn Gather>,
    /// Applies `/-/reload`.
    pub control: Arc<dyn Control>,
    /// Tells what the page and the status show.
    pub watch: Arc<dyn Watch>,
    /// Tells of alerts and changes them.
    pub desk: Arc<dyn Desk>,
    /// Pings for `/probe`.
    pub prober: Arc<dyn Prober>,
    /// Reads what is remembered; `None` when nothing is.
    pub history: Option<history::Reader>,
    /// What `now` and `-24h` refer to.
    pub clock: Clock,
    /// Counts requests; also read by `gather`.
    pub telemetry: Arc<Telemetry>,
}
