//! `history`: export, import and count what is remembered.

use super::{
    answer::{Answer, Exit},
    flags::Flags,
};

/// What to do.
#[derive(clap::Subcommand)]
pub(super) enum Action {
    /// Count records, bytes and the time they span
    Stats,
}

pub(super) fn run(flags: &Flags, action: &Action) -> Exit {
    let (_, Action::Stats) = (flags, action);
    Answer::failure(Exit::WorldsFault, "not in this version").print()
}
