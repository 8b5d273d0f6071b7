//! The log file: appended to, renamed away when it has grown, opened anew when something else renamed it.
//! Trouble with the file never stops the program: lines go to standard error until the file takes them again.
//!
//! Written here because the libraries at hand name files by date or panic when old files vanish.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Lines the file did not take.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures(Arc<AtomicU64>);

impl Failures {
    /// How many so far.
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more.
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// When to rename and how much to keep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Size at which a new file is begun; 0 means never.
    pub(super) max_bytes: u64,
    /// Old files kept.
    pub(super) keep: u32,
}

/// Whether the file takes our lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Well,
    /// The last line was refused, and part of it may stand in the file.
    Refusing,
}

/// A file that is renamed to `NAME.1`, `NAME.2`, … when it has grown. Each `write` must be whole lines.
pub(super) struct RotatingFile {
    path: PathBuf,
    file: File,
    /// Bytes since the last rotation, tried or done.
    grown: u64,
    limits: Limits,
    state: State,
    failures: Failures,
}

impl RotatingFile {
    /// Opens or creates the file. Fails when that is impossible, or when `path` is a directory.
    pub(super) fn open(path: &Path, limits: Limits, failures: Failures) -> io::Result<Self> {
        let file = append_to(path)?;
        Ok(Self {
            // A symbolic link stays in place: what it points to is rotated.
            path: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
            grown: file.metadata()?.len(),
            file,
            limits,
            state: State::Well,
            failures,
        })
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.follow()?;
        let limit = self.limits.max_bytes;
        if limit > 0 && self.grown > 0 && self.grown + lines.len() as u64 > limit {
            self.rotate()?;
        }
        if self.state == State::Refusing {
            // Ends what may be half a line.
            self.file.write_all(b"\n")?;
        }
        self.file.write_all(lines)?;
        self.grown += lines.len() as u64;
        Ok(())
    }

    /// Opens the file anew when ours was moved or deleted.
    fn follow(&mut self) -> io::Result<()> {
        if is_at(&self.file, &self.path) {
            return Ok(());
        }
        self.reopen()
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.file = append_to(&self.path)?;
        self.grown = self.file.metadata()?.len();
        self.state = State::Well;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        // If renaming is not possible, the next try comes after as many bytes again, not at each line.
        self.grown = 0;
        if !self.file.metadata()?.is_file() {
            return Ok(());
        }
        if let Err(error) = shift(&self.path, self.limits.keep) {
            complain(&self.path, "rotate", &error);
            return Ok(());
        }
        self.reopen()
    }

    fn fall_back(&mut self, lines: &[u8], error: &io::Error) {
        self.failures.add();
        if self.state == State::Well {
            self.state = State::Refusing;
            complain(&self.path, "write to", error);
        }
        let _ = io::stderr().lock().write_all(lines);
    }
}

impl Write for RotatingFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        match self.append(lines) {
            Ok(()) => self.state = State::Well,
            Err(error) => self.fall_back(lines, &error),
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    options.open(path)
}

/// Whether `path` still names the open `file`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(theirs)) => identity(ours) == identity(theirs),
        _ => false,
    }
}

/// Whether `path` still names a file; which one cannot be told here.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Renames `path` to `path.1`, `path.1` to `path.2` and so on; the one beyond `keep` is replaced.
fn shift(path: &Path, keep: u32) -> io::Result<()> {
    if keep == 0 {
        return fs::remove_file(path);
    }
    for number in (1..keep).rev() {
        match fs::rename(numbered(path, number), numbered(path, number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(path, numbered(path, 1))
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// The log cannot report its own trouble through itself.
fn complain(path: &Path, attempt: &str, error: &io::Error) {
    let _ = writeln!(
        io::stderr().lock(),
        "netkestrel: failed to {attempt} the log file {}: {error}",
        path.display()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        dir: tempfile::TempDir,
        log: RotatingFile,
    }

    impl Case {
        fn new(max_bytes: u64, keep: u32) -> Self {
            let dir = tempfile::tempdir().expect("a directory");
            let limits = Limits { max_bytes, keep };
            let log =
                RotatingFile::open(&dir.path().join("log"), limits, Failures::default()).expect("opened");
            Self { dir, log }
        }

        fn write(&mut self, line: &str) {
            self.log.write_all(line.as_bytes()).expect("never fails");
        }

        fn read(&self, name: &str) -> Option<String> {
            fs::read_to_string(self.dir.path().join(name)).ok()
        }
    }

    #[test]
    fn a_full_file_is_renamed_and_the_oldest_replaced() {
        let mut case = Case::new(8, 2);
        for line in ["one\n", "two\n", "three\n", "four\n", "five\n"] {
            case.write(line);
        }
        assert_eq!(case.read("log").as_deref(), Some("five\n"));
        assert_eq!(case.read("log.1").as_deref(), Some("four\n"));
        assert_eq!(case.read("log.2").as_deref(), Some("three\n"));
        assert_eq!(case.read("log.3"), None);
    }

    #[test]
    fn a_line_longer_than_the_limit_is_kept_whole() {
        let mut case = Case::new(4, 1);
        case.write("a long line\n");
        case.write("x\n");
        assert_eq!(case.read("log.1").as_deref(), Some("a long line\n"));
        assert_eq!(case.read("log").as_deref(), Some("x\n"));
    }

    #[test]
    fn old_files_that_vanish_do_no_harm() {
        let mut case = Case::new(4, 3);
        for line in ["one\n", "two\n", "six\n"] {
            case.write(line);
        }
        fs::remove_file(case.dir.path().join("log.1")).expect("removed");
        case.write("ten\n");
        assert_eq!(case.read("log").as_deref(), Some("ten\n"));
        assert_eq!(case.read("log.3").as_deref(), Some("one\n"));
    }

    #[test]
    fn keeping_none_starts_over() {
        let mut case = Case::new(4, 0);
        case.write("one\n");
        case.write("two\n");
        assert_eq!(
            (case.read("log").as_deref(), case.read("log.1")),
            (Some("two\n"), None)
        );
    }

    #[test]
    fn size_counts_from_what_the_file_already_holds() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("log");
        fs::write(&path, "before\n").expect("written");
        let limits = Limits {
            max_bytes: 8,
            keep: 1,
        };
        let mut log = RotatingFile::open(&path, limits, Failures::default()).expect("opened");
        log.write_all(b"after\n").expect("never fails");
        assert_eq!(fs::read_to_string(&path).expect("text"), "after\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_moved_away_or_deleted_is_begun_anew() {
        let mut case = Case::new(0, 5);
        case.write("one\n");
        fs::rename(case.dir.path().join("log"), case.dir.path().join("moved")).expect("moved");
        case.write("two\n");
        fs::remove_file(case.dir.path().join("log")).expect("removed");
        case.write("three\n");
        assert_eq!(case.read("moved").as_deref(), Some("one\n"));
        assert_eq!(case.read("log").as_deref(), Some("three\n"));
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_stays_and_its_target_is_rotated() {
        let mut case = Case::new(4, 1);
        let link = case.dir.path().join("link");
        std::os::unix::fs::symlink(case.dir.path().join("log"), &link).expect("linked");
        case.log = RotatingFile::open(
            &link,
            Limits {
                max_bytes: 4,
                keep: 1,
            },
            Failures::default(),
        )
        .expect("opened");
        case.write("one\n");
        case.write("two\n");
        assert!(link.is_symlink());
        assert_eq!(case.read("log.1").as_deref(), Some("one\n"));
        assert_eq!(case.read("link.1"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_counted_and_costs_nothing_else() {
        let limits = Limits {
            max_bytes: 4,
            keep: 1,
        };
        let failures = Failures::default();
        let mut log = RotatingFile::open(Path::new("/dev/full"), limits, failures.clone()).expect("opened");
        log.write_all(b"one\n").expect("never fails");
        log.write_all(b"two\n").expect("never fails");
        assert_eq!((failures.get(), log.state), (2, State::Refusing));
        assert!(Path::new("/dev/full").exists(), "a device is never renamed");
    }

    #[cfg(unix)]
    #[test]
    fn once_the_directory_is_back_lines_go_to_the_file_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let (inner, path) = (dir.path().join("inner"), dir.path().join("inner/log"));
        fs::create_dir(&inner).expect("created");
        let limits = Limits {
            max_bytes: 0,
            keep: 1,
        };
        let failures = Failures::default();
        let mut log = RotatingFile::open(&path, limits, failures.clone()).expect("opened");
        fs::remove_dir_all(&inner).expect("removed");
        log.write_all(b"lost to stderr\n").expect("never fails");
        fs::create_dir(&inner).expect("created");
        log.write_all(b"back\n").expect("never fails");
        assert_eq!(failures.get(), 1);
        assert_eq!(fs::read_to_string(&path).expect("text"), "back\n");
    }
}
