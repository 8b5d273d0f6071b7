//! Devices from a file of their own: its text into a tree, checked against the schema of a list of devices, then
//! together with the devices of the configuration. Every problem of the file is found in one run and names its place.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hasher},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value as Json;

use super::{
    Config, Error, Finding,
    check::{Checked, check},
    file_sd, report,
    tree::{Fault, Node, Origin, Value},
    yaml,
};
use crate::{
    collectors::devices::{self, Listed, Target},
    problem::Problems,
};

/// The key that names the file.
const KEY: &str = "collectors.devices.devices_file";

/// The JSON Schema of a list of devices, for editors and for finding problems with their place.
#[must_use]
pub fn schema() -> Json {
    let mut schema = schemars::schema_for!(Vec<Target>);
    schema.insert("title".to_owned(), "Devices of NetKestrel".into());
    schema.to_value()
}

/// A devices file that was read.
pub(super) struct Listing {
    file: PathBuf,
    root: Node,
    checked: Checked,
    faults: Vec<Fault>,
}

/// Reads the file that `config` names, if it names one. A relative path in the configuration file starts from
/// `folder`, the file's own; from a variable, from the working folder.
pub(super) fn read(
    config: &mut devices::Config,
    root: &Node,
    folder: &Path,
) -> Result<Option<Listing>, Fault> {
    if config.devices_file.is_empty() {
        return Ok(None);
    }
    let origin = root.origin_of(KEY);
    let from = if matches!(origin, Origin::File { .. }) {
        folder
    } else {
        Path::new("")
    };
    let file = from.join(&config.devices_file);
    match content(&file) {
        Ok(bytes) => {
            let (listing, listed) = understand(file, &bytes);
            config.listed = listed;
            Ok(Some(listing))
        }
        Err(error) => {
            config.listed.refused = None;
            let given = config.devices_file.escape_debug();
            Err(Fault::new(
                &origin,
                KEY,
                format!("given `{given}`, but {}", cannot_be_read(&error)),
            ))
        }
    }
}

/// `config` with its devices file read again. Fails with all problems of the file, and with those that its new
/// content makes elsewhere.
pub fn reread(config: &Config) -> Result<Config, Error> {
    let file = config.collectors.devices.listed.file.clone();
    let bytes = content(&file).map_err(|error| {
        Error::Invalid(vec![Finding {
            place: file.display().to_string(),
            path: String::new(),
            message: cannot_be_read(&error),
        }])
    })?;
    let (listing, listed) = understand(file, &bytes);
    let mut changed = config.clone();
    changed.collectors.devices.listed = listed;
    let mut findings = listing.examine(&changed);
    let mut problems = Problems::new();
    problems.within("collectors", |p| changed.collectors.validate(p));
    findings.extend(problems.into_vec().into_iter().map(|problem| Finding {
        place: String::new(),
        path: problem.path,
        message: problem.message,
    }));
    if findings.is_empty() {
        Ok(changed)
    } else {
        Err(Error::Invalid(findings))
    }
}

/// What tells the content of a file from another, within this process.
pub fn digest(path: &Path) -> io::Result<u64> {
    content(path).map(|bytes| digest_of(&bytes))
}

fn digest_of(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// Reads no more than is needed to see that a file is too large. Only a regular file can be read again and again.
fn content(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(yaml::MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn cannot_be_read(error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => format!("it cannot be read: {error}"),
    };
    format!("{why}; accepted: a file with a list of devices")
}

fn understand(file: PathBuf, bytes: &[u8]) -> (Listing, Listed) {
    let (mut root, mut faults) = yaml::read_file(bytes, None);
    if faults.is_empty() && root.origin == Origin::Default {
        let message = "the file is empty; accepted: a list of devices, or `[]` for none";
        faults.push(Fault::new(&Origin::Default, "", message));
    }
    let readable = faults.is_empty() || matches!(root.value, Value::List(_));
    let mut checked = Checked::nothing();
    if readable {
        if file_sd::is_spoken(&root) {
            root = file_sd::translate(root, &mut faults);
        }
        checked = check(&root, &schema());
        faults.append(&mut checked.faults);
    }
    let targets = serde_json::from_value::<Vec<Target>>(checked.json.take()).unwrap_or_default();
    let listed = Listed {
        digest: digest_of(bytes),
        targets: Arc::from(targets),
        refused: match &root.value {
            Value::List(_) if faults.is_empty() => Some(Vec::new()),
            Value::List(items) => Some(items.iter().filter_map(name_of).collect()),
            _ => None,
        },
        file: file.clone(),
    };
    let listing = Listing {
        file,
        root,
        checked,
        faults,
    };
    (listing, listed)
}

/// The name of an entry, also of one that is refused.
fn name_of(item: &Node) -> Option<String> {
    match &item.get("name").or_else(|| item.get("address"))?.value {
        Value::Plain(text) | Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

impl Listing {
    /// Everything that is wrong with the file, also in view of the rest of `config`, which holds what it listed.
    pub(super) fn examine(mut self, config: &Config) -> Vec<Finding> {
        let mut problems = Problems::new();
        let place = |position: usize| {
            let path = self.checked.path_in_tree(&format!("[{position}]"));
            match self.root.origin_of(&path) {
                Origin::File { line, .. } => format!("the device on line {line}"),
                _ => format!("the device {path}"),
            }
        };
        config.collectors.devices.validate_listed(&place, &mut problems);
        let fresh = problems.into_vec().into_iter().filter_map(|problem| {
            let path = self.checked.original_path(&problem.path)?;
            Some(Fault::new(&self.root.origin_of(&path), &path, problem.message))
        });
        self.faults.extend(fresh);
        report::findings(self.faults, Some(&self.file))
    }
}
