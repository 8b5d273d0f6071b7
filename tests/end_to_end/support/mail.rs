//! A real mail server (aiosmtpd) and the mails that arrived at it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{process::Process, requirement::python};

/// Where mails arrive. The server can be stopped and started again.
pub(crate) struct Mailbox {
    folder: TempDir,
    namespace: String,
    server: Option<Process>,
}

/// The port of the server; every test has a network namespace of its own.
pub(crate) const PORT: u16 = 2525;

/// A mail that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    /// When it was accepted, in milliseconds since 1970.
    pub(crate) accepted: u64,
    text: String,
}

impl Mail {
    /// The content of a header, unfolded; empty without it.
    pub(crate) fn header(&self, name: &str) -> String {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let start = format!("{}:", name.to_lowercase());
        let found = unfolded
            .split("\r\n")
            .find(|line| line.to_lowercase().starts_with(&start));
        found.map_or(String::new(), |line| line[start.len()..].trim().to_owned())
    }
}

impl Mailbox {
    /// A server in the namespace.
    pub(crate) fn in_namespace(namespace: &str) -> Self {
        let mut mailbox = Self {
            folder: tempfile::tempdir().unwrap(),
            namespace: namespace.to_owned(),
            server: None,
        };
        mailbox.open();
        mailbox
    }

    /// Starts the server.
    pub(crate) fn open(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mail/server.py");
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.namespace])
            .arg(python().expect("asked for before"))
            .arg(script)
            .arg("plain")
            .arg(self.folder.path())
            .arg(PORT.to_string());
        let mut server = Process::start(&mut command);
        server.wait_for("the mail server", |log| {
            log.iter().any(|line| *line == PORT.to_string()).then_some(())
        });
        self.server = Some(server);
    }

    /// Stops the server; what arrived stays.
    pub(crate) fn close(&mut self) {
        self.server = None;
    }

    /// What arrived so far, in the order of arrival.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "eml"));
        paths.sort();
        let read = |path: PathBuf| Mail {
            accepted: path
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .split('-')
                .next()
                .unwrap()
                .parse()
                .unwrap(),
            text: String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
        };
        paths.into_iter().map(read).collect()
    }
}
