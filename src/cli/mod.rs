//! The command line: turns arguments into a call of one command and its answer into text and an exit code.
//! Commands parse and print only; what they tell comes from the stages.

mod alerts;
mod analyze;
mod answer;
mod check_config;
mod completions;
mod demo;
mod doctor;
mod flags;
mod healthcheck;
mod history;
mod instance;
mod man;
mod print_config;
mod progress;
mod replay;
mod report;
mod rules;
mod run;
mod table;
mod test_email;
mod times;
mod user;
mod whole_file;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use self::{
    answer::Exit,
    flags::{Flags, Whereabouts},
};

const ABOUT: &str =
    "Watches this host, its interfaces and its devices, and serves what it sees to Prometheus";

const LONG_ABOUT: &str = "\
NetKestrel watches a network from this host: bandwidth of every interface, the host's own health, and the devices \
around it by ping. It is a Prometheus target and shows the same on a page of its own.

It needs no configuration: interfaces, mounts and the default gateway are found. Without a command it runs.";

/// One line is one paragraph, which clap breaks where the terminal ends; the manual page makes a section of each
/// heading.
const LAST_WORDS: &str = "\
Configuration:
  A value is taken from the flag, else from the environment, else from the file, else from the default.
  Durations are written 30s, 5m, 24h; ratios 0 to 1; sizes in bytes.

Environment:
  NETKESTREL_*  \
Every key of the file is also a variable: NETKESTREL_ and its path in upper case, with __ between levels, such as \
NETKESTREL_COLLECTORS__DEVICES__INTERVAL=30s.
  NETKESTREL_CONFIG_FILE  The file to read, where no flag names one.
  NO_COLOR  Without colours, also on a terminal.

Files:
  /etc/netkestrel/netkestrel.yml  Read if it exists and no other file is named.
  ~/.local/state/netkestrel  The data of a user; a service has the folder that systemd gives it.

Exit status:
  0   Fine.
  1   Something in the world failed: a port is taken, a file cannot be read, a check of doctor failed.
  64  The command line or the configuration is wrong.

Examples:
  netkestrel
  netkestrel --config.file netkestrel.yml --web.listen-address 0.0.0.0:10980
  netkestrel check-config netkestrel.yml
  netkestrel doctor --format json";

#[derive(Parser)]
#[command(
    name = "netkestrel",
    about = ABOUT,
    long_about = LONG_ABOUT,
    after_help = LAST_WORDS,
    version = crate::build::VERSION,
    long_version = long_version(),
    propagate_version = false,
    max_term_width = 110
)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    /// Check the configuration and exit, as `check-config` does
    #[arg(long = "config.check")]
    check: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Watch and serve until told to stop; the default
    #[command(after_help = run::SIGNALS)]
    Run {
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Report every problem of the configuration at once, with line and column
    CheckConfig {
        /// File to check instead of the one that `run` would read
        file: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Print the configuration in force, as YAML and without secrets
    PrintConfig {
        #[command(flatten)]
        what: print_config::What,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Look for what keeps NetKestrel from seeing everything, and say how to mend it
    Doctor {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Export, import and count what is remembered
    History {
        #[command(subcommand)]
        action: history::Action,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Sum up the last hours: averages, peaks, availability, busiest hours, alerts
    Analyze {
        #[command(flatten)]
        request: analyze::Request,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Put a recorded series through the anomaly detector, as it would have judged it live
    #[command(after_help = replay::NOTES)]
    Replay {
        #[command(flatten)]
        request: replay::Request,
    },
    /// Tell how available devices were, with their outages, loss and response times
    #[command(after_help = report::EXAMPLES)]
    Report {
        #[command(flatten)]
        request: report::Request,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Show the rules in force, and where each comes from
    Rules {
        #[command(subcommand)]
        action: rules::Action,
    },
    /// List alerts of the running instance, take them on, silence them
    Alerts {
        #[command(subcommand)]
        action: alerts::Action,
    },
    /// Send mails through the configured server, and show the conversation with it when that fails
    TestEmail {
        #[command(flatten)]
        request: test_email::Request,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Ask the running instance whether it is well; for containers
    Healthcheck {
        #[command(flatten)]
        request: healthcheck::Request,
        #[command(flatten)]
        whereabouts: Whereabouts,
    },
    /// Make up a network with a past of a week, and watch it: to see everything without having anything
    #[command(after_help = demo::NOTES)]
    Demo {
        #[command(flatten)]
        request: demo::Request,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Print a completion script for a shell
    #[command(after_help = completions::INSTALL)]
    Completions {
        /// Shell to complete in
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write those of all commands
    Man {
        /// Write the pages of all commands into this directory
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// How an answer is printed.
#[derive(clap::Args)]
struct Output {
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Form {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Runs the command that the arguments name and returns the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match parse(arguments) {
        Ok(cli) => dispatch(cli).into(),
        Err(error) => refuse(&error).into(),
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let matches = Cli::command().try_get_matches_from(arguments)?;
    Cli::from_arg_matches(&matches)
}

fn dispatch(cli: Cli) -> Exit {
    let Cli {
        flags: outer,
        check,
        command,
    } = cli;
    let command = command.unwrap_or_else(|| Command::Run {
        flags: Box::default(),
    });
    let answer = match command {
        Command::Run { flags } if check => check_config::answer(&flags.or(outer), None, Form::Text),
        Command::Run { flags } => return run::run(&flags.or(outer)),
        Command::CheckConfig { file, output, flags } => {
            check_config::answer(&flags.or(outer), file, output.format)
        }
        Command::PrintConfig { what, flags } => print_config::answer(&flags.or(outer), &what),
        Command::Doctor { output, flags } => doctor::answer(&flags.or(outer), output.format),
        Command::History { action, flags } => return history::run(flags.or(outer), action),
        Command::Analyze {
            request,
            output,
            flags,
        } => analyze::answer(&flags.or(outer), &request, output.format),
        Command::Replay { request } => replay::answer(&request),
        Command::Report { request, flags } => report::answer(&flags.or(outer), &request),
        Command::Rules { action } => rules::answer(outer, action),
        Command::Alerts { action } => alerts::answer(outer, action),
        Command::TestEmail { request, flags } => test_email::answer(&flags.or(outer), &request),
        Command::Healthcheck { request, whereabouts } => {
            healthcheck::answer(&Flags::from(whereabouts).or(outer), &request)
        }
        Command::Demo { request, flags } => return demo::run(&flags.or(outer), &request),
        Command::Completions { shell } => completions::answer(shell, &mut Cli::command()),
        Command::Man { dir } => man::answer(Cli::command(), dir.as_deref()),
    };
    answer.print()
}

/// Prints what clap has to say: help and version are no mistakes, everything else is the user's.
fn refuse(error: &clap::Error) -> Exit {
    // Nobody is left to tell when the output is closed.
    let _ = error.print();
    if error.use_stderr() {
        Exit::UsersFault
    } else {
        Exit::Fine
    }
}

fn long_version() -> String {
    use std::env::consts::{ARCH, OS};

    use crate::build::{REVISION, RUST_VERSION, VERSION};

    format!("{VERSION} (revision {REVISION})\nrustc {RUST_VERSION}\n{OS} {ARCH}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str) -> impl Iterator<Item = OsString> {
        std::iter::once("netkestrel")
            .chain(text.split_whitespace())
            .map(OsString::from)
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_may_stand_on_either_side_of_the_command() {
        for line in [
            "--data-dir /d doctor",
            "doctor --data-dir /d",
            "--data-dir=/d",
            "run --data-dir /d",
        ] {
            assert!(parse(arguments(line)).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "--web.config.file x",
            "frobnicate",
            "--log.level loud",
            "--no-collector.nothing",
            "completions",
            "completions bash --path.procfs /p",
            "man --data-dir /d",
            "healthcheck --no-collector.system",
        ] {
            let error = parse(arguments(line)).err().expect(line);
            assert_eq!(refuse(&error), Exit::UsersFault, "{line}");
        }
    }

    #[test]
    fn help_and_version_are_no_mistakes() {
        for line in ["--help", "-h", "--version", "-V", "doctor --help"] {
            let error = parse(arguments(line)).err().expect(line);
            assert!(!error.use_stderr(), "{line}");
        }
    }
}
