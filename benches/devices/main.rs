//! What many devices cost: CPU time per probe and false loss against `fping`, `smokeping_prober`,
//! `blackbox_exporter` and a prober that does nothing else; memory per device; size and cost of `/metrics`.
//! `cargo bench --bench devices [-- load|page]`, as root on Linux.

#[cfg(target_os = "linux")]
mod floor;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod page;
#[cfg(target_os = "linux")]
mod peers;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
#[path = "../rtt/targets.rs"]
mod targets;
#[cfg(target_os = "linux")]
mod wire;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    if let Some(file) = floor::wanted() {
        return floor::run(&file);
    }
    support::run(&[("load", load::measure), ("page", page::measure)])
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("this benchmark measures on Linux only");
}
