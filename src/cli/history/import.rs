//! `history import`: the files of the Python system into the history, each as a whole or not at all.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Place, records, transitions};
use crate::{
    app::{chain, create_private},
    cli::{
        answer::{Answer, Exit},
        progress,
        times::Range,
    },
    durable::{self, Lock, Os},
    history::{
        self, Record, Store, Stream,
        exchange::{
            Counts, fresh, fresh_transitions,
            python::{self, Imported, Kind, Origin},
            transition_time,
        },
    },
};

pub(super) const NOTES: &str = "\
Files are known by their names: network_data.json, system_data.json, device_data.json, alert_data.json. Their local \
times are taken in the zone of the configuration's `timezone`. Stop a running instance first.";

/// What to take in.
#[derive(clap::Args)]
pub(in crate::cli) struct Request {
    /// Files, or a folder that holds them
    #[arg(required = true, value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
}

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(
        "its name begins with none of network_data, system_data, device_data, alert_data, which tell what is in it"
    )]
    Name,
    #[error("read it")]
    Read(#[source] io::Error),
    #[error(transparent)]
    Python(#[from] python::Error),
    #[error(transparent)]
    Store(#[from] history::Error),
    #[error("read the history that is there")]
    History(#[source] io::Error),
}

pub(super) fn answer(place: &Place, request: &Request) -> Answer {
    let files: Vec<PathBuf> = request.files.iter().flat_map(|path| expand(path)).collect();
    if files.is_empty() {
        let folders = request.files.iter().map(|folder| folder.display().to_string());
        let complaint = format_args!(
            "none of {} is in {}",
            Kind::ALL.map(Kind::file).join(", "),
            folders.collect::<Vec<_>>().join(", ")
        );
        return Answer::failure(Exit::WorldsFault, complaint);
    }
    let lock = create_private(&place.data_dir.join("history"))
        .map_err(|source| format!("create {}: {source}", place.data_dir.display()))
        .and_then(|()| Lock::take(&place.data_dir).map_err(|error| refusal(&error)));
    let _lock = match lock {
        Ok(lock) => lock,
        Err(why) => return Answer::failure(Exit::WorldsFault, format_args!("failed to {why}")),
    };
    let bar = progress::bytes(files.iter().map(|file| size(file)).sum());
    let mut answer = Answer::fine("");
    for file in &files {
        bar.set_message(file.display().to_string());
        match take(place, file) {
            Ok(taken) => tell(&mut answer, file, &taken, place.config.history.records),
            Err(error) => {
                let _ = writeln!(
                    answer.complaint,
                    "netkestrel: failed to import {}: {}",
                    file.display(),
                    chain(&error)
                );
                answer.exit = Exit::WorldsFault;
            }
        }
        bar.inc(size(file));
    }
    bar.finish_and_clear();
    answer
}

fn refusal(error: &durable::Error) -> String {
    match error {
        durable::Error::InUse { .. } => format!("{error}; stop it first"),
        other => chain(other),
    }
}

/// A folder stands for those of the files that are in it.
fn expand(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let files = Kind::ALL.map(|kind| path.join(kind.file()));
    files.into_iter().filter(|file| file.exists()).collect()
}

fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |metadata| metadata.len())
}

/// What came of a file.
struct Taken {
    stream: Stream,
    counts: Counts,
    anomalies: usize,
    /// Records of the stream by now.
    total: u64,
}

fn take(place: &Place, file: &Path) -> Result<Taken, Error> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let kind = Kind::of(&name).ok_or(Error::Name)?;
    let content = fs::read(file).map_err(Error::Read)?;
    let targets = place.config.collectors.devices.devices();
    let named = targets.filter(|target| !target.name.is_empty());
    let origin = Origin {
        zone: place.zone(),
        names: named
            .map(|target| (target.address.clone(), target.name.as_str().into()))
            .collect(),
    };
    store_all(place, kind.stream(), python::read(kind, &content, &origin)?)
}

/// Stores the anomalies first: should the second write fail, another import adds what is missing and nothing twice.
fn store_all(place: &Place, stream: Stream, imported: Imported) -> Result<Taken, Error> {
    let store = Store::open(Arc::new(Os), &place.data_dir, &place.config.history);
    let reader = store.reader();
    let (new, noted) = fresh_transitions(&transitions(&reader, Range::default())?, imported.transitions);
    let timed = new
        .iter()
        .filter_map(|value| Some((transition_time(value)?, value)));
    store.import_transitions(timed)?;
    let mut taken = Taken {
        stream,
        counts: noted,
        anomalies: 0,
        total: 0,
    };
    if stream != Stream::Alerts {
        let existing = records(&reader, stream, Range::default())?;
        let existing: Vec<Record> = existing.collect::<io::Result<_>>().map_err(Error::History)?;
        let (new, counts) = fresh(stream, existing, imported.records);
        store.import(stream, &new)?;
        (taken.counts, taken.anomalies) = (counts, noted.added);
    }
    let stats = reader.stats();
    taken.total = stats
        .iter()
        .find(|stats| stats.stream == stream)
        .map_or(0, |stats| stats.records);
    Ok(taken)
}

fn tell(answer: &mut Answer, file: &Path, taken: &Taken, kept: u32) {
    let Counts {
        read,
        added,
        already_there,
    } = taken.counts;
    let anomalies = match taken.anomalies {
        0 => String::new(),
        some => format!("; {some} anomalies added to alerts"),
    };
    let _ = writeln!(
        answer.text,
        "{}: {read} records read, {added} added, {already_there} already there{anomalies}",
        file.display()
    );
    if taken.total > u64::from(kept) {
        let _ = writeln!(
            answer.complaint,
            "note: {} has {} records by now, of which `history.records` keeps the last {kept}; raise it before the \
             next start to keep them all",
            taken.stream.name(),
            taken.total
        );
    }
}
