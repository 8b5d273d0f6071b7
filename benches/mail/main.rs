//! What a mail costs in time: from a finding to the server's acceptance, and what a storm of alerts becomes, against
//! Alertmanager in the same run. `cargo bench --bench mail [-- single|storm]`, on Linux, without root.

#[cfg(target_os = "linux")]
mod alertmanager;
#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
mod ours;
#[cfg(target_os = "linux")]
#[path = "../support/report.rs"]
mod report;
#[cfg(target_os = "linux")]
mod sink;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("this is a benchmark: run it with `cargo bench`");
        return std::process::ExitCode::SUCCESS;
    }
    let wanted: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|a| !a.starts_with('-'))
        .collect();
    if let Some(unknown) = wanted.iter().find(|name| !["single", "storm"].contains(name)) {
        eprintln!("no part is called `{unknown}`; there are: single, storm");
        return std::process::ExitCode::from(64);
    }
    let mut bars = report::Bars::default();
    match measure::all(&wanted, &mut bars) {
        Ok(()) => bars.conclude(),
        Err(error) => {
            eprintln!("the benchmark failed: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("this benchmark measures on Linux only");
}
