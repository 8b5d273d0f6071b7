//! `demo`: makes up a network with a past of a week, writes that down for Prometheus, and goes on watching it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    answer::{Answer, Exit},
    check_config::refusal,
    flags::Flags,
    progress, run,
};
use crate::{
    alerts, anomaly,
    app::{chain, create_private},
    clock::Clock,
    collectors::demo::World,
    config::{self, Config, Loaded, Override, Sources},
    demo::{self, Demo, Pages, Seen},
    durable::{Lock, Os},
    history::exchange::Labels,
    sys::capabilities,
    units::HumanDuration,
};

pub(super) const NOTES: &str = "\
Examples:
  netkestrel demo
  netkestrel demo --output past --once
  for file in past/*.om; do promtool tsdb create-blocks-from openmetrics $file data/; done

Nothing is sent to any device, and nothing is read of this host. The demo keeps its data in a folder `demo` below \
the data directory. With the stack: docker compose -f docker-compose.yml -f docker-compose.demo.yml up -d";

/// A folder that has this file has a past already.
const WRITTEN: &str = "written";
/// Samples that are further apart leave gaps in charts.
const LONGEST_STEP: Duration = Duration::from_mins(5);

/// What to make up.
#[derive(clap::Args)]
pub(super) struct Request {
    /// Write the past into this folder as OpenMetrics, a file for each block of Prometheus; one that is written already stays
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// End when the past is made up, instead of watching the network from then on
    #[arg(long)]
    once: bool,
    /// Distance of the samples before the last day, at most 5m; within it they are 30 s apart
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = step)]
    step: Duration,
    /// Label `job` of the samples
    #[arg(long, default_value = "netkestrel")]
    job: String,
    /// Label `instance` of the samples, as Prometheus names the target
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:10980")]
    instance: String,
}

fn step(text: &str) -> Result<Duration, String> {
    let step = HumanDuration::parse(text).map_err(|error| error.to_string())?;
    if (Duration::from_secs(30)..=LONGEST_STEP).contains(&*step) {
        Ok(*step)
    } else {
        Err("accepted: 30s to 5m".to_owned())
    }
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Demo(#[from] demo::Error),
    #[error("keep its alerts in {}: {source}", folder.display())]
    Keep { folder: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Alerts(#[from] crate::durable::Error),
}

pub(super) fn run(flags: &Flags, request: &Request) -> Exit {
    let dropped = capabilities::keep_only_net_raw();
    let (loaded, sources) = match load(flags) {
        Ok(both) => both,
        Err(error) => return refusal(&error).print(),
    };
    let made = make_up(&loaded.config, &sources, request);
    match made {
        Err(error) => {
            let complaint = format!("failed to {}", chain(&error));
            Answer::failure(Exit::WorldsFault, complaint).print()
        }
        Ok(_) if request.once => Exit::Fine,
        Ok(world) => run::go_on(loaded, sources, dropped, Some(world)),
    }
}

/// The configuration with a demo laid over it, and a folder of its own for its data.
fn load(flags: &Flags) -> Result<(Loaded, Sources), config::Error> {
    let mut sources = flags.sources();
    let own = config::load(&sources)?.config.data_dir_in(&sources.env);
    sources.flags.extend(demo::overrides());
    sources.flags.extend(own.map(|folder| Override {
        path: "data_dir".to_owned(),
        value: folder.join("demo").display().to_string(),
        flag: "demo".to_owned(),
    }));
    Ok((config::load(&sources)?, sources))
}

/// A network whose past has passed, and is written down where that is asked for.
fn make_up(config: &Config, sources: &Sources, request: &Request) -> Result<Arc<World>, Error> {
    let is_new = |folder: &&Path| !folder.join(WRITTEN).exists();
    let wanted = request.output.as_deref().filter(is_new);
    let seen = wanted.map_or(Seen::No, |_| Seen::Yes);
    let demo = Demo::new(Clock::System.now(), seen)?;
    let labels = Labels {
        job: request.job.clone(),
        instance: request.instance.clone(),
    };
    let pages = wanted.map(|folder| Pages::new(folder, &labels)).transpose()?;
    let bar = progress::seconds(demo.length());
    let saved = demo.pass(config, request.step, pages, |seconds| bar.set_position(seconds))?;
    bar.finish_and_clear();
    if let Some(folder) = config.data_dir_in(&sources.env) {
        keep(&folder, &saved)?;
    }
    if let Some(path) = wanted.map(|folder| folder.join(WRITTEN)) {
        std::fs::write(&path, "").map_err(|source| demo::Error::Write { path, source })?;
    }
    Ok(Arc::clone(demo.world()))
}

/// Keeps the alerts, and what is usual, where the program looks for those of its life before.
fn keep(folder: &Path, (alerts, usual): &(alerts::Saved, anomaly::Saved)) -> Result<(), Error> {
    create_private(folder).map_err(|source| Error::Keep {
        folder: folder.to_owned(),
        source,
    })?;
    let _lock = Lock::take(folder)?;
    alerts::Store::new(Arc::new(Os), folder).save(alerts)?;
    Ok(anomaly::Store::new(Arc::new(Os), folder).save(usual)?)
}
