//! What the anomaly detector costs and what it is worth on generated series with fixed seeds: time per sample, short
//! bursts found by the spike track, and the default policy, quiet on what is stationary and awake when something happens.
//! `cargo bench --bench anomaly [-- speed|spikes|quiet|awake]`, without root.

mod generate;
mod policy;
#[path = "../support/report.rs"]
mod report;
mod speed;
mod spikes;

use report::Bars;

type Part = (&'static str, fn(&mut Bars));

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("this is a benchmark: run it with `cargo bench`");
        return std::process::ExitCode::SUCCESS;
    }
    let parts: [Part; 4] = [
        ("speed", speed::measure),
        ("spikes", spikes::measure),
        ("quiet", policy::quiet),
        ("awake", policy::awake),
    ];
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let mut bars = Bars::default();
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|wanted| *wanted == name) {
            part(&mut bars);
        }
    }
    bars.conclude()
}
