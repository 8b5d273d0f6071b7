//! Mails that arrived at a server of tests/stack/catcher.py, as files in a folder.

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use super::eventually;

/// A folder of mails.
pub(crate) struct Mailbox {
    folder: tempfile::TempDir,
    server: Option<Child>,
}

impl Mailbox {
    /// An empty folder in which the user of a container may write.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("our own folder");
        Self { folder, server: None }
    }

    /// One with a server of its own on this host, started with `python`.
    pub(crate) fn with_server(python: &Path, port: u16, page: u16) -> Self {
        let mut mailbox = Self::new();
        let server = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/catcher.py"))
            .args([port.to_string(), page.to_string()])
            .arg(mailbox.folder.path())
            .spawn();
        mailbox.server = Some(server.expect("Python starts"));
        // It serves pages only after mail.
        eventually("the mail server", Duration::from_mins(1), || {
            TcpStream::connect(("127.0.0.1", page)).is_ok().then_some(())
        });
        mailbox
    }

    /// Where the mails are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How many arrived.
    pub(crate) fn count(&self) -> usize {
        self.files().len()
    }

    /// Subjects of the mails, in the order in which they arrived.
    pub(crate) fn subjects(&self) -> Vec<String> {
        self.mails().iter().map(|mail| subject(mail)).collect()
    }

    /// The mails whose subject contains all of these words, with lines joined again.
    pub(crate) fn about(&self, words: &[&str]) -> Vec<String> {
        let mut mails = self.mails();
        mails.retain(|mail| words.iter().all(|word| subject(mail).contains(word)));
        mails
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).expect("readable");
        let mut files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
        files.retain(|file| file.extension().is_some_and(|end| end == "eml"));
        files.sort();
        files
    }

    fn mails(&self) -> Vec<String> {
        let read = |file: &PathBuf| fs::read(file).expect("readable");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace("=\r\n", "");
        self.files().iter().map(read).map(text).collect()
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn subject(mail: &str) -> String {
    let unfolded = mail.replace("\r\n ", " ").replace("\r\n\t", " ");
    let found = unfolded.split("\r\n").find(|line| line.starts_with("Subject:"));
    found.unwrap_or_default().to_owned()
}
