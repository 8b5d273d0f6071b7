//! A process that a test started: its log as lines, its end by signal, and its certain end with the test.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

/// Longest wait for anything a process is expected to do.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// How long a poll waits for the process to say something before it looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A running process, killed when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
    log: Vec<String>,
}

impl Process {
    /// Starts it with no input; both outputs go into its log.
    pub(crate) fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let (sender, lines) = channel();
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for output in outputs {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Self {
            name,
            child,
            lines,
            log: Vec::new(),
        }
    }

    /// Polls `look` until it finds something; looks again whenever the process logs, and now and then besides.
    ///
    /// # Panics
    /// When the process ends, or does not deliver within [`PATIENCE`].
    pub(crate) fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut(&[String]) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(&self.log) {
                return found;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                self.drain();
                panic!(
                    "{} ended with {status} before: {what}\n{}",
                    self.name,
                    self.log.join("\n")
                );
            }
            if Instant::now() > end {
                self.drain();
                panic!("{} took too long for: {what}\n{}", self.name, self.log.join("\n"));
            }
            self.listen(LOOK_AGAIN);
        }
    }

    /// Lets `time` pass, or less when the process ends; its log goes on being read.
    pub(crate) fn watch_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.listen(left);
        }
    }

    /// Everything it has written so far.
    pub(crate) fn log(&mut self) -> &[String] {
        self.drain();
        &self.log
    }

    /// Sends SIGTERM and waits for the end.
    #[cfg(target_os = "linux")]
    pub(crate) fn terminate(mut self) -> (ExitStatus, Vec<String>) {
        self.signal(rustix::process::Signal::TERM);
        (self.wait(), self.log().to_vec())
    }

    /// Sends a signal.
    #[cfg(target_os = "linux")]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Waits for its end.
    #[cfg(target_os = "linux")]
    fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "{} does not end", self.name);
            self.listen(LOOK_AGAIN);
        }
    }

    fn listen(&mut self, time: Duration) {
        match self.lines.recv_timeout(time) {
            Ok(line) => self.log.push(line),
            Err(RecvTimeoutError::Timeout) => {}
            // It closed its outputs and is about to end; there is nothing to hear any more.
            Err(RecvTimeoutError::Disconnected) => std::thread::park_timeout(LOOK_AGAIN.min(time)),
        }
    }

    fn drain(&mut self) {
        self.log.extend(self.lines.try_iter());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
