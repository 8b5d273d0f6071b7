//! `history`: export, import and count what is remembered.

mod export;
mod import;
mod stats;
mod store;
pub(super) mod table;

use std::path::PathBuf;

use jiff::{Timestamp, tz::TimeZone};

pub(super) use self::store::{Range, records, transitions};
use super::{
    Output,
    answer::{Answer, Exit},
    check_config,
    flags::{self, Flags},
};
use crate::{config::Config, units::HumanDuration};

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
        // A name that is not known did not pass the configuration's own check.
        TimeZone::get(&self.config.timezone).unwrap_or_else(|_| TimeZone::system())
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

/// A moment as people give it: RFC 3339, seconds since 1970, or `-24h` before `now`.
pub(super) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let accepted = || {
        format!(
            "given `{}`; accepted: RFC 3339 such as `2026-11-25T12:00:00Z`, seconds since 1970, or a time back such \
             as `-24h`",
            text.escape_debug()
        )
    };
    if let Some(back) = text.strip_prefix('-') {
        let back = HumanDuration::parse(back).map_err(|_| accepted())?;
        return now.checked_sub(*back).map_err(|_| accepted());
    }
    if let Ok(seconds) = text.parse::<f64>() {
        let since = jiff::SignedDuration::try_from_secs_f64(seconds).map_err(|_| accepted())?;
        return Timestamp::from_duration(since).map_err(|_| accepted());
    }
    text.parse().map_err(|_| accepted())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_may_be_given_in_three_ways() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().expect("a time");
        for (text, expected) in [
            ("2026-11-25T11:00:00+01:00", "2026-11-25T10:00:00Z"),
            ("1795608000.5", "2026-11-25T12:00:00.5Z"),
            ("-24h", "2026-11-24T12:00:00Z"),
        ] {
            assert_eq!(moment(text, now).expect(text).to_string(), expected, "{text}");
        }
        for text in ["yesterday", "-", "-24", "1e300", ""] {
            let error = moment(text, now).expect_err(text);
            assert!(error.contains("accepted: RFC 3339"), "{error}");
        }
    }
}
