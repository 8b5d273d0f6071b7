//! The programs we compare with, obtained by `scripts/peers`, which prints their versions.

use std::process::Command;

use super::{Result, netkestrel};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Obtains every peer and prints what takes part.
pub(crate) fn obtain() -> Result<()> {
    println!(
        "netkestrel {}: {}",
        env!("CARGO_PKG_VERSION"),
        netkestrel::program()
    );
    let status = Command::new(format!("{ROOT}/scripts/peers")).status()?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cores = std::thread::available_parallelism()?;
    println!("kernel {}, {cores} cores, load {}", kernel.trim(), load.trim());
    if status.success() {
        Ok(())
    } else {
        Err("scripts/peers did not obtain every peer".into())
    }
}
