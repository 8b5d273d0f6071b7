//! Calls to the operating system that no safe library covers: one small, tested module per system call family.
//! Imports nothing of ours.

pub(crate) mod capabilities;
pub(crate) mod privilege;
pub(crate) mod time_status;
