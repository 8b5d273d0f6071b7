//! What a ping tells and costs: error of the round-trip time against a responder that knows the truth, error of
//! single probes against kernel packet timestamps. The peer is iputils `ping`.
//! `cargo bench --bench rtt [-- accuracy|precision]`, as root on Linux.

#[cfg(target_os = "linux")]
mod accuracy;
#[cfg(target_os = "linux")]
mod echo;
#[cfg(target_os = "linux")]
mod precision;
#[cfg(target_os = "linux")]
mod stamps;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "what a process costs is not measured here")]
mod support;
#[cfg(target_os = "linux")]
mod targets;
#[cfg(target_os = "linux")]
mod tun;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    support::run(&[("accuracy", accuracy::measure), ("precision", precision::measure)])
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("this benchmark measures on Linux only");
}
