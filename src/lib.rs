//! NetKestrel watches a network from a host.
//!
//! ```text
//! collectors ──> samples ──┬─> exposition ──> /metrics
//!  network system devices  ├─> history (JSON files) ──> API, CLI
//!                          └─> rules, anomaly ──> alerts ──> notifiers (email, webhook)
//! ```
//!
//! Imports point one way: later stages know earlier ones. [`app`] alone wires stages together.

pub mod build;
pub mod clock;
pub mod durable;
pub mod figures;
pub mod pattern;
pub mod problem;
pub mod sample;
pub mod units;

mod sys;

pub mod alerts;
pub mod anomaly;
pub mod collectors;
pub mod config;
pub mod exposition;
pub mod history;
pub mod logging;
pub mod notifiers;
pub mod rules;
pub mod trend;
pub mod web;

pub mod app;
pub mod cli;
pub mod demo;
