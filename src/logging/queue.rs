//! The queue between events and a reader or disk that may be slow: whoever logs never waits. What does not fit is
//! dropped and counted.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::file::Failures;

/// Lines that wait for a slow reader or disk; more than this are dropped and counted.
pub(super) const LINES: usize = 1024;
/// How long the end of the program waits for the lines that are still queued.
const LAST_LINES: Duration = Duration::from_millis(1500);

/// Starts the thread that writes what is queued to `writer`.
pub(super) fn start(writer: impl Write + Send + 'static) -> (NonBlocking, Flush) {
    let (lines, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES)
        .thread_name("log")
        .finish(writer);
    (lines, Flush(Arc::new(Mutex::new(Some(guard)))))
}

/// Dropping it writes what is queued, waiting at most 1.5 s for it. Later lines are lost.
pub struct AtEnd(Flush);

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What it takes to end the queue.
#[derive(Clone)]
pub(super) struct Flush(Arc<Mutex<Option<WorkerGuard>>>);

impl Flush {
    pub(super) fn at_end(&self) -> AtEnd {
        AtEnd(self.clone())
    }

    fn end(&self) {
        let Some(guard) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let (done, ended) = mpsc::channel();
        // With a full queue the library complains on standard output, which may be stuck just as well.
        let ending = std::thread::Builder::new().spawn(move || {
            drop(guard);
            let _ = done.send(());
        });
        if ending.is_ok() {
            let _ = ended.recv_timeout(LAST_LINES);
        }
    }
}

/// A stream, such as standard error, that counts the lines it refuses.
pub(super) struct Stream<W> {
    writer: W,
    failures: Failures,
}

impl<W: Write> Stream<W> {
    pub(super) fn new(writer: W, failures: Failures) -> Self {
        Self { writer, failures }
    }
}

impl<W: Write> Write for Stream<W> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.writer.write_all(lines).is_err() {
            self.failures.add();
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that takes nothing until the test lets go of it.
    struct Stalled(mpsc::Receiver<()>);

    impl Write for Stalled {
        fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(lines.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stalled_reader_holds_up_neither_events_nor_the_end() {
        let (release, stalled) = mpsc::channel();
        let (mut lines, flush) = start(Stalled(stalled));
        // One line may be with the writer already.
        for _ in 0..LINES + 10 {
            lines.write_all(b"line\n").expect("never fails");
        }
        assert!((9..=10).contains(&lines.error_counter().dropped_lines()));
        drop(flush.at_end());
        drop(release);
    }

    #[test]
    fn a_stream_that_refuses_lines_is_counted() {
        let failures = Failures::default();
        let mut room = [0_u8; 2];
        let mut stream = Stream::new(&mut room[..], failures.clone());
        stream.write_all(b"line\n").expect("never fails");
        assert_eq!(failures.get(), 1);
    }
}
