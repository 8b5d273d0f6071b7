//! `man`: the manual page in roff, or a directory with the pages of all commands. The last words of the help become
//! sections of their own: a heading each, with a paragraph for every line below it.

use std::{fs, io, path::Path};

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};

use super::answer::{Answer, Exit};

pub(super) fn answer(command: Command, dir: Option<&Path>) -> Answer {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let written = match dir {
        None => match render(&command) {
            Ok(page) => Ok(String::from_utf8_lossy(&page).into_owned()),
            Err(error) => Err(format!("render the manual page: {error}")),
        },
        Some(dir) => write_all(&command, dir).map(|()| String::new()),
    };
    match written {
        Ok(page) => Answer::fine(page),
        Err(what) => Answer::failure(Exit::WorldsFault, format_args!("failed to {what}")),
    }
}

/// The pages of `command` and of all commands below it. The error names the file.
fn write_all(command: &Command, dir: &Path) -> Result<(), String> {
    for inner in command.get_subcommands() {
        write_all(inner, dir)?;
    }
    let file = dir.join(Man::new(command.clone()).get_filename());
    render(command)
        .and_then(|page| fs::write(&file, page))
        .map_err(|error| format!("write {}: {error}", file.display()))
}

fn render(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let last_words = command.get_after_help().map(ToString::to_string);
    sections(last_words.as_deref().unwrap_or_default()).to_writer(&mut page)?;
    if command.get_version().is_some() {
        man.render_version_section(&mut page)?;
    }
    Ok(page)
}

/// `Heading:` and the indented lines below it as a section; two spaces part a term from what is said about it.
fn sections(last_words: &str) -> Roff {
    let mut roff = Roff::new();
    for line in last_words.lines().filter(|line| !line.trim().is_empty()) {
        match (line.strip_prefix("  "), line.trim().split_once("  ")) {
            (None, _) => {
                let heading = line.trim_end_matches(':').to_uppercase();
                roff.control("SH", [heading.as_str()]);
            }
            (Some(_), Some((term, text))) => {
                roff.control("TP", [])
                    .text([bold(term)])
                    .text([roman(text.trim_start())]);
            }
            (Some(paragraph), None) => {
                roff.control("PP", []).text([roman(paragraph)]);
            }
        }
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_terms_and_paragraphs_are_told_apart() {
        let text = sections("Exit status:\n  64  wrong\n\nExamples:\n  netkestrel --help\n").render();
        for words in [
            ".SH \"EXIT STATUS\"",
            ".TP\n\\fB64\\fR\nwrong\n",
            ".SH EXAMPLES\n.PP\nnetkestrel \\-\\-help\n",
        ] {
            assert!(text.contains(words), "{words} is missing in\n{text}");
        }
    }
}
