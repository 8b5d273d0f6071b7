//! Child processes and what they cost, read from /proc. CPU time comes in ticks of 10 ms, so it is taken over
//! many operations.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{Result, pause};

const PATIENCE: Duration = Duration::from_secs(5);

/// A child that ends with this value.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Starts `command` without input; what it prints is dropped, what it complains about is shown.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("failed to start {command:?}: {error}"))?;
        Ok(Self { child })
    }

    /// CPU time of all its threads so far, in user and kernel mode.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = self.read("stat")?;
        let (_, after_name) = stat.rsplit_once(')').ok_or("an unreadable /proc/PID/stat")?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks =
            |index: usize| -> Result<u64> { Ok(fields.get(index).ok_or("a short /proc/PID/stat")?.parse()?) };
        // Fields 14 and 15 of the file; the first after the name is the third.
        let total = ticks(11)? + ticks(12)?;
        Ok(Duration::from_secs(total).div_f64(rustix::param::clock_ticks_per_second() as f64))
    }

    /// Resident memory in bytes: now, and the most there ever was.
    pub(crate) fn resident(&self) -> Result<(f64, f64)> {
        let status = self.read("status")?;
        let kib = |key: &str| -> Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            Ok(line
                .ok_or("a short /proc/PID/status")?
                .trim_end_matches("kB")
                .trim()
                .parse()?)
        };
        Ok((kib("VmRSS:")? * 1024.0, kib("VmHWM:")? * 1024.0))
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).map_err(|error| format!("{path}: {error}; did the process end?").into())
    }

    fn ended_within(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            pause(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A child that has ended already is what is wanted; no other failure can be acted on here.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        if !self.ended_within(PATIENCE) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
