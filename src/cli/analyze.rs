//! `analyze`: the last hours summed up.

use super::{
    Form,
    answer::{Answer, Exit},
    flags::Flags,
};

/// What to sum up.
#[derive(clap::Args)]
pub(super) struct Request {
    /// How many hours back
    #[arg(long, default_value_t = 24)]
    hours: u32,
}

pub(super) fn answer(flags: &Flags, request: &Request, form: Form) -> Answer {
    let _ = (flags, request.hours, form);
    Answer::failure(Exit::WorldsFault, "not in this version")
}
