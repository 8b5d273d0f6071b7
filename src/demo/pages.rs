//! Writes pages of a made-up past as OpenMetrics that `promtool tsdb create-blocks-from openmetrics` makes blocks of:
//! each page is what a scrape would get, with the labels that Prometheus adds and a time on every sample. promtool reads
//! its input again for every block, so each block has a file of its own.

use std::{
    collections::HashSet,
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::Error;
use crate::{
    clock::Now,
    exposition::{Coding, Renderer, Snapshot, Syntax},
    history::exchange::Labels,
    sample::Family,
};

/// Blocks of Prometheus are cut at multiples of this many seconds.
const BLOCK: i64 = 2 * 3600;
/// The family that ends each page.
const LAST: &str = "netkestrel_scrape_duration_seconds";

/// Files of a folder, one per block: `NUMBER.om`, where the number is the Unix time of its beginning.
pub struct Pages {
    folder: PathBuf,
    /// `instance="…",job="…"`.
    labels: String,
    renderer: Renderer,
    open: Option<Open>,
}

/// The file of a block.
struct Open {
    block: i64,
    out: BufWriter<NamedTempFile>,
    /// Lines of metadata that are in it.
    told: HashSet<Box<[u8]>>,
}

impl Pages {
    /// Files in `folder`, which is made if need be. A file appears when it is whole.
    ///
    /// # Errors
    /// When there cannot be such a folder.
    pub fn new(folder: &Path, labels: &Labels) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|source| Error::Write {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            labels: labels.to_string(),
            renderer: Renderer::default(),
            open: None,
        })
    }

    /// Adds the page of one moment.
    pub(super) fn write(&mut self, mut families: Vec<Family>, now: Now) -> Result<(), Error> {
        let block = now.wall.as_second().div_euclid(BLOCK);
        if self.open.as_ref().is_some_and(|open| open.block != block) {
            self.close()?;
        }
        let place = families.iter().position(|family| family.desc.name == LAST);
        let Some(last) = place.map(|place| families.swap_remove(place)) else {
            return Ok(());
        };
        let snapshot = Snapshot::new(families);
        let (page, _) = self
            .renderer
            .render(&snapshot, Syntax::OpenMetrics, Coding::Identity, || last);
        let written = self.add(block, &page, now);
        written.map_err(|source| self.failed(source))
    }

    /// Ends the last file.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.close()
    }

    fn add(&mut self, block: i64, page: &[u8], now: Now) -> io::Result<()> {
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open {
                block,
                out: BufWriter::new(NamedTempFile::new_in(&self.folder)?),
                told: HashSet::new(),
            }),
        };
        let millis = now.wall.as_millisecond();
        let time = format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000));
        let mut samples = 0_u32;
        for line in page.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if line.starts_with(b"#") {
                if line != b"# EOF" && !open.told.contains(line) {
                    open.told.insert(line.into());
                    open.out.write_all(line)?;
                    open.out.write_all(b"\n")?;
                }
            } else {
                samples += 1;
                sample(&mut open.out, line, &self.labels, &time)?;
            }
        }
        // What Prometheus itself notes of a scrape.
        for (name, value) in [
            ("up", 1.0),
            ("scrape_duration_seconds", 0.006),
            ("scrape_samples_scraped", f64::from(samples)),
            ("scrape_samples_post_metric_relabeling", f64::from(samples)),
            ("scrape_series_added", 0.0),
        ] {
            writeln!(open.out, "{name}{{{}}} {value} {time}", self.labels)?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        let path = self.folder.join(format!("{}.om", open.block * BLOCK));
        let ended = open.out.write_all(b"# EOF\n");
        let file = ended.and_then(|()| open.out.into_inner().map_err(io::IntoInnerError::into_error));
        let kept = file.and_then(|file| file.persist(&path).map_err(|error| error.error));
        kept.map(|_| ()).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Write {
            path: self.folder.clone(),
            source,
        }
    }
}

/// A line of a page with more labels and a time. A name has neither a brace nor a space in it.
fn sample(out: &mut impl Write, line: &[u8], labels: &str, time: &str) -> io::Result<()> {
    let end = line.iter().position(|byte| matches!(byte, b'{' | b' '));
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    out.write_all(name)?;
    write!(out, "{{{labels}")?;
    if let Some(rest) = rest.strip_prefix(b"{") {
        out.write_all(b",")?;
        out.write_all(rest)?;
    } else {
        out.write_all(b"}")?;
        out.write_all(rest)?;
    }
    writeln!(out, " {time}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_get_labels_and_a_time() {
        for (line, expected) in [
            ("a_total 1", "a_total{job=\"j\"} 1 7.000\n"),
            ("a{b=\"c d{\"} 2.5", "a{job=\"j\",b=\"c d{\"} 2.5 7.000\n"),
        ] {
            let mut out = Vec::new();
            sample(&mut out, line.as_bytes(), "job=\"j\"", "7.000").expect("memory");
            assert_eq!(String::from_utf8(out).expect("text"), expected);
        }
    }
}
