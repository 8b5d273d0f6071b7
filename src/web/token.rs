//! The local token: a secret in a file that only the user running the program can read. Whoever can show it may
//! send requests that change something.

use std::{
    fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use subtle::ConstantTimeEq;

use super::Error;
use crate::units::Secret;

const FILE: &str = "token";
const BYTES: usize = 32;
/// Everything group and others may do with a file.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

/// A secret of 32 random bytes, as 64 hexadecimal digits.
#[derive(Debug, Clone)]
pub struct Token {
    secret: Secret,
    path: PathBuf,
}

impl Token {
    /// The token in `data_dir`, which is made when there is none. Fails when the folder cannot be written or the
    /// file holds something else.
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
        read(&path)
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
    let text = fs::read_to_string(path)?;
    let token = text.trim();
    if token.len() != BYTES * 2 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let message =
            "it does not hold 64 hexadecimal digits; delete it, and a new one is made at the next start";
        return Err(io::Error::new(ErrorKind::InvalidData, message));
    }
    keep_private(path)?;
    Ok(Secret::new(token))
}

/// Takes away from others what a careless copy or umask gave them.
#[cfg(unix)]
fn keep_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(());
    }
    tracing::warn!(path = %path.display(), "others could read the local token; its mode is now 0600");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

/// Elsewhere the folder of the user's own data is private.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
fn keep_private(_: &Path) -> io::Result<()> {
    Ok(())
}

fn write_new(data_dir: &Path, path: &Path) -> io::Result<()> {
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    // A temporary file is private from the start, and the link to its final name never replaces another.
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

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a folder");
        let path = Token::load_or_create(dir.path())
            .expect("is made")
            .path()
            .to_owned();
        let mode = || fs::metadata(&path).expect("is there").permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("is ours");
        Token::load(dir.path()).expect("is read");
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn a_damaged_file_is_refused_and_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        for content in ["", "short", &"g".repeat(64)] {
            fs::write(dir.path().join(FILE), content).expect("writes");
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
