//! Asks filesystems for their space without ever waiting for one that hangs.
//!
//! Filesystems that answer from memory are asked directly, which takes a microsecond. One that depends on
//! another host or program gets a thread of its own that lives as long as the mount: asking it costs two
//! switches between threads and no start of one. One that misses the deadline is not asked again until it has
//! answered, so it costs the deadline once, and no more threads can hang than there are mounts.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use smol_str::SmolStr;
use tracing::{debug, info, warn};

use super::mounts::{Access, Mount};
use crate::collectors::system::filesystems::{Inodes, Space};

/// The call that asks a filesystem; tests give another.
pub(super) type Statvfs = Arc<dyn Fn(&Path) -> io::Result<Space> + Send + Sync>;

/// A thread that only waits in one system call needs no more.
const STACK_BYTES: usize = 64 << 10;

/// Space of filesystems, with the threads of those that may hang.
pub(super) struct Watch {
    statvfs: Statvfs,
    deadline: Duration,
    /// By device and mount point: a mount that another server replaces starts afresh.
    probes: HashMap<(SmolStr, SmolStr), Probe>,
}

/// A thread that asks one filesystem whenever it is told to.
struct Probe {
    asks: SyncSender<()>,
    answers: Receiver<io::Result<Space>>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Asked,
    /// Asked, and its deadline passed without an answer.
    Hung,
}

impl Watch {
    /// Asks with `statvfs`; what may hang has until `deadline`, all at the same time.
    pub(super) fn new(statvfs: Statvfs, deadline: Duration) -> Self {
        Self {
            statvfs,
            deadline,
            probes: HashMap::new(),
        }
    }

    /// Space of every mount, in their order; `None` where it cannot be asked, failed or did not answer in time.
    pub(super) fn spaces(&mut self, mounts: &[Mount]) -> Vec<Option<Space>> {
        let slow = || mounts.iter().filter(|mount| mount.access == Access::MayHang);
        slow().for_each(|mount| self.ask(mount));
        let deadline = Instant::now() + self.deadline;
        let spaces = mounts
            .iter()
            .map(|mount| match mount.access {
                Access::Prompt => note(mount, (self.statvfs)(&mount.path)),
                Access::MayHang => self.answer(mount, deadline),
                Access::Hidden => None,
            })
            .collect();
        // A thread that hangs stays known even without its mount: it is never started twice.
        self.probes.retain(|key, probe| {
            probe.state != State::Idle
                || slow().any(|mount| (&mount.disk, &mount.mountpoint) == (&key.0, &key.1))
        });
        spaces
    }

    fn ask(&mut self, mount: &Mount) {
        let key = (mount.disk.clone(), mount.mountpoint.clone());
        if !self.probes.contains_key(&key) {
            match Probe::start(&self.statvfs, mount.path.clone()) {
                Ok(probe) => drop(self.probes.insert(key.clone(), probe)),
                Err(error) => warn!(mountpoint = %mount.mountpoint, %error, "no thread to read a filesystem"),
            }
        }
        if let Some(probe) = self.probes.get_mut(&key) {
            probe.ask(mount);
        }
    }

    fn answer(&mut self, mount: &Mount, deadline: Instant) -> Option<Space> {
        let key = (mount.disk.clone(), mount.mountpoint.clone());
        let probe = self.probes.get_mut(&key)?;
        if probe.state == State::Hung {
            return None;
        }
        match probe
            .answers
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            Ok(answer) => {
                probe.state = State::Idle;
                note(mount, answer)
            }
            Err(RecvTimeoutError::Timeout) => {
                probe.state = State::Hung;
                warn!(mountpoint = %mount.mountpoint, "filesystem does not answer");
                None
            }
            Err(RecvTimeoutError::Disconnected) => {
                self.probes.remove(&key);
                None
            }
        }
    }
}

impl Probe {
    fn start(statvfs: &Statvfs, path: PathBuf) -> io::Result<Self> {
        let (asks, orders) = sync_channel::<()>(1);
        let (results, answers) = sync_channel(1);
        let statvfs = Arc::clone(statvfs);
        thread::Builder::new()
            .name("statvfs".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                while orders.recv().is_ok() {
                    if results.send(statvfs(&path)).is_err() {
                        break;
                    }
                }
            })?;
        Ok(Self {
            asks,
            answers,
            state: State::Idle,
        })
    }

    /// Tells the thread to ask, unless its last question is still open. An answer that came late is thrown away:
    /// nobody knows when it was true.
    fn ask(&mut self, mount: &Mount) {
        if self.state == State::Hung {
            match self.answers.try_recv() {
                Ok(_) => info!(mountpoint = %mount.mountpoint, "filesystem answers again"),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {}
            }
        }
        // Whether the thread is still there shows when its answer is awaited.
        let _ = self.asks.try_send(());
        self.state = State::Asked;
    }
}

/// A refusal (no permission, stale handle) is a state of that mount, which its `device_error` shows.
fn note(mount: &Mount, answer: io::Result<Space>) -> Option<Space> {
    answer
        .inspect_err(|error| debug!(mountpoint = %mount.mountpoint, %error, "failed to read a filesystem"))
        .ok()
}

/// The operating system's `statvfs`.
pub(super) fn statvfs(path: &Path) -> io::Result<Space> {
    let stat = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Ok(Space {
        size: bytes(stat.f_blocks),
        avail: bytes(stat.f_bavail),
        free: Some(bytes(stat.f_bfree)),
        // Filesystems that create inodes as they need them report none at all.
        inodes: (stat.f_files > 0).then_some(Inodes {
            all: stat.f_files,
            free: stat.f_ffree,
        }),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use super::{super::mountinfo::Device, *};

    const SPACE: Space = Space {
        size: 100,
        avail: 40,
        free: Some(50),
        inodes: None,
    };
    const PATIENT: Duration = Duration::from_mins(1);

    fn mount(mountpoint: &str, access: Access) -> Mount {
        Mount {
            disk: "nas:/export".into(),
            mountpoint: mountpoint.into(),
            fstype: "nfs4".into(),
            path: mountpoint.into(),
            read_only: false,
            access,
            device: Device::default(),
        }
    }

    /// A server whose answers wait for `release`; counts how often it is asked.
    fn hanging() -> (SyncSender<()>, Arc<AtomicUsize>, Statvfs) {
        let (release, gate) = sync_channel(1);
        let (gate, asked) = (Mutex::new(gate), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&asked);
        let statvfs: Statvfs = Arc::new(move |path: &Path| {
            if path == Path::new("/hung") {
                counter.fetch_add(1, Ordering::SeqCst);
                let gate = gate.lock().expect("one thread");
                gate.recv().map_err(io::Error::other)?;
            }
            Ok(SPACE)
        });
        (release, asked, statvfs)
    }

    #[test]
    fn a_hung_mount_stalls_no_other_and_is_not_asked_twice() {
        let (release, asked, statvfs) = hanging();
        let mut watch = Watch::new(statvfs, Duration::from_millis(20));
        let mounts = [mount("/hung", Access::MayHang), mount("/", Access::Prompt)];
        let started = Instant::now();
        for _ in 0..50 {
            assert_eq!(watch.spaces(&mounts), [None, Some(SPACE)]);
        }
        assert!(
            started.elapsed() < Duration::from_secs(1),
            "only the first run waits"
        );
        assert_eq!(watch.probes.len(), 1);

        // It stays known while its mount is away, so that its return starts no second thread.
        watch.spaces(&mounts[1..]);
        watch.spaces(&mounts);
        assert_eq!(watch.probes.len(), 1);

        watch.deadline = PATIENT;
        release.send(()).expect("the thread waits");
        release.send(()).expect("for the next question");
        let answered = std::iter::repeat_with(|| watch.spaces(&mounts))
            .inspect(|_| thread::yield_now())
            .any(|spaces| spaces == [Some(SPACE), Some(SPACE)]);
        assert!(answered, "it is asked again once it has returned");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_mount_that_answers_keeps_its_thread_until_it_goes() {
        let (_release, _asked, statvfs) = hanging();
        let mut watch = Watch::new(statvfs, PATIENT);
        let mounts = [mount("/a", Access::MayHang), mount("/b", Access::MayHang)];
        assert_eq!(watch.spaces(&mounts), [Some(SPACE); 2]);
        assert_eq!(watch.spaces(&mounts), [Some(SPACE); 2]);
        assert_eq!(watch.probes.len(), 2);
        watch.spaces(&[]);
        assert!(watch.probes.is_empty());
    }

    #[test]
    fn errors_and_panics_of_a_mount_are_its_own() {
        let statvfs: Statvfs = Arc::new(|path: &Path| match path.to_str() {
            Some("/denied") => Err(io::ErrorKind::PermissionDenied.into()),
            Some("/broken") => panic!("a defect"),
            _ => Ok(SPACE),
        });
        let mut watch = Watch::new(statvfs, PATIENT);
        let mounts = [
            mount("/denied", Access::Prompt),
            mount("/broken", Access::MayHang),
            mount("/", Access::MayHang),
        ];
        assert_eq!(watch.spaces(&mounts), [None, None, Some(SPACE)]);
        assert_eq!(
            watch.spaces(&mounts),
            [None, None, Some(SPACE)],
            "and it is tried again"
        );
    }

    #[test]
    fn the_root_has_a_size() {
        let space = statvfs(Path::new("/")).expect("the root is readable");
        assert!(space.size > 0 && space.avail <= space.size);
        assert!(statvfs(Path::new("/no/such/path")).is_err());
    }
}
