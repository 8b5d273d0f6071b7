//! What the tests are made of: processes that end with them, a small HTTP client, outside judges of a metrics page.

pub(crate) mod exposition;
pub(crate) mod http;
pub(crate) mod judges;
pub(crate) mod netkestrel;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod proxy;
pub(crate) mod requirement;

#[cfg(target_os = "linux")]
pub(crate) mod alertmanager;
#[cfg(target_os = "linux")]
pub(crate) mod fakes;
#[cfg(target_os = "linux")]
pub(crate) mod mail;
#[cfg(target_os = "linux")]
pub(crate) mod namespace;
#[cfg(target_os = "linux")]
pub(crate) mod traffic;
#[cfg(target_os = "linux")]
pub(crate) mod usual;
