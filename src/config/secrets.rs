//! Reads secrets from the files that `*_file` keys name, so that they need not stand in the configuration.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{
    shape::{Kind, Shape},
    tree::{Fault, Node, Origin, Value},
};

const SUFFIX: &str = "_file";
/// Largest secret, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// Takes away the other of `x` and `x_file` when a source of higher rank gives one of them at `path`.
pub(super) fn displace(root: &mut Node, path: &str, by: &Origin) {
    let other = path
        .strip_suffix(SUFFIX)
        .map_or_else(|| format!("{path}{SUFFIX}"), ToOwned::to_owned);
    let same_rank = |node: &Node| std::mem::discriminant(&node.origin) == std::mem::discriminant(by);
    if root.at(&other).is_some_and(|node| !same_rank(node)) {
        root.remove(&other);
    }
}

/// Puts the content of every file named by a `*_file` key beside a secret in the secret's place. A relative path
/// in the configuration file starts from `folder`, the file's own; from a variable or flag, from the working folder.
pub(super) fn read_files(root: &mut Node, shape: Shape<'_>, folder: &Path) -> Vec<Fault> {
    let is_secret = |shape: &Shape<'_>| matches!(shape.kind(), Kind::Text { is_secret: true });
    let secrets = shape.paths().into_iter().filter(|(_, shape)| is_secret(shape));
    secrets
        .filter_map(|(path, _)| read(root, &path, folder).err())
        .collect()
}

fn read(root: &mut Node, path: &str, folder: &Path) -> Result<(), Fault> {
    let key = format!("{path}{SUFFIX}");
    let Some(node) = root.at(&key) else { return Ok(()) };
    let (Value::Plain(file) | Value::Text(file) | Value::Word { text: file, .. }) = &node.value else {
        return Ok(());
    };
    if file.is_empty() || node.is_null() {
        return Ok(());
    }
    let origin = node.origin.clone();
    if root.at(path).is_some_and(is_given) {
        let secret = path.rsplit('.').next().unwrap_or(path);
        let message = format!("given together with `{secret}`; accepted: one of the two");
        return Err(Fault::new(&origin, &key, message));
    }
    let from = if matches!(origin, Origin::File { .. }) {
        folder
    } else {
        Path::new("")
    };
    let text = read_secret(&from.join(file)).map_err(|why| {
        let message = format!(
            "given `{}`, but {why}; accepted: a file that holds the secret",
            file.escape_debug()
        );
        Fault::new(&origin, &key, message)
    })?;
    let value = Value::Word { text, shown: None };
    root.put(path, Node::new(value, origin));
    Ok(())
}

fn is_given(node: &Node) -> bool {
    !node.is_null() && !matches!(&node.value, Value::Text(text) | Value::Word { text, .. } if text.is_empty())
}

fn read_secret(path: &Path) -> Result<String, String> {
    let cannot_read = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => format!("it cannot be read: {error}"),
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot_read)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot_read)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it is larger than {} KiB", MAX_BYTES / 1024));
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(secret.to_owned())
}
