//! Whether the log file can be written, and renamed in its folder.

use std::{fs, io, path::Path};

use super::{check::Check, storage::try_to_write};
use crate::logging;

const NAME: &str = "log file";

/// Nothing to check when the log goes to standard error.
pub(super) fn check(config: &logging::Config) -> Option<Check> {
    if config.file.is_empty() {
        return None;
    }
    let file = Path::new(&config.file);
    // The parent of a bare name is the empty path, which stands for the working folder.
    let folder = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    Some(judge(file, folder, &try_to_append(file), &try_to_write(folder)))
}

/// Opens the file as the log does, without creating it: one that is not there is none in the way.
fn try_to_append(file: &Path) -> io::Result<()> {
    match fs::OpenOptions::new().append(true).open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened.map(drop),
    }
}

fn judge(file: &Path, folder: &Path, appended: &io::Result<()>, written: &io::Result<()>) -> Check {
    let (shown, within) = (file.display(), folder.display());
    match (appended, written) {
        (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => Check::fail(
            NAME,
            format!("{shown} cannot be created: there is no folder {within}"),
            "Create the folder for the user that runs NetKestrel, or set `log.file`.",
        ),
        (Err(error), _) => Check::fail(
            NAME,
            format!("{shown} cannot be written: {error}"),
            "Make the user that runs NetKestrel its owner, or set `log.file`.",
        ),
        (Ok(()), Err(error)) => Check::fail(
            NAME,
            format!("{within} cannot be written: {error}"),
            "Make the user that runs NetKestrel the folder's owner, as the file is renamed when it is full, or set \
             `log.file`.",
        ),
        (Ok(()), Ok(())) => Check::ok(NAME, format!("{shown} can be written")),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::check::Verdict, *};

    fn checked(file: &Path) -> Option<Check> {
        check(&logging::Config {
            file: file.display().to_string(),
            ..logging::Config::default()
        })
    }

    #[test]
    fn judges_the_file_and_its_folder() {
        let refused = || Err(io::ErrorKind::PermissionDenied.into());
        for (appended, written, verdict) in [
            (Ok(()), Ok(()), Verdict::Ok),
            (refused(), Ok(()), Verdict::Fail),
            (Ok(()), refused(), Verdict::Fail),
            (Ok(()), Err(io::ErrorKind::NotFound.into()), Verdict::Fail),
        ] {
            let check = judge(Path::new("/l/f"), Path::new("/l"), &appended, &written);
            assert_eq!(check.verdict, verdict, "{appended:?} {written:?}");
        }
    }

    #[test]
    fn looks_without_creating_anything() {
        let dir = tempfile::tempdir().expect("a directory");
        let good = checked(&dir.path().join("netkestrel.log")).expect("a file is set");
        assert_eq!(good.verdict, Verdict::Ok);
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 0);
        let absent = checked(&dir.path().join("none/netkestrel.log")).expect("a file is set");
        assert!(absent.found.contains("there is no folder"), "{absent:?}");
        assert_eq!(
            checked(dir.path()).map(|check| check.verdict),
            Some(Verdict::Fail)
        );
        assert_eq!(checked(Path::new("")), None);
    }
}
