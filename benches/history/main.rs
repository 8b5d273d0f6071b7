//! What history costs: CPU time of an append with few and with many records, clean-up included, and the time of a 24 h
//! query over 10,000 records. `cargo bench --bench history [-- append|query]`, on Linux, without root.

#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
#[path = "../support/report.rs"]
mod report;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("this is a benchmark: run it with `cargo bench`");
        return std::process::ExitCode::SUCCESS;
    }
    let mut bars = report::Bars::default();
    measure::append(&mut bars);
    measure::query(&mut bars);
    bars.conclude()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("this benchmark measures on Linux only");
}
