//! What a ping tells and costs: error of the round-trip time against a responder that knows the truth, error of
//! single probes against kernel packet timestamps, false loss and CPU time against iputils `ping` and `fping`.
//! `cargo bench --bench rtt [-- accuracy|precision|load]`, as root on Linux.

#[cfg(target_os = "linux")]
mod accuracy;
#[cfg(target_os = "linux")]
mod echo;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod precision;
#[cfg(target_os = "linux")]
mod stamps;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
mod targets;
#[cfg(target_os = "linux")]
mod tun;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    support::run(&[
        ("accuracy", accuracy::measure),
        ("precision", precision::measure),
        ("load", load::measure),
    ])
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("this benchmark measures on Linux only");
}
