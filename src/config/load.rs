//! From sources to a configuration: file, the Python system's variables, our variables, flags, each above the one
//! before. Reports everything that is wrong in one run. The process environment is an argument, never read here.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    Config, Error, Override,
    check::{Checked, check},
    devices, environment, python, report, schema, secrets,
    shape::Shape,
    tree::{Fault, Node, Origin},
    yaml,
};
use crate::{collectors, problem::Problems, sample::Signal};

/// Where a configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file the user named; it must exist.
    pub file: Option<PathBuf>,
    /// Where a file may lie when none is named; the first that exists is read.
    pub default_files: Vec<PathBuf>,
    /// The environment.
    pub env: Vec<(OsString, OsString)>,
    /// Values given by flags.
    pub flags: Vec<Override>,
}

/// A configuration and how it came about.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration, valid throughout.
    pub config: Config,
    /// The file that was read, if any.
    pub origin: Option<PathBuf>,
    /// What the user should know though nothing is wrong; for the log.
    pub notes: Vec<String>,
}

/// Reads and checks everything. Fails with all problems at once, or when a file cannot be read.
pub fn load(sources: &Sources) -> Result<Loaded, Error> {
    load_with(sources, &collectors::signals())
}

/// As [`load`], with rules checked against these signals; an empty list accepts every name.
pub fn load_with(sources: &Sources, signals: &[&Signal]) -> Result<Loaded, Error> {
    let (origin, bytes) = find(sources)?;
    let schema = schema();
    let shape = Shape::new(&schema);
    let folder = origin.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let (mut root, mut faults) = yaml::read_file(&bytes, Some(&utf8(&sources.env)));
    let python = python::overlay(&mut root, &sources.env);
    faults.extend(python.faults);
    faults.extend(environment::overlay(&mut root, &sources.env, shape));
    faults.extend(environment::overlay_flags(&mut root, &sources.flags, shape));
    faults.extend(secrets::read_files(&mut root, shape, folder));
    let mut checked = check(&root, &schema);
    faults.append(&mut checked.faults);

    let (mut notes, mut in_devices_file) = (python.notes, Vec::new());
    let config = match serde_json::from_value::<Config>(checked.json.take()) {
        Ok(mut config) => {
            notes.extend(move_rules(&mut config, &python.thresholds));
            match devices::read(&mut config.collectors.devices, &root, folder) {
                Ok(listing) => in_devices_file = listing.map_or_else(Vec::new, |list| list.examine(&config)),
                Err(fault) => faults.push(fault),
            }
            faults.extend(examine(&config, &root, &checked, signals));
            Some(config)
        }
        Err(error) => {
            faults.push(Fault::new(&Origin::Default, "", error.to_string()));
            None
        }
    };
    match config {
        Some(config) if faults.is_empty() && in_devices_file.is_empty() => {
            notes.extend(config.notes());
            Ok(Loaded {
                config,
                origin,
                notes,
            })
        }
        _ => {
            let mut findings = report::findings(faults, origin.as_deref());
            findings.append(&mut in_devices_file);
            Err(Error::Invalid(findings))
        }
    }
}

/// The file and its content; both empty when there is none.
fn find(sources: &Sources) -> Result<(Option<PathBuf>, Vec<u8>), Error> {
    if let Some(file) = &sources.file {
        return match read(file) {
            Ok(bytes) => Ok((Some(file.clone()), bytes)),
            Err(cause) => Err(Error::Read {
                path: file.clone(),
                cause,
            }),
        };
    }
    for file in &sources.default_files {
        match read(file) {
            Ok(bytes) => return Ok((Some(file.clone()), bytes)),
            Err(error) if is_absent(&error) => {}
            Err(cause) => {
                return Err(Error::Read {
                    path: file.clone(),
                    cause,
                });
            }
        }
    }
    Ok((None, Vec::new()))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Reads no more than is needed to see that a file is too large.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(yaml::MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn utf8(env: &[(OsString, OsString)]) -> HashMap<&str, &str> {
    env.iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
        .collect()
}

fn move_rules(config: &mut Config, thresholds: &[python::Threshold]) -> Vec<String> {
    let mut notes = Vec::new();
    for threshold in thresholds {
        let moved = config
            .rules
            .move_built_in(threshold.rule, threshold.first, threshold.variable);
        let named = |note: String| format!("the environment variable {} {note}", threshold.variable);
        notes.extend(moved.into_iter().map(named));
    }
    notes
}

/// What only the stages can tell, at the place where it was given.
fn examine(config: &Config, root: &Node, checked: &Checked, signals: &[&Signal]) -> Vec<Fault> {
    let mut problems = Problems::new();
    config.validate(signals, &mut problems);
    let fresh = problems.into_vec().into_iter().filter_map(|problem| {
        let path = checked.original_path(&problem.path)?;
        Some(Fault::new(&root.origin_of(&path), &path, problem.message))
    });
    fresh.collect()
}
