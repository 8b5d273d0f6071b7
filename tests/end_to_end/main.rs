//! The built program from outside: real processes, real Prometheus servers, real interfaces.
//!
//! A test that lacks something (root, a server, a Python package) prints `SKIPPED name: reason`; with
//! `NETKESTREL_TEST_REQUIRE=1` it fails instead. `scripts/test` installs what they need.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and its support code does so for it"
)]

#[cfg(target_os = "linux")]
#[path = "../panels/mod.rs"]
mod panels;
#[path = "../requirement/mod.rs"]
mod requirement;
mod support;

mod backfill;
mod devices_file;
mod requests;
mod serving;
mod settings;

#[cfg(target_os = "linux")]
mod alertmanager;
#[cfg(target_os = "linux")]
mod anomalies;
#[cfg(target_os = "linux")]
mod dashboards;
#[cfg(target_os = "linux")]
mod demo;
#[cfg(target_os = "linux")]
mod hostile_names;
#[cfg(target_os = "linux")]
mod lean;
#[cfg(target_os = "linux")]
mod left_alone;
#[cfg(target_os = "linux")]
mod mails;
#[cfg(target_os = "linux")]
mod names;
#[cfg(target_os = "linux")]
mod network_rates;
#[cfg(target_os = "linux")]
mod no_privilege;
#[cfg(target_os = "linux")]
mod probe;
mod prometheus;
#[cfg(target_os = "linux")]
mod topology;
