//! What the benchmarks share: processes and their costs, namespaces, a client, peers, tables and bars.
//! They measure in real time on a real kernel, so they run as root on Linux and on nothing else.

use std::{error::Error, process::ExitCode, time::Duration};

pub(crate) mod http;
pub(crate) mod namespace;
pub(crate) mod netkestrel;
pub(crate) mod peers;
pub(crate) mod process;
pub(crate) mod report;

/// A benchmark ends at the first thing that goes wrong: a half measured table helps nobody.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// One part of a benchmark: its name on the command line and what it measures into the bars.
pub(crate) type Part = (&'static str, fn(&mut report::Bars) -> Result<()>);

/// Runs the parts named on the command line, all of them when none is named, and judges the bars.
pub(crate) fn run(parts: &[Part]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("this is a benchmark: run it with `cargo bench`");
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let known: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        eprintln!("no part is called `{unknown}`; there are: {}", known.join(", "));
        return ExitCode::from(64);
    }
    match measure(parts, &wanted) {
        Ok(bars) => bars.conclude(),
        Err(error) => {
            eprintln!("the benchmark failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Waits in real time.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement lasts as long as it lasts"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn measure(parts: &[Part], wanted: &[&str]) -> Result<report::Bars> {
    if !rustix::process::geteuid().is_root() {
        return Err("root is needed: for network namespaces, TUN and ICMP; run it with `sudo -E`".into());
    }
    peers::obtain()?;
    let mut bars = report::Bars::default();
    for (name, part) in parts {
        if wanted.is_empty() || wanted.contains(name) {
            part(&mut bars)?;
        }
    }
    Ok(bars)
}
