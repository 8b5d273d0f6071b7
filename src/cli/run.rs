//! `run`: fewer privileges, then the configuration, then the log, then the application.

use std::sync::Arc;

use tracing::{info, warn};

use super::{
    answer::{Answer, Exit},
    check_config::refusal,
    flags::Flags,
};
use crate::{
    app::chain,
    build,
    collectors::demo::World,
    config::{Loaded, Sources},
    logging,
    sys::capabilities::{self, Dropped},
};

/// What the running program reacts to.
pub(super) const SIGNALS: &str = "\
Signals:
  SIGHUP            read the configuration again; a bad one changes nothing
  SIGTERM, SIGINT   stop in order";

pub(super) fn run(flags: &Flags) -> Exit {
    // Before the first file is opened and before any other thread exists.
    let dropped = capabilities::keep_only_net_raw();
    let sources = flags.sources();
    match crate::config::load(&sources) {
        Ok(loaded) => go_on(loaded, sources, dropped, None),
        Err(error) => refusal(&error).print(),
    }
}

/// Runs with what was loaded, once privileges are dropped; with a `demo`, watches that.
pub(super) fn go_on(
    loaded: Loaded,
    sources: Sources,
    dropped: std::io::Result<Dropped>,
    demo: Option<Arc<World>>,
) -> Exit {
    let log = match logging::init(&loaded.config.log) {
        Ok(log) => log,
        Err(error) => return Answer::failure(Exit::WorldsFault, chain(&error)).print(),
    };
    let _last_lines = log.flush_at_end();
    report_privileges(dropped);
    start(loaded, sources, &log, demo)
}

/// Hands over to the application and turns how it ended into an exit code.
fn start(loaded: Loaded, sources: Sources, log: &logging::Handle, demo: Option<Arc<World>>) -> Exit {
    info!(version = build::VERSION, revision = build::REVISION, "starting");
    match crate::app::run(loaded, sources, log.clone(), demo) {
        Ok(()) => Exit::Fine,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "stopped");
            Exit::WorldsFault
        }
    }
}

fn report_privileges(dropped: std::io::Result<Dropped>) {
    match dropped {
        Ok(Dropped::Kept(net_raw)) => info!(cap_net_raw = net_raw.permitted, "dropped all other privileges"),
        Ok(Dropped::NothingHeld) => {}
        Err(error) => warn!(%error, "failed to drop privileges; running with what was given"),
    }
}
