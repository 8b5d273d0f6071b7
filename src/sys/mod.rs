//! Calls to the operating system that no safe library covers: one small, tested module per system call family.
//! Imports nothing of ours.

pub(crate) mod allocator;
pub(crate) mod capabilities;
#[cfg(target_os = "linux")]
pub(crate) mod control;
#[cfg(target_os = "linux")]
pub(crate) mod ping_send;
#[cfg(target_os = "linux")]
pub(crate) mod ping_socket;
pub(crate) mod privilege;
pub(crate) mod time_status;
pub(crate) mod waker;
