//! `completions`: a script that lets a shell complete our commands and flags.

use clap_complete::Shell;

use super::answer::Answer;

/// Where the script goes.
pub(super) const INSTALL: &str = "\
Examples:
  netkestrel completions bash > ~/.local/share/bash-completion/completions/netkestrel
  netkestrel completions zsh > ~/.zfunc/_netkestrel
  netkestrel completions fish > ~/.config/fish/completions/netkestrel.fish";

pub(super) fn answer(shell: Shell, command: &mut clap::Command) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "netkestrel", &mut script);
    Answer::fine(String::from_utf8_lossy(&script))
}
