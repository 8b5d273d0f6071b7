//! `history`: export, import and count what is remembered.

mod export;
mod import;
mod stats;
mod store;

use std::path::PathBuf;

use jiff::tz::TimeZone;

pub(super) use self::store::{reader, records, transitions};
use super::{
    Output,
    answer::{Answer, Exit},
    check_config,
    flags::{self, Flags},
};
use crate::config::Config;

/// What to do.
#[derive(clap::Subcommand)]
pub(super) enum Action {
    /// Write a stream as CSV, JSON lines or OpenMetrics
    #[command(after_help = export::EXAMPLES)]
    Export {
        #[command(flatten)]
        request: export::Request,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Take in the files of the Python system; what is there already is not taken twice
    #[command(after_help = import::NOTES)]
    Import {
        #[command(flatten)]
        request: import::Request,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Count records, bytes and the time they span
    Stats {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        flags: Box<Flags>,
    },
}

pub(super) fn run(outer: Flags, action: Action) -> Exit {
    match action {
        Action::Export { request, flags } => {
            let written = place(&flags.or(outer)).and_then(|place| export::run(&place, &request));
            written.map_or_else(Answer::print, |()| Exit::Fine)
        }
        Action::Import { request, flags } => {
            answer(&flags.or(outer), |place| import::answer(place, &request))
        }
        Action::Stats { output, flags } => {
            answer(&flags.or(outer), |place| stats::answer(place, output.format))
        }
    }
}

fn answer(flags: &Flags, act: impl FnOnce(&Place) -> Answer) -> Exit {
    place(flags)
        .map_or_else(|refusal| refusal, |place| act(&place))
        .print()
}

/// The configuration in force and the folder it names.
pub(super) struct Place {
    pub(super) config: Config,
    pub(super) data_dir: PathBuf,
}

impl Place {
    /// The zone of local times.
    pub(super) fn zone(&self) -> TimeZone {
        self.config.zone()
    }

    /// Fails where there is no folder of history at all, which is not the same as one without records.
    pub(super) fn must_exist(&self) -> Result<(), Answer> {
        let folder = self.data_dir.join("history");
        std::fs::read_dir(&folder).map(drop).map_err(|error| {
            let complaint = format_args!(
                "there is no history to read: {}: {error}; `--data-dir` names another data directory",
                folder.display()
            );
            Answer::failure(Exit::WorldsFault, complaint)
        })
    }
}

/// Where history lies, or the answer that it cannot be told.
pub(super) fn place(flags: &Flags) -> Result<Place, Answer> {
    let config = flags
        .load()
        .map_err(|error| check_config::refusal(&error))?
        .config;
    let data_dir = config.data_dir_in(&flags::environment()).ok_or_else(|| {
        let complaint = "the environment names no home to look for data in; give `--data-dir`";
        Answer::failure(Exit::UsersFault, complaint)
    })?;
    Ok(Place { config, data_dir })
}
