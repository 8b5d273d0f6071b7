//! Writes a snapshot as one whole answer: encoded, closed and compressed, with buffers kept between scrapes.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use prometheus_client::{
    encoding::{prometheus_protobuf, text},
    registry::Registry,
};
use tracing::error;

use super::{
    collector::Part,
    compression::{Coding, Gzip},
    negotiation::Syntax,
    snapshot::Snapshot,
};
use crate::sample::Family;

/// Pages smaller than this are not worth compressing.
const SMALL: usize = 512;
/// How many sets of buffers wait for the next scrapes.
const KEPT: usize = 2;
/// A text beyond this is not kept for the next scrape: it would be most of what the process has.
const LARGE: usize = 1 << 20;

/// Writes expositions.
#[derive(Default)]
pub struct Renderer {
    idle: Mutex<Vec<Buffers>>,
}

struct Buffers {
    text: String,
    /// Length of the last text, so that one that is not kept need not grow in steps.
    length: usize,
    gzip: Gzip,
}

impl Renderer {
    /// Writes `snapshot`, then what `last` returns: it is asked when everything else is encoded, so it may tell
    /// how long that took. Returns the body and the coding it really has.
    #[must_use]
    pub fn render(
        &self,
        snapshot: &Snapshot,
        syntax: Syntax,
        coding: Coding,
        last: impl FnOnce() -> Family,
    ) -> (Vec<u8>, Coding) {
        let mut buffers = self.take();
        let Buffers { text, length, gzip } = &mut buffers;
        text.clear();
        let protobuf = match syntax {
            Syntax::Protobuf => Some(write_protobuf(snapshot, last)),
            Syntax::Text | Syntax::OpenMetrics => {
                text.reserve(*length + *length / 16);
                write_text(text, snapshot, syntax);
                write_text(text, &Snapshot::new(vec![last()]), syntax);
                None
            }
        };
        if syntax == Syntax::OpenMetrics {
            text.push_str("# EOF\n");
        }
        *length = text.len().max(*length / 2);
        let page = protobuf.as_deref().unwrap_or(text.as_bytes());
        let packed = (coding == Coding::Gzip && page.len() >= SMALL)
            .then(|| gzip.compress(page))
            .flatten();
        let answer = if let Some(packed) = packed {
            (packed, Coding::Gzip)
        } else {
            let plain = protobuf.unwrap_or_else(|| std::mem::take(text).into_bytes());
            (plain, Coding::Identity)
        };
        if text.capacity() > LARGE {
            *text = String::new();
        }
        self.give_back(buffers);
        answer
    }

    fn take(&self) -> Buffers {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Buffers {
            text: String::new(),
            length: 0,
            gzip: Gzip::new(),
        })
    }

    fn give_back(&self, buffers: Buffers) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(buffers);
        }
    }
}

fn write_text(page: &mut String, snapshot: &Snapshot, syntax: Syntax) {
    let start = page.len();
    let encode = |page: &mut String, only| {
        let registry = registry(snapshot, syntax, only);
        text::encode_registry(&mut TextPage(page), &registry)
    };
    if encode(page, None).is_ok() {
        return;
    }
    // One family is refused, which aborted the rest: write them one by one and leave that one out.
    page.truncate(start);
    for (index, family) in snapshot.families().iter().enumerate() {
        let mark = page.len();
        if encode(page, Some(index)).is_err() {
            error!(
                metric = family.desc.name,
                "metric left out: it cannot be written as text"
            );
            page.truncate(mark);
        }
    }
}

fn write_protobuf(snapshot: &Snapshot, last: impl FnOnce() -> Family) -> Vec<u8> {
    let encode = |snapshot: &Snapshot| {
        prometheus_protobuf::encode_to_vec(&registry(snapshot, Syntax::Protobuf, None)).unwrap_or_else(
            |error| {
                error!(%error, "failed to encode metrics");
                Vec::new()
            },
        )
    };
    let mut page = encode(snapshot);
    page.extend(encode(&Snapshot::new(vec![last()])));
    page
}

fn registry(snapshot: &Snapshot, syntax: Syntax, only: Option<usize>) -> Registry {
    let snapshot = snapshot.clone();
    Part {
        snapshot,
        syntax,
        only,
    }
    .into_registry()
}

/// Receives what prometheus-client writes and gives the bounds of buckets the form that Go clients give them:
/// a bound is part of a series' identity, and `1000000.0` would be another series than `1e+06`.
struct TextPage<'a>(&'a mut String);

impl fmt::Write for TextPage<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        // Asked of every part of a page, so the cheapest condition comes first.
        let is_bound = part.as_bytes().first().is_some_and(u8::is_ascii_digit)
            && self.0.as_bytes().last() == Some(&b'"')
            && self.0.ends_with("{le=\"");
        match is_bound.then(|| go_float(part)).flatten() {
            Some(bound) => self.0.push_str(&bound),
            None => self.0.push_str(part),
        }
        Ok(())
    }
}

/// A number in scientific notation, if Go's shortest `%g` would use it: exponent below -4 or from 6 on.
fn go_float(text: &str) -> Option<String> {
    // Most bounds are told by their digits.
    let whole = text.find('.').unwrap_or(text.len());
    if whole <= 6 && !text.starts_with("0.0000") && !text.contains('e') {
        return None;
    }
    let value: f64 = text.parse().ok().filter(|v: &f64| v.is_finite() && *v != 0.0)?;
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let sign = if exponent < 0 { '-' } else { '+' };
    (!(-4..6).contains(&exponent)).then(|| format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs()))
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
