//! Where files lie on each platform: the configuration and the data. Variables are arguments, never read here.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

/// Where systemd names the folders of `StateDirectory=`.
const SERVICE_FOLDER: &str = "STATE_DIRECTORY";

/// The platforms that have places of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Linux and other systems that follow its customs.
    Unix,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

impl Platform {
    /// The platform this program was built for.
    pub const HERE: Self = if cfg!(windows) {
        Self::Windows
    } else if cfg!(target_os = "macos") {
        Self::MacOs
    } else {
        Self::Unix
    };

    /// Where the configuration file may lie when none is named.
    #[must_use]
    pub fn config_files(self, env: &[(OsString, OsString)]) -> Vec<PathBuf> {
        match self {
            Self::Unix | Self::MacOs => vec![PathBuf::from("/etc/netkestrel/netkestrel.yml")],
            Self::Windows => folder(env, "ProgramData")
                .map(|base| base.join("netkestrel").join("netkestrel.yml"))
                .into_iter()
                .collect(),
        }
    }

    /// Where data lies when `data_dir` is empty: the folder systemd made for the service, else the user's own.
    /// `None` when the environment names no home.
    #[must_use]
    pub fn data_dir(self, env: &[(OsString, OsString)]) -> Option<PathBuf> {
        self.data_dir_and_variable(env).map(|(dir, _)| dir)
    }

    /// As [`Self::data_dir`], with the variable that the folder follows from.
    pub(super) fn data_dir_and_variable(
        self,
        env: &[(OsString, OsString)],
    ) -> Option<(PathBuf, &'static str)> {
        let below = |name: &'static str, inner: &[&str]| {
            let dir = inner
                .iter()
                .fold(folder(env, name)?, |dir, inner| dir.join(inner));
            Some((dir.join("netkestrel"), name))
        };
        match self {
            Self::Unix => service_folder(env)
                .map(|dir| (dir, SERVICE_FOLDER))
                .or_else(|| below("XDG_STATE_HOME", &[]))
                .or_else(|| below("HOME", &[".local", "state"])),
            Self::MacOs => below("HOME", &["Library", "Application Support"]),
            Self::Windows => below("LOCALAPPDATA", &[]),
        }
    }
}

/// The first folder of systemd's `StateDirectory=`.
fn service_folder(env: &[(OsString, OsString)]) -> Option<PathBuf> {
    let folders = variable(env, SERVICE_FOLDER)?.to_str()?;
    let first = folders.split(':').find(|folder| !folder.is_empty())?;
    Some(PathBuf::from(first))
}

/// A folder named by a variable; a relative one means nothing to a service and is passed over.
fn folder(env: &[(OsString, OsString)], name: &str) -> Option<PathBuf> {
    variable(env, name)
        .map(PathBuf::from)
        .filter(|path| is_rooted(path))
}

/// Absolute here, or with a drive letter: paths of Windows can be examined on every platform.
fn is_rooted(path: &std::path::Path) -> bool {
    path.is_absolute() || path.to_str().is_some_and(|text| text.get(1..3) == Some(":\\"))
}

fn variable<'e>(env: &'e [(OsString, OsString)], name: &str) -> Option<&'e OsStr> {
    let (_, value) = env.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    #[cfg(unix)]
    #[test]
    fn data_lies_where_the_platform_keeps_it() {
        let home = ("HOME", "/home/me");
        for (platform, env, expected) in [
            (
                Platform::Unix,
                env(&[home]),
                Some("/home/me/.local/state/netkestrel"),
            ),
            (
                Platform::Unix,
                env(&[home, ("XDG_STATE_HOME", "/state")]),
                Some("/state/netkestrel"),
            ),
            (
                Platform::Unix,
                env(&[home, ("XDG_STATE_HOME", "relative")]),
                Some("/home/me/.local/state/netkestrel"),
            ),
            (
                Platform::Unix,
                env(&[home, ("STATE_DIRECTORY", "/var/lib/netkestrel:/var/lib/other")]),
                Some("/var/lib/netkestrel"),
            ),
            (Platform::Unix, env(&[]), None),
            (
                Platform::MacOs,
                env(&[home]),
                Some("/home/me/Library/Application Support/netkestrel"),
            ),
            (
                Platform::Windows,
                env(&[("LocalAppData", r"C:\Users\me\AppData\Local")]),
                Some(r"C:\Users\me\AppData\Local/netkestrel"),
            ),
            (Platform::Windows, env(&[]), None),
        ] {
            assert_eq!(
                platform.data_dir(&env),
                expected.map(PathBuf::from),
                "{platform:?} {env:?}"
            );
        }
    }

    #[test]
    fn the_configuration_lies_where_the_platform_keeps_it() {
        assert_eq!(
            Platform::Unix.config_files(&[]),
            [PathBuf::from("/etc/netkestrel/netkestrel.yml")]
        );
        assert!(Platform::Windows.config_files(&[]).is_empty());
        let files = Platform::Windows.config_files(&env(&[("ProgramData", r"C:\ProgramData")]));
        assert_eq!(files.len(), 1);
    }
}
