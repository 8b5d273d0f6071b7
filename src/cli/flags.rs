//! Flags that the commands which read the configuration take, and what they say to the configuration. Names and forms follow the
//! exporters; values are judged by the configuration, together with everything else that may be wrong.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args, FromArgMatches, builder::PossibleValuesParser};

use crate::{
    collectors,
    config::{self, Loaded, Override, Platform, Sources},
};

const HEADING: &str = "Configuration";

/// The variable that stands for `--config.file`.
const FILE_VARIABLE: &str = "NETKESTREL_CONFIG_FILE";

/// Flags that lead to a running instance.
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = HEADING)]
pub(super) struct Whereabouts {
    // As text, since documentation puts the variable between backticks.
    #[arg(
        long = "config.file",
        value_name = "FILE",
        help = "YAML file to read [env: NETKESTREL_CONFIG_FILE] [default: /etc/netkestrel/netkestrel.yml, if it exists]"
    )]
    config_file: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:10980, this host only]
    #[arg(long = "web.listen-address", value_name = "ADDRESS:PORT")]
    listen_address: Option<String>,
}

/// Flags of every command that looks at the whole configuration. They may also stand before the command.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = HEADING)]
pub(super) struct Flags {
    #[command(flatten)]
    whereabouts: Whereabouts,
    /// Directory for the access token and what must outlive a restart [default: the folder systemd gives the service, else the user's state folder]
    #[arg(long = "data-dir", value_name = "DIR")]
    data_dir: Option<String>,
    /// Least important level that is logged [default: info]
    #[arg(long = "log.level", value_name = "LEVEL",
          value_parser = PossibleValuesParser::new(["error", "warn", "info", "debug", "trace"]))]
    log_level: Option<String>,
    /// Form of log lines [default: logfmt]
    #[arg(long = "log.format", value_name = "FORMAT",
          value_parser = PossibleValuesParser::new(["logfmt", "json"]))]
    log_format: Option<String>,
    /// Where the host's /proc is mounted [default: /proc]
    #[arg(long = "path.procfs", value_name = "DIR")]
    procfs: Option<String>,
    /// Where the host's /sys is mounted [default: /sys]
    #[arg(long = "path.sysfs", value_name = "DIR")]
    sysfs: Option<String>,
    /// Where the host's root is mounted [default: /]
    #[arg(long = "path.rootfs", value_name = "DIR")]
    rootfs: Option<String>,
    #[command(flatten)]
    collectors: CollectorFlags,
}

/// What a command below another one is asked, with the flags that may stand behind it.
#[derive(Debug, Args)]
pub(super) struct Flagged<T: Args> {
    #[command(flatten)]
    what: T,
    #[command(flatten)]
    flags: Box<Flags>,
}

impl<T: Args> Flagged<T> {
    /// What is asked, and the flags from both sides of the command.
    pub(super) fn split(self, outer: Flags) -> (T, Flags) {
        (self.what, self.flags.or(outer))
    }
}

impl Whereabouts {
    /// These flags, and where one is missing, that of `outer`.
    fn or(self, outer: Self) -> Self {
        Self {
            config_file: self.config_file.or(outer.config_file),
            listen_address: self.listen_address.or(outer.listen_address),
        }
    }
}

impl From<Whereabouts> for Flags {
    fn from(whereabouts: Whereabouts) -> Self {
        Self {
            whereabouts,
            ..Self::default()
        }
    }
}

impl Flags {
    /// These flags, which stand behind the command, and where one is missing, that of `outer`, before it.
    pub(super) fn or(self, outer: Self) -> Self {
        Self {
            whereabouts: self.whereabouts.or(outer.whereabouts),
            data_dir: self.data_dir.or(outer.data_dir),
            log_level: self.log_level.or(outer.log_level),
            log_format: self.log_format.or(outer.log_format),
            procfs: self.procfs.or(outer.procfs),
            sysfs: self.sysfs.or(outer.sysfs),
            rootfs: self.rootfs.or(outer.rootfs),
            collectors: self.collectors.or(outer.collectors),
        }
    }

    /// Loads the configuration these flags, the environment and the file amount to.
    pub(super) fn load(&self) -> Result<Loaded, config::Error> {
        config::load(&self.sources())
    }

    /// Where the configuration comes from; kept by `run` to load it again.
    pub(super) fn sources(&self) -> Sources {
        let env = environment();
        Sources {
            file: self.file(&env),
            default_files: Platform::HERE.config_files(&env),
            env,
            flags: self.overrides(),
        }
    }

    fn file(&self, env: &[(OsString, OsString)]) -> Option<PathBuf> {
        let given = env
            .iter()
            .find(|(name, value)| name == FILE_VARIABLE && !value.is_empty());
        let from_variable = || given.map(|(_, file)| PathBuf::from(file));
        self.whereabouts.config_file.clone().or_else(from_variable)
    }

    /// The same sources with another file.
    pub(super) fn sources_with(&self, file: Option<PathBuf>) -> Sources {
        let sources = self.sources();
        Sources {
            file: file.or(sources.file),
            ..sources
        }
    }

    fn overrides(&self) -> Vec<Override> {
        let given = [
            ("data-dir", "data_dir", &self.data_dir),
            (
                "web.listen-address",
                "web.listen_address",
                &self.whereabouts.listen_address,
            ),
            ("log.level", "log.level", &self.log_level),
            ("log.format", "log.format", &self.log_format),
            ("path.procfs", "collectors.paths.procfs", &self.procfs),
            ("path.sysfs", "collectors.paths.sysfs", &self.sysfs),
            ("path.rootfs", "collectors.paths.rootfs", &self.rootfs),
        ];
        let values = given
            .into_iter()
            .filter_map(|(flag, path, value)| Some(set(flag, path.to_owned(), value.clone()?)));
        values.chain(self.collectors.overrides()).collect()
    }
}

fn set(flag: &str, path: String, value: String) -> Override {
    Override {
        flag: format!("--{flag}"),
        path,
        value,
    }
}

/// The environment, which only the command line reads.
pub(super) fn environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

/// `--collector.NAME` and `--no-collector.NAME` for every collector there is.
#[derive(Debug, Default)]
struct CollectorFlags {
    chosen: Vec<(&'static str, Switch)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Switch {
    On,
    Off,
}

impl Switch {
    const BOTH: [Self; 2] = [Self::On, Self::Off];

    fn flag(self, collector: &str) -> String {
        match self {
            Self::On => format!("collector.{collector}"),
            Self::Off => format!("no-collector.{collector}"),
        }
    }

    fn help(self, collector: &str) -> String {
        match self {
            Self::On => format!("Switch the collector {collector} on"),
            Self::Off => format!("Switch the collector {collector} off"),
        }
    }

    fn value(self) -> &'static str {
        match self {
            Self::On => "true",
            Self::Off => "false",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::On => Self::Off,
            Self::Off => Self::On,
        }
    }

    /// The flag; of the two for one collector, the last on the command line counts.
    fn arg(self, collector: &str) -> Arg {
        let name = self.flag(collector);
        Arg::new(name.clone())
            .long(name)
            .help(self.help(collector))
            .action(ArgAction::SetTrue)
            .overrides_with(self.other().flag(collector))
    }
}

impl CollectorFlags {
    fn or(mut self, outer: Self) -> Self {
        let fresh = |(name, _): &(&str, Switch)| self.chosen.iter().all(|(own, _)| own != name);
        let missing: Vec<_> = outer.chosen.into_iter().filter(fresh).collect();
        self.chosen.extend(missing);
        self
    }

    fn overrides(&self) -> impl Iterator<Item = Override> + '_ {
        self.chosen.iter().map(|(name, switch)| {
            set(
                &switch.flag(name),
                format!("collectors.{name}.enabled"),
                switch.value().to_owned(),
            )
        })
    }
}

impl FromArgMatches for CollectorFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.chosen = collectors::NAMES
            .iter()
            .flat_map(|name| Switch::BOTH.map(|switch| (*name, switch)))
            .filter(|(name, switch)| matches.get_flag(&switch.flag(name)))
            .collect();
        Ok(())
    }
}

impl Args for CollectorFlags {
    fn augment_args(command: clap::Command) -> clap::Command {
        let flags = collectors::NAMES
            .iter()
            .flat_map(|name| Switch::BOTH.map(|switch| switch.arg(name)));
        command.args(flags)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    fn overrides(line: &str) -> Vec<(String, String)> {
        let arguments = std::iter::once("netkestrel").chain(line.split_whitespace());
        let flags = Line::try_parse_from(arguments).expect(line).flags;
        flags
            .overrides()
            .into_iter()
            .map(|set| (set.path, set.value))
            .collect()
    }

    #[test]
    fn each_flag_sets_its_key() {
        for (line, path, value) in [
            (
                "--web.listen-address 0.0.0.0:1",
                "web.listen_address",
                "0.0.0.0:1",
            ),
            ("--data-dir=/d", "data_dir", "/d"),
            ("--log.level debug", "log.level", "debug"),
            ("--log.format=json", "log.format", "json"),
            (
                "--path.procfs /host/proc",
                "collectors.paths.procfs",
                "/host/proc",
            ),
            ("--path.sysfs /host/sys", "collectors.paths.sysfs", "/host/sys"),
            ("--path.rootfs /host", "collectors.paths.rootfs", "/host"),
            ("--collector.devices", "collectors.devices.enabled", "true"),
            ("--no-collector.system", "collectors.system.enabled", "false"),
            (
                "--no-collector.system --collector.system",
                "collectors.system.enabled",
                "true",
            ),
            (
                "--collector.network --no-collector.network",
                "collectors.network.enabled",
                "false",
            ),
        ] {
            assert_eq!(overrides(line), [(path.to_owned(), value.to_owned())], "{line}");
        }
        assert!(overrides("").is_empty());
    }

    #[test]
    fn a_flag_behind_the_command_goes_before_one_in_front_of_it() {
        let flags = |line: &str| {
            let arguments = std::iter::once("netkestrel").chain(line.split_whitespace());
            Line::try_parse_from(arguments).expect(line).flags
        };
        let outer = flags("--data-dir /outer --log.level warn --collector.system --no-collector.network");
        let inner = flags("--data-dir /inner --no-collector.system");
        let merged: Vec<_> = inner
            .or(outer)
            .overrides()
            .into_iter()
            .map(|set| set.flag + "=" + &set.value)
            .collect();
        assert_eq!(
            merged,
            [
                "--data-dir=/inner",
                "--log.level=warn",
                "--no-collector.system=false",
                "--no-collector.network=false",
            ]
        );
    }

    #[test]
    fn the_variable_names_the_file_when_no_flag_does() {
        let env = |value: &str| vec![(OsString::from(FILE_VARIABLE), OsString::from(value))];
        let flags = Flags::default();
        assert_eq!(flags.file(&env("variable.yml")), Some("variable.yml".into()));
        assert_eq!(flags.file(&env("")), None);
        let flags = Flags::from(Whereabouts {
            config_file: Some("flag.yml".into()),
            ..Whereabouts::default()
        });
        assert_eq!(flags.file(&env("variable.yml")), Some("flag.yml".into()));
    }

    #[test]
    fn the_file_of_a_command_goes_before_the_flag() {
        let flags = Flags::from(Whereabouts {
            config_file: Some("flag.yml".into()),
            ..Whereabouts::default()
        });
        assert_eq!(flags.sources().file, Some("flag.yml".into()));
        assert_eq!(
            flags.sources_with(Some("own.yml".into())).file,
            Some("own.yml".into())
        );
        assert_eq!(flags.sources_with(None).file, Some("flag.yml".into()));
    }
}
