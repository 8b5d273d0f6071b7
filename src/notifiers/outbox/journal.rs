//! Where the outbox writes its events: a file, or nowhere. What could not be written is made good by the next
//! rewrite that succeeds, so trouble with a disk costs durability while it lasts and nothing else.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::{error, info, warn};

use super::entry::Event;
use crate::durable::{Disk, Error, Format, Log};

const FORMAT: Format = Format {
    kind: "outbox",
    version: 1,
};
/// The file is rewritten once it has grown by this much beyond twice what the last rewrite left.
const SLACK: u64 = 1024 * 1024;

/// Where events go.
pub(super) enum Journal {
    /// There is no disk; none was asked for.
    Memory,
    /// The file must stay as it is, such as one of a newer version.
    Refused,
    /// A file.
    File(File),
}

pub(super) struct File {
    log: Log,
    /// Whether the file lacks something that happened.
    behind: bool,
    /// Length after the last rewrite.
    base: u64,
    slack: u64,
}

impl Journal {
    /// Opens the file and reads its events back.
    pub(super) fn open(disk: &Arc<dyn Disk>, path: &Path) -> (Self, Vec<Event>) {
        let opened = Log::open(Arc::clone(disk), path, FORMAT).and_then(|log| {
            let (events, damaged) = read(&log)?;
            Ok((log, events, damaged))
        });
        let (log, events, damaged) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                error!(error = %error, cause = cause(&error), "the outbox cannot be used; messages are kept in memory only");
                return (Self::Refused, Vec::new());
            }
        };
        let mut behind = false;
        if damaged > 0 {
            match copy_aside(&**disk, path) {
                Ok(aside) => {
                    warn!(path = %path.display(), aside = %aside.display(), lines = damaged, "damaged lines of the outbox were passed over; a copy was set aside");
                    behind = true;
                }
                Err(error) => {
                    error!(path = %path.display(), %error, "the outbox is damaged and cannot be set aside; messages are kept in memory only");
                    return (Self::Refused, events);
                }
            }
        }
        let base = log.len();
        let file = File {
            log,
            behind,
            base,
            slack: SLACK,
        };
        (Self::File(file), events)
    }

    /// Writes `events` durably. `all` gives the whole state with these events taken in, should the file need to be
    /// written anew. Returns whether the file holds everything now.
    pub(super) fn write(&mut self, events: &[Event], all: impl Fn() -> Vec<Event>) -> Result<(), Unwritten> {
        match self {
            // That a file was refused was said when it was opened; offering again would not help.
            Self::Memory | Self::Refused => Ok(()),
            Self::File(file) => file.write(events, all),
        }
    }

    /// Rewrites sooner, for tests.
    #[cfg(test)]
    pub(super) fn with_slack(mut self, bytes: u64) -> Self {
        if let Self::File(file) = &mut self {
            file.slack = bytes;
        }
        self
    }
}

/// The file lacks something for now.
#[derive(Debug)]
pub(super) struct Unwritten;

impl File {
    fn write(&mut self, events: &[Event], all: impl Fn() -> Vec<Event>) -> Result<(), Unwritten> {
        if self.behind {
            return self.rewrite(&all()).map_err(|_| Unwritten);
        }
        if events.is_empty() {
            return Ok(());
        }
        let lines: Vec<u8> = events.iter().flat_map(Event::line).collect();
        if let Err(error) = self.log.append(&lines) {
            error!(%error, cause = cause(&error), "the outbox cannot be written; messages are kept in memory until it can");
            self.behind = true;
            return Err(Unwritten);
        }
        if self.log.len() > self.base.saturating_mul(2).saturating_add(self.slack)
            && let Err(error) = self.rewrite(&all())
        {
            warn!(%error, cause = cause(&error), "the outbox cannot be cleaned up and grows on");
            // Tried again once it has grown as much once more.
            self.base = self.log.len();
        }
        Ok(())
    }

    fn rewrite(&mut self, all: &[Event]) -> Result<(), Error> {
        self.log.replace(&mut |file| {
            let mut lines = all.iter().map(Event::line);
            lines.try_for_each(|line| file.write_all(&line))
        })?;
        if self.behind {
            info!(path = %self.log.path().display(), "the outbox holds everything again");
        }
        self.behind = false;
        self.base = self.log.len();
        Ok(())
    }
}

/// All events of the file, and how many lines were none.
fn read(log: &Log) -> Result<(Vec<Event>, usize), Error> {
    let unreadable = |source| Error::Io {
        action: "read",
        path: log.path().to_owned(),
        source,
    };
    let (mut lines, mut line) = (log.lines()?, Vec::new());
    let (mut events, mut damaged) = (Vec::new(), 0);
    while lines.next_into(&mut line).map_err(unreadable)?.is_some() {
        match serde_json::from_slice(&line) {
            Ok(event) => events.push(event),
            Err(_) => damaged += 1,
        }
    }
    Ok((events, damaged))
}

fn copy_aside(disk: &dyn Disk, path: &Path) -> io::Result<PathBuf> {
    let mut content = Vec::new();
    disk.open(path)?.read_to_end(&mut content)?;
    let mut names = (1..).map(|number| path.with_extension(format!("jsonl.damaged.{number}")));
    let aside = names.find(|name| !disk.exists(name)).unwrap_or_default();
    disk.replace(&aside, &mut |file| file.write_all(&content))?;
    Ok(aside)
}

/// What lies below the error, as people read it.
fn cause(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(String::new, ToString::to_string)
}
