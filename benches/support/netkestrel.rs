//! Starts the program under measurement with a configuration of its own.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Command,
};

use tempfile::TempDir;

use super::{Result, namespace::Namespace, process::Running};

/// Path of the release build, unless the environment names another program to measure.
pub(crate) fn program() -> String {
    std::env::var("BENCH_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_netkestrel").to_owned())
}

/// A running program and its files.
pub(crate) struct Instance {
    /// For its costs.
    pub(crate) process: Running,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _files: TempDir,
}

impl Instance {
    /// Starts it in a namespace.
    pub(crate) fn start_in(namespace: &Namespace, configuration: &str) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 10980));
        Self::launch(namespace.command(&program()), address, configuration)
    }

    /// Starts what `command` starts.
    pub(crate) fn launch(mut command: Command, address: SocketAddr, configuration: &str) -> Result<Self> {
        let files = tempfile::tempdir()?;
        let file = files.path().join("netkestrel.yml");
        fs::write(&file, configuration)?;
        // Nothing in the environment may configure what is measured.
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .arg("--config.file")
            .arg(&file)
            .arg("--data-dir")
            .arg(data_folder(files.path())?)
            .arg("--web.listen-address")
            .arg(address.to_string());
        let process = Running::start(&mut command)?;
        Ok(Self {
            process,
            address,
            _files: files,
        })
    }
}

/// One line of `collectors.devices.targets`.
pub(crate) fn target(address: Ipv4Addr) -> String {
    format!("      - {{name: \"{address}\", address: {address}}}\n")
}

fn data_folder(parent: &Path) -> Result<std::path::PathBuf> {
    let folder = parent.join("data");
    fs::create_dir(&folder)?;
    Ok(folder)
}
