//! Network namespaces of our own: nothing that is measured touches the host's network, and they vanish with
//! their values.

use std::{
    fs::File,
    io::Write,
    os::fd::AsFd,
    process::{Command, Stdio},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::Result;

/// A named namespace with `lo` up.
pub(crate) struct Namespace {
    name: &'static str,
}

impl Namespace {
    /// Makes it; one left over by a killed run is deleted first.
    pub(crate) fn new(name: &'static str) -> Result<Self> {
        let _ = Command::new("ip")
            .args(["netns", "del", name])
            .stderr(Stdio::null())
            .status();
        ip("", &format!("netns add {name}\n"))?;
        let namespace = Self { name };
        namespace.ip("link set lo up\n")?;
        Ok(namespace)
    }

    /// Runs a batch of iproute2 commands inside.
    pub(crate) fn ip(&self, batch: &str) -> Result<()> {
        ip(self.name, batch)
    }

    /// A command that runs inside, with the /sys that belongs to it. Its process is the program itself.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.name, program]);
        command
    }

    /// Runs `work` on a thread inside; the sockets and threads it makes belong there.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let entered = || {
            let file = File::open(format!("/run/netns/{}", self.name))?;
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
            work()
        };
        thread::scope(|scope| scope.spawn(entered).join())
            .unwrap_or_else(|_| Err(format!("a thread in {} panicked", self.name).into()))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", self.name]).status();
    }
}

fn ip(namespace: &str, batch: &str) -> Result<()> {
    let mut command = Command::new("ip");
    if !namespace.is_empty() {
        command.args(["-n", namespace]);
    }
    let mut child = command.args(["-batch", "-"]).stdin(Stdio::piped()).spawn()?;
    child
        .stdin
        .take()
        .ok_or("no pipe to ip")?
        .write_all(batch.as_bytes())?;
    if child.wait()?.success() {
        Ok(())
    } else {
        Err(format!("`ip` refused: {batch}").into())
    }
}
