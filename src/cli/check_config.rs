//! `check-config`: every problem of the configuration at once, for people or as JSON.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{
    Form,
    answer::{Answer, Exit},
    flags::Flags,
};
use crate::config::{self, Error, Finding, Loaded};

pub(super) fn answer(flags: &Flags, file: Option<PathBuf>, form: Form) -> Answer {
    match (config::load(&flags.sources_with(file)), form) {
        (Ok(loaded), Form::Text) => Answer::fine(praise(&loaded)),
        (Ok(loaded), Form::Json) => Answer::fine(pretty(&json!({
            "valid": true,
            "file": loaded.origin,
            "notes": loaded.notes,
            "problems": [],
        }))),
        (Err(error), Form::Text) => refusal(&error),
        (Err(error), Form::Json) => Answer {
            text: pretty(&json!({"valid": false, "problems": problems(&error)})),
            ..Answer {
                complaint: String::new(),
                ..refusal(&error)
            }
        },
    }
}

/// How any command ends when the configuration cannot be used.
pub(super) fn refusal(error: &Error) -> Answer {
    match error {
        Error::Invalid(findings) => Answer {
            text: String::new(),
            complaint: format!("{error}\nnetkestrel: {}\n", count(findings.len())),
            exit: Exit::UsersFault,
        },
        Error::Read { .. } => Answer::failure(Exit::WorldsFault, format_args!("failed to {error}")),
    }
}

fn count(problems: usize) -> String {
    match problems {
        1 => "1 problem with the configuration".to_owned(),
        more => format!("{more} problems with the configuration"),
    }
}

fn praise(loaded: &Loaded) -> String {
    let mut text = match &loaded.origin {
        Some(file) => format!("{}: no problems\n", file.display()),
        None => "no configuration file, defaults apply: no problems\n".to_owned(),
    };
    for note in &loaded.notes {
        text.push_str("note: ");
        text.push_str(note);
        text.push('\n');
    }
    text
}

fn problems(error: &Error) -> Value {
    match error {
        Error::Invalid(findings) => findings
            .iter()
            .map(|Finding { place, path, message }| json!({"place": place, "path": path, "message": message}))
            .collect(),
        Error::Read { path, cause } => json!([{
            "place": path,
            "path": "",
            "message": format!("failed to read the file: {cause}"),
        }]),
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
