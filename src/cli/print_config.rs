//! `print-config`: the configuration in force, the defaults, or the JSON Schema for editors.

use super::{
    answer::Answer,
    check_config::refusal,
    flags::{Flags, environment},
};
use crate::config::{self, Config};

/// What to print.
#[derive(clap::Args)]
pub(super) struct What {
    /// Print the defaults instead
    #[arg(long)]
    defaults: bool,
    /// Print the JSON Schema that editors check a file against
    #[arg(long, conflicts_with = "defaults")]
    schema: bool,
    /// Print the JSON Schema of a devices file instead
    #[arg(long, conflicts_with_all = ["defaults", "schema"])]
    devices_schema: bool,
}

pub(super) fn answer(flags: &Flags, what: &What) -> Answer {
    if what.schema {
        return Answer::fine(format!("{:#}\n", config::schema()));
    }
    if what.devices_schema {
        return Answer::fine(format!("{:#}\n", config::devices_schema()));
    }
    if what.defaults {
        return Answer::fine(Config::default().to_yaml());
    }
    match flags.load() {
        Ok(loaded) => Answer::fine(loaded.config.to_yaml_in(&environment())),
        Err(error) => refusal(&error),
    }
}
