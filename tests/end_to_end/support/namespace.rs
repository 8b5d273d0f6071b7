//! Network namespaces that a test makes for itself; they and all in them vanish with the value, also on panic.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::{
    fd::AsFd,
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A network namespace with its loopback interface up.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one. Its name starts with `nkc` and is unique among all processes that run.
    pub(crate) fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("nkc{}-{number}", std::process::id());
        run("ip", ["netns", "add", &name]);
        let namespace = Self { name };
        namespace.ip("link set lo up");
        namespace
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// `ip` in this namespace, with words separated by blanks.
    pub(crate) fn ip(&self, words: &str) {
        self.ip_words(words.split_whitespace());
    }

    /// `ip` in this namespace, with words of any content.
    pub(crate) fn ip_words(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) {
        let mut line: Vec<OsString> = vec!["-n".into(), self.name.as_str().into()];
        line.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        run("ip", line);
    }

    /// Sets a kernel parameter of this namespace.
    pub(crate) fn sysctl(&self, key: &str, value: &str) {
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        inside(&self.name, move || std::fs::write(path, value)).unwrap();
    }

    /// Has names resolved by the server at this address for what `ip netns exec` starts here.
    pub(crate) fn resolve_by(&self, server: std::net::Ipv4Addr) {
        let folder = self.settings();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("resolv.conf"), format!("nameserver {server}\n")).unwrap();
    }

    /// What `ip netns exec` lays over /etc.
    fn settings(&self) -> std::path::PathBuf {
        std::path::Path::new("/etc/netns").join(&self.name)
    }

    /// Runs `work` on a thread of this namespace.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        inside(&self.name, work)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nothing can be done where it fails, and a panic here would hide the one of the test.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
        let _ = std::fs::remove_dir_all(self.settings());
    }
}

/// Runs `work` on a thread of its own inside the namespace; sockets that it opens stay there.
pub(crate) fn inside<T: Send>(namespace: &str, work: impl FnOnce() -> T + Send) -> T {
    let file = File::open(format!("/run/netns/{namespace}")).unwrap();
    std::thread::scope(|scope| {
        let work = || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        };
        scope
            .spawn(work)
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn run(program: &str, words: impl IntoIterator<Item = impl AsRef<OsStr>>) {
    let mut command = Command::new(program);
    command.args(words);
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
}
