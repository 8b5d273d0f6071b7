//! What becomes of findings: one alert per rule and subject, from pending over firing to resolved, and what people
//! are to hear of it. Decides and remembers; sends nothing and reads no clock.

mod alert;
mod calendar;
mod config;
mod engine;
mod error;
mod matcher;
mod metrics;
mod name;
mod notice;
mod quiet;
mod settle;
mod silence;
mod store;
mod suppress;
mod track;
mod windows;
mod wishes;

pub use self::{
    alert::{Acknowledgement, Alert, AlertId, Ending, Peak, State, Unknown},
    config::{Config, Day, Flapping, Maintenance, QuietHours},
    engine::{Engine, InForce, Outcome},
    error::Error,
    matcher::{Matcher, Patterns},
    metrics::{METRICS, held_by_alertmanager},
    notice::{Audience, News, Notice, Transition},
    silence::Silence,
    store::{Saved, Store},
    suppress::Reason,
    windows::Windows,
};

#[cfg(test)]
mod engine_tests;
