//! The local token: a secret in a file that only the user running the program can read. Whoever can show it may
//! send requests that change something. On Unix the file and its folder are refused when that is not so; on Windows
//! it is up to the permissions of the folder.

use std::{
    fs,
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use subtle::ConstantTimeEq;

use super::Error;
use crate::units::Secret;

const FILE: &str = "token";
const BYTES: usize = 32;
/// A file with more is none of ours.
const LONGEST: u64 = 128;

/// A secret of 32 random bytes, as 64 hexadecimal digits.
#[derive(Debug, Clone)]
pub struct Token {
    secret: Secret,
    path: PathBuf,
}

impl Token {
    /// The token in `data_dir`, which is made when there is none. Fails when the folder cannot be written, when others
    /// may write to it or read the file, or when the file holds something else.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, Error> {
        match Self::load(data_dir) {
            Err(Error::Token { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Self::create(data_dir)
            }
            other => other,
        }
    }

    /// The token in `data_dir`: what a command on the same host sends to the running instance.
    pub fn load(data_dir: &Path) -> Result<Self, Error> {
        let path = data_dir.join(FILE);
        refuse_shared_folder(data_dir)
            .and_then(|()| read(&path))
            .map_err(|source| failure("read", &path, source))
            .map(|secret| Self { secret, path })
    }

    fn create(data_dir: &Path) -> Result<Self, Error> {
        let path = data_dir.join(FILE);
        match write_new(data_dir, &path) {
            // Another instance was quicker: its token is the one.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::load(data_dir),
            Err(error) => Err(failure("create", &path, error)),
            Ok(()) => Self::load(data_dir),
        }
    }

    /// The secret, to be sent as `Authorization: Bearer …`.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Where it is kept.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this is the content of an `Authorization` header with our token. Takes the same time for every
    /// wrong token of the right length.
    pub(super) fn authorizes(&self, header: &[u8]) -> bool {
        let Some((scheme, given)) = header.split_at_checked("Bearer ".len()) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(given.ct_eq(self.secret.reveal().as_bytes()))
    }
}

fn failure(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Token {
        action,
        path: path.to_owned(),
        source,
    }
}

fn read(path: &Path) -> io::Result<Secret> {
    let mut text = String::new();
    open_private(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    let token = text.trim();
    let is_token = token.len() == BYTES * 2 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.len() as u64 > LONGEST || !is_token {
        return Err(refusal(
            "it does not hold 64 hexadecimal digits; delete it, and a new one is made at the next start",
        ));
    }
    Ok(Secret::new(token))
}

fn refusal(message: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}

/// Whoever may write to the folder can put a token of their own in place of ours.
#[cfg(unix)]
fn refuse_shared_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    const WRITE: u32 = 0o022;
    /// Leaves files to their owners in a folder that everybody may write to.
    const STICKY: u32 = 0o1000;
    let mode = fs::metadata(folder)?.mode();
    if mode & WRITE != 0 && mode & STICKY == 0 {
        return Err(refusal(
            "others may write to its folder; take that away with `chmod go-w`, or choose another data directory",
        ));
    }
    Ok(())
}

/// Elsewhere permissions are lists that this program does not read.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
fn refuse_shared_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Opens a regular file that belongs to us or root and that nobody else may touch.
#[cfg(unix)]
fn open_private(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::MetadataExt;
    let named = fs::symlink_metadata(path)?;
    if !named.is_file() {
        return Err(refusal("it is not a regular file; delete it"));
    }
    let file = without_links(path)?;
    let opened = file.metadata()?;
    if (named.dev(), named.ino()) != (opened.dev(), opened.ino()) || !opened.is_file() {
        return Err(refusal("it was replaced while it was being opened"));
    }
    if ![0, own_user(path)?].contains(&opened.uid()) {
        return Err(refusal("it belongs to another user; delete it"));
    }
    if opened.mode() & 0o077 != 0 {
        return Err(refusal(
            "others may read or write it; delete it, and a new one is made at the next start",
        ));
    }
    Ok(file)
}

#[cfg(not(unix))]
fn open_private(path: &Path) -> io::Result<fs::File> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(refusal("it is not a regular file; delete it"));
    }
    fs::File::open(path)
}

/// Neither follows a link nor waits for the other end of a pipe.
#[cfg(target_os = "linux")]
fn without_links(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    fs::OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn without_links(path: &Path) -> io::Result<fs::File> {
    fs::File::open(path)
}

#[cfg(target_os = "linux")]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on other systems")]
fn own_user(_: &Path) -> io::Result<u32> {
    Ok(rustix::process::geteuid().as_raw())
}

/// The owner of the folder, which nobody else may write to.
#[cfg(all(unix, not(target_os = "linux")))]
fn own_user(path: &Path) -> io::Result<u32> {
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok(std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder)?))
}

fn write_new(data_dir: &Path, path: &Path) -> io::Result<()> {
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    // A temporary file is private from the start on Unix, and the link to its final name never replaces another.
    let mut file = tempfile::NamedTempFile::new_in(data_dir)?;
    for byte in bytes {
        write!(file, "{byte:02x}")?;
    }
    writeln!(file)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_survives_a_restart() {
        let dir = tempfile::tempdir().expect("a folder");
        let first = Token::load_or_create(dir.path()).expect("is made");
        let second = Token::load_or_create(dir.path()).expect("is read");
        assert_eq!(first.secret().reveal(), second.secret().reveal());
        assert_eq!(first.secret().reveal().len(), 64);
        assert_eq!(fs::read_dir(dir.path()).expect("is there").count(), 1);
    }

    /// Why the token in this folder is refused.
    #[cfg(unix)]
    fn refused(folder: &Path) -> String {
        let error = Token::load_or_create(folder).expect_err("is refused");
        std::error::Error::source(&error).expect("a cause").to_string()
    }

    #[cfg(unix)]
    fn set_mode(path: &Path, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("is ours");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_touch_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a folder");
        let token = Token::load_or_create(dir.path()).expect("is made");
        let mode = fs::metadata(token.path()).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        for mode in [0o644, 0o620, 0o604] {
            set_mode(token.path(), mode);
            let why = refused(dir.path());
            assert!(why.starts_with("others may read or write it"), "{mode:o}: {why}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_or_a_folder_in_its_place_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let elsewhere = tempfile::tempdir().expect("a folder");
        let real = Token::load_or_create(elsewhere.path()).expect("is made");
        let path = dir.path().join(FILE);
        std::os::unix::fs::symlink(real.path(), &path).expect("linked");
        assert_eq!(refused(dir.path()), "it is not a regular file; delete it");
        fs::remove_file(&path).expect("removed");
        fs::create_dir(&path).expect("made");
        assert_eq!(refused(dir.path()), "it is not a regular file; delete it");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_of_another_user_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let token = Token::load_or_create(dir.path()).expect("is made");
        // Only root can give files away.
        if std::os::unix::fs::chown(token.path(), Some(65_534), None).is_ok() {
            assert_eq!(refused(dir.path()), "it belongs to another user; delete it");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        for (mode, fine) in [
            (0o700, true),
            (0o755, true),
            (0o1777, true),
            (0o770, false),
            (0o702, false),
        ] {
            let dir = tempfile::tempdir().expect("a folder");
            set_mode(dir.path(), mode);
            if fine {
                Token::load_or_create(dir.path()).expect("is made");
            } else {
                let why = refused(dir.path());
                assert!(
                    why.starts_with("others may write to its folder"),
                    "{mode:o}: {why}"
                );
                assert!(!dir.path().join(FILE).exists());
            }
        }
    }

    #[test]
    fn a_damaged_file_is_refused_and_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        let padded = format!("{}{}", "0".repeat(64), " ".repeat(65));
        for content in ["", "short", &"g".repeat(64), &padded] {
            fs::write(dir.path().join(FILE), content).expect("writes");
            #[cfg(unix)]
            set_mode(&dir.path().join(FILE), 0o600);
            let error = Token::load_or_create(dir.path()).expect_err("is damaged");
            assert!(std::error::Error::source(&error).is_some_and(|e| e.to_string().contains("delete it")));
            assert_eq!(
                fs::read_to_string(dir.path().join(FILE)).expect("is there"),
                content
            );
        }
    }

    #[test]
    fn only_the_whole_token_authorizes() {
        let dir = tempfile::tempdir().expect("a folder");
        let token = Token::load_or_create(dir.path()).expect("is made");
        let secret = token.secret().reveal();
        let rows = [
            (format!("Bearer {secret}"), true),
            (format!("bearer {secret}"), true),
            (format!("Bearer {secret}0"), false),
            (format!("Bearer {}", &secret[1..]), false),
            (format!("Basic {secret}"), false),
            (secret.to_owned(), false),
            ("Bearer ".to_owned(), false),
            (String::new(), false),
        ];
        for (header, expected) in rows {
            assert_eq!(token.authorizes(header.as_bytes()), expected, "{header}");
        }
    }
}
