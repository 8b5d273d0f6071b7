//! `man`: the manual page in roff, or a directory with the pages of all commands.

use std::path::Path;

use super::answer::{Answer, Exit};

pub(super) fn answer(command: clap::Command, dir: Option<&Path>) -> Answer {
    let written = match dir {
        None => render(command),
        Some(dir) => clap_mangen::generate_to(command, dir).map(|()| String::new()),
    };
    match written {
        Ok(page) => Answer::fine(page),
        Err(error) => Answer::failure(
            Exit::WorldsFault,
            format_args!("failed to write manual pages: {error}"),
        ),
    }
}

fn render(command: clap::Command) -> std::io::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
