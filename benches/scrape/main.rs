//! What a scrape costs: CPU time of the server per scrape with gzip, and resident memory, against
//! `node_exporter` in the same run. `cargo bench --bench scrape [-- host|interfaces]`, as root on Linux.

#[cfg(target_os = "linux")]
mod contest;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod interfaces;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    support::run(&[("host", host::measure), ("interfaces", interfaces::measure)])
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("this benchmark measures on Linux only");
}
