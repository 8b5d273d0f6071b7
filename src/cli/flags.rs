//! Flags that every command takes, and what they say to the configuration. Names and forms follow the
//! exporters; values are judged by the configuration, together with everything else that may be wrong.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args, FromArgMatches, builder::PossibleValuesParser};

use crate::{
    collectors,
    config::{self, Loaded, Override, Platform, Sources},
};

const HEADING: &str = "Configuration";

/// Flags of every command.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = HEADING)]
pub(super) struct Flags {
    /// YAML file to read [default: /etc/netkestrel/netkestrel.yml, if it exists]
    #[arg(
        long = "config.file",
        value_name = "FILE",
        global = true,
        env = "NETKESTREL_CONFIG_FILE"
    )]
    config_file: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:10980, this host only]
    #[arg(long = "web.listen-address", value_name = "ADDRESS:PORT", global = true)]
    listen_address: Option<String>,
    /// Directory for the access token and what must outlive a restart [default: the folder systemd gives the service, else the user's state folder]
    #[arg(long = "data-dir", value_name = "DIR", global = true)]
    data_dir: Option<String>,
    /// Least important level that is logged [default: info]
    #[arg(long = "log.level", value_name = "LEVEL", global = true,
          value_parser = PossibleValuesParser::new(["error", "warn", "info", "debug", "trace"]))]
    log_level: Option<String>,
    /// Form of log lines [default: logfmt]
    #[arg(long = "log.format", value_name = "FORMAT", global = true,
          value_parser = PossibleValuesParser::new(["logfmt", "json"]))]
    log_format: Option<String>,
    /// Where the host's /proc is mounted [default: /proc]
    #[arg(long = "path.procfs", value_name = "DIR", global = true)]
    procfs: Option<String>,
    /// Where the host's /sys is mounted [default: /sys]
    #[arg(long = "path.sysfs", value_name = "DIR", global = true)]
    sysfs: Option<String>,
    /// Where the host's root is mounted [default: /]
    #[arg(long = "path.rootfs", value_name = "DIR", global = true)]
    rootfs: Option<String>,
    #[command(flatten)]
    collectors: CollectorFlags,
}

impl Flags {
    /// Loads the configuration these flags, the environment and the file amount to.
    pub(super) fn load(&self) -> Result<Loaded, config::Error> {
        config::load(&self.sources())
    }

    /// Where the configuration comes from; kept by `run` to load it again.
    pub(super) fn sources(&self) -> Sources {
        let env = environment();
        Sources {
            file: self.config_file.clone(),
            default_files: Platform::HERE.config_files(&env),
            env,
            flags: self.overrides(),
        }
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
            ("web.listen-address", "web.listen_address", &self.listen_address),
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
            .global(true)
    }
}

impl CollectorFlags {
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
    fn the_file_of_a_command_goes_before_the_flag() {
        let flags = Flags {
            config_file: Some("flag.yml".into()),
            ..Flags::default()
        };
        assert_eq!(flags.sources().file, Some("flag.yml".into()));
        assert_eq!(
            flags.sources_with(Some("own.yml".into())).file,
            Some("own.yml".into())
        );
        assert_eq!(flags.sources_with(None).file, Some("flag.yml".into()));
    }
}
