//! The only wiring: builds the stages, owns their channels and tasks, starts and stops them in order.
//!
//! ```text
//! schedule ──> collectors ──┬─> Gatherer ──> exposition ──> web
//!  intervals, background    ├─> latest batches ──> View ──> web (page, status)
//!                           └─> Pipeline ─┬─> Recorder ──> history ──> web (API), charts in mails
//!                                         ├─> watch for anomalies ──> exposition, web; what is to be told:
//!                                         └─> rules ──> alerts ──> outbox ──> delivery ──> email, webhook
//! /probe ──> Prober ──> collectors (ping thread)
//! SIGHUP, POST /-/reload, devices file ──> Reloader ──> collectors, log, web, Pipeline, notifiers
//! ```

pub(crate) mod anomalies;
mod backstage;
mod desk;
mod devices_file;
mod forecast;
mod gather;
mod greeting;
mod keep;
mod maintenance;
mod pipeline;
mod probe;
mod process;
mod recorder;
mod reload;
mod schedule;
mod signals;
mod silence;
mod surroundings;
mod view;

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinSet},
};
use tracing::{info, warn};

pub(crate) use self::{
    backstage::resumed,
    forecast::{Full, filesystems},
    recorder::{hold, objectives},
};
use self::{
    backstage::{Backstage, data_folder},
    forecast::Forecaster,
    gather::{Gatherer, OwnFamilies},
    maintenance::Maintenance,
    pipeline::Inputs,
    probe::Prober,
    reload::Reloader,
    schedule::{Mishaps, Schedule, keep_alive},
    view::View,
};
use crate::{
    alerts, anomaly,
    clock::{Clock, Now},
    collectors::{self, Context, Guarded, News, demo::World},
    config::{Config, Loaded, Sources},
    durable, history, logging, notifiers, rules,
    sample::{Batch, Desc},
    sys::allocator,
    web,
};

/// After a signal to stop, this long for requests under way and tasks to end.
const GRACE: Duration = Duration::from_secs(5);
/// Interval runs that may wait for rules and history.
const BATCHES: usize = 64;
/// News of collectors that may wait for rules: more than a whole network going down at once.
const NEWS: usize = 16_384;
/// Threads that run tasks; reading sources happens on threads of its own.
const WORKER_THREADS: usize = 2;
/// Threads for blocking work: a scrape and an interval run of each collector, look-ups of names of devices (8) and for
/// probes (4), and some to spare.
const BLOCKING_THREADS: usize = 20;

/// Why the application could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The runtime did not start.
    #[error("failed to start the runtime")]
    Runtime(#[source] std::io::Error),
    /// The HTTP server could not start or go on.
    #[error(transparent)]
    Web(#[from] web::Error),
    /// Another instance uses the data directory.
    #[error("failed to {0}")]
    Data(durable::Error),
    /// A task that must never end did. Whoever supervises the process is to start it again.
    #[error("a task panicked")]
    Task(#[source] JoinError),
    /// Signals cannot be listened for.
    #[error("failed to listen for signals")]
    Signals(#[source] std::io::Error),
}

/// All metrics this program can expose.
#[must_use]
pub fn catalogue() -> Vec<&'static Desc> {
    let mut all = collectors::metrics();
    for stage in [
        collectors::RUN_METRICS,
        collectors::NEWS_METRICS,
        rules::METRICS,
        anomaly::METRICS,
        alerts::METRICS,
        notifiers::METRICS,
        web::METRICS,
        logging::METRICS,
        process::METRICS,
        reload::METRICS,
        schedule::METRICS,
        forecast::METRICS,
    ] {
        all.extend_from_slice(stage);
    }
    all.extend(history::metrics());
    all
}

/// Runs until a signal asks to stop. With a `demo`, that is what is watched.
pub fn run(
    loaded: Loaded,
    sources: Sources,
    log: logging::Handle,
    demo: Option<Arc<World>>,
) -> Result<(), Error> {
    process::raise_file_limit();
    allocator::set_limits();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let result = runtime.block_on(async {
        let app = App::build(loaded, sources, log, demo)?;
        app.run().await
    });
    // A hung read of a source must not hold up the end.
    runtime.shutdown_timeout(GRACE);
    result
}

/// The stages, wired and bound to their address, not yet running.
struct App {
    listener: TcpListener,
    address: SocketAddr,
    services: Arc<web::Services>,
    reloader: Arc<Reloader>,
    collectors: Vec<Arc<Guarded>>,
    set: Arc<collectors::Set>,
    backstage: Backstage,
    news: mpsc::Receiver<Batch>,
    mishaps: Arc<Mishaps>,
    /// Without a history there are no forecasts.
    forecaster: Option<Forecaster>,
    clock: Clock,
}

impl App {
    fn build(
        loaded: Loaded,
        sources: Sources,
        log: logging::Handle,
        demo: Option<Arc<World>>,
    ) -> Result<Self, Error> {
        loaded.notes.iter().for_each(|note| warn!(note, "configuration"));
        let clock = Clock::System;
        let started = clock.now();
        let Loaded { config, origin, .. } = loaded;
        let listener = web::bind(&config.web)?;
        let address = listener
            .local_addr()
            .map_err(|error| Error::Web(web::Error::Serve(error)))?;
        let folder = data_folder(config.data_dir_in(&sources.env));
        let (heralds, news) = News::channel(NEWS);
        let context = Context {
            demo,
            ..context(&config, clock, heralds.clone())
        };
        let set = Arc::new(collectors::Set::new(&config.collectors, &context));
        Maintenance::new(&config).tell(&set, started.wall);
        let backstage = Backstage::build(&config, folder.as_deref(), (&host_name(), &set, clock))?;
        let collectors: Vec<_> = set.all().into_iter().map(|c| Arc::new(Guarded::new(c))).collect();
        let mishaps = Arc::new(Mishaps::default());
        let telemetry = Arc::new(web::Telemetry::default());
        let web_config = config.web.clone();
        let reloader = Arc::new(Reloader::new(
            config,
            sources,
            clock,
            Arc::clone(&set),
            log.clone(),
        ));
        let mut own = own_families(started, log, &reloader, &mishaps, &telemetry);
        own.push(Box::new(move || heralds.families()));
        own.extend(backstage.families());
        let forecaster = backstage
            .reader
            .clone()
            .map(|reader| Forecaster::new(reader, clock));
        own.extend(forecaster.as_ref().map(Forecaster::families));
        let stages = web::Stages {
            gather: Arc::new(Gatherer {
                clock,
                collectors: collectors.clone(),
                own,
            }),
            control: Arc::new(Arc::clone(&reloader)),
            watch: Arc::new(View {
                clock,
                started,
                origin,
                host: host_name(),
                collectors: collectors.clone(),
                set: Arc::clone(&set),
                reloader: Arc::clone(&reloader),
            }),
            desk: Arc::new(backstage.desk.clone()),
            prober: Arc::new(Prober::new(Arc::clone(&set), reloader.in_force(), clock)),
            history: backstage.reader.clone(),
            clock,
            telemetry,
        };
        let token = folder.as_deref().and_then(local_token);
        let services = web::Services::new(&web_config, Some(host_name()), token, collectors::NAMES, stages);
        let services = Arc::new(services);
        reloader.serve_with(&services);
        Ok(Self {
            listener,
            address,
            services,
            reloader,
            collectors,
            set,
            backstage,
            news,
            mishaps,
            forecaster,
            clock,
        })
    }

    /// Runs everything until a signal, then stops in order: no more readings, what waits is judged and recorded, what
    /// is to be told is delivered or kept, no more requests.
    async fn run(self) -> Result<(), Error> {
        let (stop, stopping) = watch::channel(false);
        let (batches, runs) = mpsc::channel(BATCHES);
        let mut tasks = JoinSet::new();
        for guarded in &self.collectors {
            let schedule = Schedule {
                guarded: Arc::clone(guarded),
                clock: self.clock,
                changed: self.reloader.changed(),
                stop: stopping.clone(),
                batches: batches.clone(),
                mishaps: Arc::clone(&self.mishaps),
            };
            let mishaps = &self.mishaps;
            tasks.spawn(keep_alive(
                Arc::clone(mishaps),
                schedule.clone(),
                Schedule::intervals,
            ));
            tasks.spawn(keep_alive(Arc::clone(mishaps), schedule, Schedule::background));
        }
        if let Some(forecaster) = self.forecaster {
            tasks.spawn(forecaster.run(batches.clone(), stopping.clone()));
        }
        drop(batches);
        let backstage = self.backstage;
        let _lock = backstage.lock;
        let (no_more_notices, delivered) = watch::channel(false);
        tasks.spawn(backstage.delivery.run(delivered));
        let judged = backstage.pipeline.run(Inputs {
            batches: runs,
            news: self.news,
            orders: backstage.orders,
            config: self.reloader.in_force(),
            stop: stopping.clone(),
        });
        tasks.spawn(async move {
            judged.await;
            no_more_notices.send_replace(true);
        });
        tasks.spawn(backstage.correspondence.follow(
            backstage.outbox,
            self.reloader.in_force(),
            stopping.clone(),
        ));
        tasks.spawn(greeting::greet(
            self.address,
            self.collectors.clone(),
            Arc::clone(&self.set),
            self.clock,
        ));
        tasks.spawn(maintenance::follow(
            Arc::clone(&self.set),
            self.reloader.in_force(),
            self.clock,
            stopping.clone(),
        ));
        tasks.spawn(devices_file::follow(Arc::clone(&self.reloader), stopping.clone()));
        tasks.spawn(signals::reload_on_hangup(self.reloader, stopping)?);
        let asked_to_stop = signals::stop()?;
        info!(address = %self.address, "listening");
        let shutdown = async {
            asked_to_stop.await;
            stop.send_replace(true);
        };
        let served = tokio::select! {
            served = web::serve(self.listener, self.services, shutdown, GRACE) => served.map_err(Error::from),
            panic = first_panic(&mut tasks) => Err(Error::Task(panic)),
        };
        stop.send_replace(true);
        let all_ended = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all_ended).await.is_err() {
            warn!("some tasks did not end in time and were abandoned");
        }
        info!("stopped");
        served
    }
}

/// Waits for a task that panics; tasks that end are no news.
async fn first_panic(tasks: &mut JoinSet<()>) -> JoinError {
    loop {
        match tasks.join_next().await {
            Some(Err(error)) if error.is_panic() => return error,
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

fn context(config: &Config, clock: Clock, news: News) -> Context {
    Context {
        paths: config.collectors.paths.clone(),
        limits: config.health_limits(),
        clock,
        news,
        demo: None,
    }
}

fn own_families(
    started: Now,
    log: logging::Handle,
    reloader: &Arc<Reloader>,
    mishaps: &Arc<Mishaps>,
    telemetry: &Arc<web::Telemetry>,
) -> Vec<OwnFamilies> {
    let (reloader, mishaps, telemetry) = (Arc::clone(reloader), Arc::clone(mishaps), Arc::clone(telemetry));
    vec![
        Box::new(move || process::families(started)),
        Box::new(move || log.families()),
        Box::new(move || reloader.families()),
        Box::new(move || mishaps.families()),
        Box::new(move || telemetry.families()),
    ]
}

/// The token that lets a local user change things. Without it nobody can, and the program runs all the same.
fn local_token(data_dir: &std::path::Path) -> Option<web::Token> {
    match web::Token::load_or_create(data_dir) {
        Ok(token) => Some(token),
        Err(error) => {
            let (data_dir, error) = (data_dir.display(), chain(&error));
            warn!(%data_dir, error, "no local token: changes over HTTP are refused; SIGHUP still works");
            None
        }
    }
}

/// The error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Makes a folder, and those above it, that only this user can look into; one that is there stays as it is.
pub(crate) fn create_private(path: &std::path::Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn host_name() -> String {
    sysinfo::System::host_name().unwrap_or_else(|_| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_place_for_data_the_program_runs_all_the_same() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        assert!(data_folder(Some(file.path().join("below a file"))).is_none());
        assert!(data_folder(None).is_none());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = data_folder(Some(folder.path().join("new"))).expect("is made");
        assert!(local_token(&data).is_some());
    }
}
