//! `alerts`: asks the running instance for its alerts, and changes them.

use super::{
    Output,
    answer::{Answer, Exit},
    flags::Flags,
};

/// What to do.
#[derive(clap::Subcommand)]
pub(super) enum Action {
    /// List alerts
    List {
        #[command(flatten)]
        output: Output,
    },
}

pub(super) fn answer(flags: &Flags, action: &Action) -> Answer {
    let Action::List { output } = action;
    let _ = (flags, output.format);
    Answer::failure(Exit::WorldsFault, "not in this version")
}
