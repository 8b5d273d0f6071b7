//! /proc/stat: CPU time by mode and the time of boot.

use smol_str::SmolStr;

use super::source::{Malformed, lines, number, words};
use crate::collectors::system::cpu::{Core, MODES, Times};

/// What /proc/stat tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) all: Times,
    pub(super) cores: Vec<Core>,
    /// Unix seconds.
    pub(super) boot_time: u64,
}

/// Reads the lines `cpu…`, which come first, and `btime`. The long line of interrupts between them is skipped
/// by looking for `btime` from the end.
pub(super) fn parse(text: &[u8]) -> Result<Stat, Malformed> {
    let mut all = None;
    let mut cores = Vec::new();
    for (line, content) in lines(text) {
        let Some(rest) = content.strip_prefix(b"cpu") else {
            break;
        };
        let (name, counters) = rest.split_at(rest.iter().take_while(|byte| byte.is_ascii_digit()).count());
        let times = times(line, counters)?;
        match str::from_utf8(name) {
            Ok("") => all = Some(times),
            Ok(name) => cores.push(Core {
                name: SmolStr::new(name),
                times,
            }),
            Err(_) => return Err(Malformed::in_line(line, "the CPU's number is not a number")),
        }
    }
    Ok(Stat {
        all: all.ok_or_else(|| Malformed::in_file("line 1 is not the sum over all CPUs, `cpu …`"))?,
        cores,
        boot_time: boot_time(text)?,
    })
}

fn times(line: usize, counters: &[u8]) -> Result<Times, Malformed> {
    let mut times = Times::default();
    let mut found = 0;
    for ((ticks, mode), word) in times.0.iter_mut().zip(MODES).zip(words(counters)) {
        *ticks = number(line, mode, word)?;
        found += 1;
    }
    if found < MODES.len() {
        let detail = format!("{found} counters found, at least {} expected", MODES.len());
        return Err(Malformed::in_line(line, detail));
    }
    Ok(times)
}

fn boot_time(text: &[u8]) -> Result<u64, Malformed> {
    let mut from_end = text.rsplit(|byte| *byte == b'\n');
    let seconds = from_end
        .find_map(|line| line.strip_prefix(b"btime "))
        .ok_or_else(|| Malformed::in_file("there is no line `btime`"))?;
    // The line's number only matters to the message, so it is counted when there is one.
    number(0, "btime", seconds.trim_ascii()).map_err(|_| {
        let line = lines(text).find(|(_, content)| content.starts_with(b"btime "));
        let shown = String::from_utf8_lossy(seconds.trim_ascii());
        Malformed::in_line(
            line.map_or(0, |(line, _)| line),
            format!("btime is `{shown}`, not a number"),
        )
    })
}
