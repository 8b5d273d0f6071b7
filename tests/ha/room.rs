//! Where the services run: a network of the test's own, and for each a root of its own with the folders that the compose
//! files name. So the shipped commands and configurations need no other path and no other port.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use rustix::{
    fd::AsFd,
    process::{Pid, Signal, kill_process},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use super::{
    compose::{Service, Source},
    eventually, get,
};

/// A network namespace with nothing but loopback; it vanishes with the value.
pub(crate) struct Network(String);

impl Network {
    /// Makes it.
    pub(crate) fn new() -> Self {
        let network = Self(format!("nkh{}", std::process::id()));
        for words in [
            ["netns", "add", &network.0].as_slice(),
            &["-n", &network.0, "link", "set", "lo", "up"],
        ] {
            let status = Command::new("ip").args(words).status();
            assert!(status.is_ok_and(|status| status.success()), "ip {words:?}");
        }
        network
    }

    /// Runs `work` on a thread in there; what it starts is in there, too.
    pub(crate) fn run(&self, work: impl FnOnce() + Send) {
        let file = File::open(format!("/run/netns/{}", self.0)).expect("it was made");
        std::thread::scope(|scope| {
            let work = || {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("root may do this");
                work();
            };
            scope
                .spawn(work)
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// A service that runs, until the value is dropped.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts it. Volumes are folders in `folder`, which it finds again at its next start.
    pub(crate) fn start(name: &'static str, service: &Service, folder: &Path) -> Self {
        let (log, root) = (
            folder.join(format!("{name}.log")),
            folder.join(format!("{name}.root")),
        );
        fs::create_dir_all(&root).expect("our own folder");
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("our own folder");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--uts", "sh"]);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ha/room.sh"));
        command.arg(&root).arg(name).args(mounts(service, folder));
        command.arg("--").args(&service.words);
        command
            .env_clear()
            .env(
                "PATH",
                "/programs:/servers/current:/servers/store:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .envs(service.environment.iter().cloned())
            .stdout(output.try_clone().expect("a file"))
            .stderr(output);
        let child = command.spawn().expect("unshare starts");
        let mut running = Self { name, child, log };
        if let Some(health) = &service.health {
            running.wait(health);
        }
        running
    }

    /// Waits until it answers there with 200.
    pub(crate) fn wait(&mut self, url: &str) {
        eventually(self.name, Duration::from_mins(1), || {
            let ended = self.child.try_wait().expect("our own child");
            assert!(ended.is_none(), "{} ended: {ended:?}\n{}", self.name, self.said());
            get(url)
        });
    }

    /// Ends it as `docker compose stop` does.
    pub(crate) fn stop(mut self) {
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::TERM).expect("it runs");
        let status = self.child.wait().expect("our own child");
        assert!(status.success(), "{}: {status}\n{}", self.name, self.said());
    }

    fn said(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The service's folders, and those of the programs that stand in for its image.
fn mounts(service: &Service, folder: &Path) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let servers = root.join("target/servers");
    let build = Path::new(env!("CARGO_BIN_EXE_netkestrel"))
        .parent()
        .expect("it is in a folder");
    let mut words = vec![
        format!("{}:/servers:ro", servers.display()),
        format!("{}:/programs:ro", root.join("tests/ha/programs").display()),
        format!("{}:/build:ro", build.display()),
        // Where Debian's Alertmanager looks for its templates.
        format!(
            "{}:/usr/share:ro",
            servers.join("alertmanager/root/usr/share").display()
        ),
    ];
    for mount in &service.mounts {
        let source = match &mount.source {
            Source::Path(path) => path.clone(),
            Source::Volume(name) => folder.join("volumes").join(name),
        };
        if matches!(mount.source, Source::Volume(_)) {
            fs::create_dir_all(&source).expect("our own folder");
        }
        let end = if mount.read_only { ":ro" } else { "" };
        words.push(format!("{}:{}{end}", source.display(), mount.target));
    }
    words
}
