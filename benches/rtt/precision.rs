//! Error of single probes against kernel packet timestamps, with the probing engine inside this process: once
//! undisturbed, once beside two tasks that keep the runtime's threads busy.

use std::{
    collections::{HashMap, HashSet},
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use netkestrel::{
    clock::Clock,
    collectors::{Collect, Config, Context, Set},
    sample::{Point, Value},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
};

use crate::{
    stamps::{Listener, Trip},
    support::{
        Result,
        namespace::Namespace,
        pause,
        report::{Bars, quantile, row, table},
    },
    targets::addresses,
    tun::{Responder, Weather},
};

const TARGETS: u16 = 100;
const SLICE: Duration = Duration::from_mins(1);
const WARM_UP: Duration = Duration::from_secs(4);
/// How often the last round-trip times are read: several times per probe of a target.
const LOOK: Duration = Duration::from_millis(150);
/// A reply this close to a look might or might not be the one that was shown.
const DOUBT: Duration = Duration::from_millis(100);
const BURST: Duration = Duration::from_millis(2);
const BUSY_TASKS: usize = 2;
const BAR_MICROSECONDS: f64 = 50.0;
const WEATHER: Weather = Weather {
    delay: Duration::from_millis(20),
    jitter: Duration::from_millis(10),
    loss: 0.0,
    seed: 11,
};

/// What was shown for a target at a time since the Unix epoch.
struct Look {
    at: Duration,
    target: Ipv4Addr,
    seconds: f64,
}

/// Measures idle and busy.
pub(crate) fn measure(bars: &mut Bars) -> Result<()> {
    let namespace = Namespace::new("nkbprecision")?;
    let _responder = Responder::start(&namespace, "10.66.0.1/16", WEATHER)?;
    let idle = namespace.inside(|| slice(0))?;
    let busy = namespace.inside(|| slice(BUSY_TASKS))?;
    let title = format!("Error of single probes against kernel packet timestamps, {TARGETS} targets at 1 s");
    table(
        &title,
        &[
            "tasks beside it",
            "probes",
            "p1 us",
            "p50",
            "p90",
            "p99",
            "max",
            "p99 of the size",
        ],
    );
    for (name, errors) in [("none", idle), ("2 busy, bursts of 2 ms", busy)] {
        print(name, &errors);
        let sizes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
        let expected = SLICE.as_secs_f64() * f64::from(TARGETS);
        bars.at_least(
            format!("share of probes compared, tasks: {name}"),
            sizes.len() as f64 / expected,
            0.9,
        );
        let what = format!("p99 error of single probes in us, tasks: {name}");
        bars.at_most(what, quantile(&sizes, 0.99), BAR_MICROSECONDS);
    }
    Ok(())
}

fn print(name: &str, errors: &[f64]) {
    let sizes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
    let mut cells = vec![name.to_owned(), errors.len().to_string()];
    cells.extend([0.01, 0.5, 0.9, 0.99, 1.0].map(|q| format!("{:+.1}", quantile(errors, q))));
    cells.push(format!("{:.1}", quantile(&sizes, 0.99)));
    row(&cells);
}

/// Errors in microseconds, one per probe. Runs in the calling thread's namespace.
fn slice(busy_tasks: usize) -> Result<Vec<f64>> {
    let listener = Listener::start()?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let collector = devices()?;
    let (_stop, stopped) = watch::channel(false);
    let probing = Arc::clone(&collector)
        .background(stopped)
        .ok_or("the collector does not probe")?;
    runtime.spawn(probing);
    keep_busy(&runtime, busy_tasks);
    pause(WARM_UP);
    let looks = watch_for(SLICE, collector.as_ref());
    runtime.shutdown_background();
    Ok(compare(&looks, listener.trips.try_iter()))
}

fn devices() -> Result<Arc<dyn Collect>> {
    let targets: Vec<_> = addresses(10, 66, TARGETS)
        .map(|address| serde_json::json!({"name": address, "address": address}))
        .collect();
    let settings = serde_json::json!({"interval": "1s", "timeout": "900ms", "probes": 1, "targets": targets});
    let config: Config = serde_json::from_value(serde_json::json!({ "devices": settings }))?;
    let all = Set::new(&config, &Context::default()).all();
    let found = all.into_iter().find(|collector| collector.name() == "devices");
    Ok(found.ok_or("there is no collector `devices`")?)
}

fn keep_busy(runtime: &Runtime, tasks: usize) {
    for _ in 0..tasks {
        runtime.spawn(async {
            loop {
                let start = Instant::now();
                while start.elapsed() < BURST {
                    std::hint::spin_loop();
                }
                tokio::task::yield_now().await;
            }
        });
    }
}

fn watch_for(time: Duration, collector: &dyn Collect) -> Vec<Look> {
    let end = Instant::now() + time;
    let mut looks = Vec::new();
    while Instant::now() < end {
        pause(LOOK);
        let now = Clock::System.now();
        let at = Duration::from_secs_f64(now.unix_seconds());
        let families = collector.scrape(now).data;
        let shown = families
            .iter()
            .filter(|family| family.desc.name == "netkestrel_ping_last_rtt_seconds");
        looks.extend(
            shown
                .flat_map(|family| &family.points)
                .filter_map(|point| look(at, point)),
        );
    }
    looks
}

fn look(at: Duration, point: &Point) -> Option<Look> {
    let target = point.labels.first()?.parse().ok()?;
    match point.value {
        Value::Number(seconds) => Some(Look { at, target, seconds }),
        Value::Histogram(_) => None,
    }
}

/// The error of every trip that a look shows beyond doubt, each trip once.
fn compare(looks: &[Look], trips: impl Iterator<Item = Trip>) -> Vec<f64> {
    let mut by_target: HashMap<Ipv4Addr, Vec<Trip>> = HashMap::new();
    trips.for_each(|trip| by_target.entry(trip.target).or_default().push(trip));
    let mut seen = HashSet::new();
    let mut errors = Vec::new();
    for look in looks {
        let trips = by_target.get(&look.target).map(Vec::as_slice).unwrap_or_default();
        if let Some(trip) = shown(trips, look.at)
            && seen.insert((trip.target, trip.arrived))
        {
            errors.push((look.seconds - trip.took.as_secs_f64()) * 1e6);
        }
    }
    errors
}

/// The last trip before a look; trips come in the order of their arrival.
fn shown(trips: &[Trip], at: Duration) -> Option<&Trip> {
    let begun = trips.partition_point(|trip| trip.arrived < at + DOUBT);
    let last = trips.get(begun.checked_sub(1)?)?;
    (last.arrived + DOUBT < at).then_some(last)
}
