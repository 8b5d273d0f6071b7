//! The built program, started on a free port with a folder of its own.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{exposition::Page, http::Client, process::Process};

/// Where and as whom the program runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// As this process, in its network.
    Here,
    /// As this process, in a network namespace.
    #[cfg(target_os = "linux")]
    Namespace(String),
    /// Without any privilege (uid and gid 65534), in a network namespace.
    #[cfg(target_os = "linux")]
    Nobody(String),
}

/// A configuration and a folder for data, and how to start the program with them.
pub(crate) struct Setup {
    folder: TempDir,
    place: Place,
}

impl Setup {
    /// With this configuration, as YAML.
    pub(crate) fn new(place: Place, configuration: &str) -> Self {
        let setup = Self {
            folder: tempfile::tempdir().unwrap(),
            place,
        };
        setup.configure(configuration);
        setup.open_to_all();
        setup
    }

    /// Replaces the configuration.
    pub(crate) fn configure(&self, configuration: &str) {
        std::fs::write(self.file(), configuration).unwrap();
    }

    /// Puts a file beside the configuration, in one piece as editors do, and returns where it is.
    pub(crate) fn put(&self, name: &str, text: &str) -> PathBuf {
        let (file, new) = (self.folder.path().join(name), self.folder.path().join("new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &file).unwrap();
        file
    }

    /// A call of the program with the flags that every command takes.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut line = self.before_the_program();
        line.push(self.program().into());
        line.extend(arguments.iter().map(OsString::from));
        line.push("--config.file".into());
        line.push(self.file().into());
        line.push("--data-dir".into());
        line.push(self.data_dir().into());
        let mut command = Command::new(&line[0]);
        // Nothing of the caller's environment is taken for configuration.
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .args(&line[1..])
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path());
        if self.place == Place::Here {
            // No packet of a test leaves this machine.
            command.env("NETKESTREL_COLLECTORS__DEVICES__DEFAULT_GATEWAY", "false");
        }
        command
    }

    /// Starts it on a free port and waits until it is ready.
    pub(crate) fn start(&self) -> Netkestrel {
        self.start_as(&[])
    }

    /// As [`Self::start`], by the command and the flags in `arguments`.
    pub(crate) fn start_as(&self, arguments: &[&str]) -> Netkestrel {
        let arguments = [arguments, &["--web.listen-address=127.0.0.1:0"]].concat();
        let mut process = Process::start(&mut self.command(&arguments));
        let address = process.wait_for("a line that tells the address", |log| {
            log.iter()
                .filter(|line| line.contains("listening"))
                .find_map(|line| address_in(line))
        });
        let client = self.client(address);
        process.wait_for("the answer that it is ready", |_| {
            client
                .try_get("/-/ready")
                .ok()
                .filter(|answer| answer.status == 200)
        });
        Netkestrel { process, client }
    }

    fn client(&self, address: SocketAddr) -> Client {
        match &self.place {
            Place::Here => Client::new(address),
            #[cfg(target_os = "linux")]
            Place::Namespace(name) | Place::Nobody(name) => Client::inside(name, address),
        }
    }

    fn before_the_program(&self) -> Vec<OsString> {
        let line = match &self.place {
            Place::Here => String::new(),
            #[cfg(target_os = "linux")]
            Place::Namespace(name) => format!("ip netns exec {name}"),
            #[cfg(target_os = "linux")]
            Place::Nobody(name) => format!(
                "ip netns exec {name} setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
                 --bounding-set=-all --no-new-privs"
            ),
        };
        line.split_whitespace().map(OsString::from).collect()
    }

    fn program(&self) -> PathBuf {
        if matches!(self.place, Place::Here) {
            built()
        } else {
            self.folder.path().join("netkestrel")
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("netkestrel.yml")
    }

    /// Where the program keeps its data; it makes the folder unless it runs in a namespace.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Another user may not be able to reach the build folder, nor this one.
    fn open_to_all(&self) {
        #[cfg(target_os = "linux")]
        if !matches!(self.place, Place::Here) {
            use std::os::unix::fs::{PermissionsExt, chown};

            std::fs::create_dir(self.data_dir()).unwrap();
            std::fs::copy(built(), self.program()).unwrap();
            std::fs::set_permissions(self.folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
            std::fs::set_permissions(self.file(), PermissionsExt::from_mode(0o644)).unwrap();
            if matches!(self.place, Place::Nobody(_)) {
                chown(self.data_dir(), Some(65534), Some(65534)).unwrap();
            }
        }
    }
}

/// The program under test: the one that was built with the tests, or the one that `NETKESTREL_TEST_PROGRAM` names.
fn built() -> PathBuf {
    let named = std::env::var_os("NETKESTREL_TEST_PROGRAM").map(PathBuf::from);
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(named.unwrap_or_else(|| env!("CARGO_BIN_EXE_netkestrel").into()))
}

/// The running program.
pub(crate) struct Netkestrel {
    /// Its process.
    pub(crate) process: Process,
    /// How to ask it.
    pub(crate) client: Client,
}

impl Netkestrel {
    /// Its metrics in text 0.0.4.
    pub(crate) fn page(&self) -> Page {
        page(&self.client)
    }

    /// Waits until `look` finds something in its metrics.
    pub(crate) fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut(&Page) -> Option<T>) -> T {
        let client = self.client.clone();
        self.process.wait_for(what, |_| look(&page(&client)))
    }
}

/// Metrics in text 0.0.4.
pub(crate) fn page(client: &Client) -> Page {
    let answer = client.get("/metrics");
    assert_eq!(answer.status, 200, "{}", answer.text());
    Page::parse(answer.text())
}

/// The first address with a port on loopback in a log line.
fn address_in(line: &str) -> Option<SocketAddr> {
    let rest = &line[line.find("127.0.0.1:")?..];
    let end = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')
        .unwrap_or(rest.len());
    let address: SocketAddr = rest[..end].parse().ok()?;
    (address.port() != 0).then_some(address)
}
