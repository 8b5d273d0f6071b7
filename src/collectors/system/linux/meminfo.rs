//! /proc/meminfo: sizes of memory and swap.

use super::source::{Malformed, lines, number, words};
use crate::collectors::system::memory::{Memory, Swap};

#[derive(Default)]
struct Found {
    size: Option<u64>,
    free: Option<u64>,
    available: Option<u64>,
    swap_size: Option<u64>,
    swap_free: Option<u64>,
}

/// Reads the five lines we need and stops there; memory size and free memory must be among them.
pub(super) fn parse(text: &[u8]) -> Result<Memory, Malformed> {
    let mut found = Found::default();
    for (line, content) in lines(text) {
        let Some(colon) = content.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (key, value) = content.split_at(colon);
        let field = match key {
            b"MemTotal" => &mut found.size,
            b"MemFree" => &mut found.free,
            b"MemAvailable" => &mut found.available,
            b"SwapTotal" => &mut found.swap_size,
            b"SwapFree" => &mut found.swap_free,
            _ => continue,
        };
        *field = Some(bytes(line, &String::from_utf8_lossy(key), value)?);
        if key == b"SwapFree" {
            break;
        }
    }
    found.memory()
}

impl Found {
    fn memory(self) -> Result<Memory, Malformed> {
        let missing = |key: &str| Malformed::in_file(format!("there is no line `{key}`"));
        let swap = self.swap_size.zip(self.swap_free);
        Ok(Memory {
            size: self.size.ok_or_else(|| missing("MemTotal"))?,
            free: self.free.ok_or_else(|| missing("MemFree"))?,
            available: self.available,
            swap: swap.map(|(size, free)| Swap { size, free }),
        })
    }
}

/// The value behind the colon: the kernel's `kB` are 1024 bytes.
fn bytes(line: usize, key: &str, value: &[u8]) -> Result<u64, Malformed> {
    let mut words = words(value.get(1..).unwrap_or_default());
    let kibibytes = number(line, key, words.next().unwrap_or_default())?;
    if words.next() != Some(b"kB") {
        return Err(Malformed::in_line(line, format!("{key} is not in kB")));
    }
    kibibytes
        .checked_mul(1024)
        .ok_or_else(|| Malformed::in_line(line, format!("{key} is too large: {kibibytes} kB")))
}
