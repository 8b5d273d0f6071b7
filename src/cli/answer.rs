//! What a command answers: text for standard output, complaints for standard error, and an exit code.

use std::{
    io::{self, Write},
    process::ExitCode,
};

/// How a command ended; the numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// All is well.
    Fine,
    /// Something in the world failed, though we were asked correctly.
    WorldsFault,
    /// The command line or the configuration is wrong (`EX_USAGE` of sysexits.h).
    UsersFault,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::WorldsFault => 1,
            Exit::UsersFault => 64,
        })
    }
}

/// The outcome of one command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// For standard output.
    pub(super) text: String,
    /// For standard error.
    pub(super) complaint: String,
    /// How it ended.
    pub(super) exit: Exit,
}

impl Answer {
    /// Success with `text` on standard output.
    pub(super) fn fine(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            complaint: String::new(),
            exit: Exit::Fine,
        }
    }

    /// Failure with one line on standard error.
    pub(super) fn failure(exit: Exit, complaint: impl std::fmt::Display) -> Self {
        Self {
            text: String::new(),
            complaint: format!("netkestrel: {complaint}\n"),
            exit,
        }
    }

    /// Prints both parts, with colours only on terminals and never against `NO_COLOR`. A reader that left early
    /// (`| head`) is no failure.
    pub(super) fn print(self) -> Exit {
        let complained = anstream::stderr().write_all(self.complaint.as_bytes());
        let mut output = anstream::stdout();
        let printed = output
            .write_all(self.text.as_bytes())
            .and_then(|()| output.flush());
        match complained.and(printed) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::WorldsFault,
            _ => self.exit,
        }
    }
}
