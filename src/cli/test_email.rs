//! `test-email`: real mails through the real path.

use super::{
    answer::{Answer, Exit},
    flags::Flags,
};

/// What to send.
#[derive(clap::Args)]
pub(super) struct Request {}

pub(super) fn answer(flags: &Flags, request: &Request) -> Answer {
    let (_, Request {}) = (flags, request);
    Answer::failure(Exit::WorldsFault, "not in this version")
}
