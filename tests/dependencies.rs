//! Every dependency, for every system, keeps the rules of deny.toml: licences, bans, no second version of a crate,
//! nothing from outside the registry. (The advisory database needs `cargo deny check`.)

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use serde_json::Value;

/// A crate as cargo resolved it.
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

#[test]
fn every_licence_is_allowed() {
    let allowed = allowed_licences();
    assert!(allowed.contains("MIT"), "{allowed:?}");
    let refused: Vec<String> = packages()
        .into_iter()
        .filter(|package| {
            !package
                .license
                .as_deref()
                .is_some_and(|license| permits(license, &allowed))
        })
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.license))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn no_banned_crate_is_used() {
    let banned = section("deny = [", "]")
        .iter()
        .filter_map(|line| quoted(line))
        .collect::<BTreeSet<_>>();
    assert!(banned.contains("serde_yml"), "{banned:?}");
    let found: Vec<String> = packages()
        .into_iter()
        .map(|package| package.name)
        .filter(|name| banned.contains(name))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn second_versions_are_those_that_are_explained() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages() {
        versions.entry(package.name).or_default().insert(package.version);
    }
    for skip in section("skip = [", "]").iter().filter_map(|line| quoted(line)) {
        let (name, version) = skip.split_once('@').expect("a skip names a version");
        let known = versions
            .get_mut(name)
            .unwrap_or_else(|| panic!("{skip} is not used any more"));
        let before = known.len();
        known.retain(|known| !known.starts_with(&format!("{version}.")));
        assert!(
            known.len() < before && !known.is_empty(),
            "{skip} is no second version any more"
        );
    }
    versions.retain(|_, versions| versions.len() > 1);
    assert!(
        versions.is_empty(),
        "more than one version without an explanation: {versions:?}"
    );
}

#[test]
fn all_come_from_the_registry() {
    let strange: Vec<String> = packages()
        .into_iter()
        .filter(|package| package.name != env!("CARGO_PKG_NAME"))
        .filter(|package| {
            !package
                .source
                .as_deref()
                .is_some_and(|source| source.starts_with("registry+"))
        })
        .map(|package| package.name)
        .collect();
    assert!(strange.is_empty(), "{strange:?}");
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = BTreeSet::from([
        "MIT".to_owned(),
        "Apache-2.0".to_owned(),
        "BSD-3-Clause".to_owned(),
    ]);
    let rows = [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("MIT AND BSD-3-Clause", true),
        ("(GPL-3.0 OR MIT) AND BSD-3-Clause", true),
        ("GPL-3.0 OR MIT AND Zlib", false),
        ("Apache-2.0 WITH LLVM-exception", false),
        ("Apache-2.0 WITH LLVM-exception OR Apache-2.0", true),
    ];
    for (license, permitted) in rows {
        assert_eq!(permits(license, &allowed), permitted, "{license}");
    }
}

/// All packages of the lock file that any system or feature needs.
fn packages() -> Vec<Package> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--locked", "--all-features"]);
    let output = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let text = |package: &Value, key: &str| package[key].as_str().map(str::to_owned);
    let package = |package: &Value| Package {
        name: text(package, "name").expect("a package has a name"),
        version: text(package, "version").expect("a package has a version"),
        license: text(package, "license"),
        source: text(package, "source"),
    };
    metadata["packages"]
        .as_array()
        .expect("metadata lists packages")
        .iter()
        .map(package)
        .collect()
}

fn allowed_licences() -> BTreeSet<String> {
    section("allow = [", "]")
        .iter()
        .filter_map(|line| quoted(line))
        .collect()
}

/// Lines of deny.toml between the line `from` and the line `to`.
fn section(from: &str, to: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml"))
        .expect("deny.toml is there");
    let lines = text.lines().map(str::to_owned);
    lines
        .skip_while(|line| line != from)
        .skip(1)
        .take_while(|line| line != to)
        .collect()
}

/// The first quoted word of a line.
fn quoted(line: &str) -> Option<String> {
    line.split('"').nth(1).map(str::to_owned)
}

/// Whether an SPDX expression can be met with allowed licences only; `/` is an old form of OR.
fn permits(license: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = license
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest, allowed) && rest.is_empty()
}

fn any_of(words: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let mut met = all_of(words, allowed);
    while take(words, "OR") {
        met |= all_of(words, allowed);
    }
    met
}

fn all_of(words: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let mut met = one(words, allowed);
    while take(words, "AND") {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    if take(words, "(") {
        return any_of(words, allowed) & take(words, ")");
    }
    let Some((name, rest)) = words.split_first() else {
        return false;
    };
    *words = rest;
    if !take(words, "WITH") {
        return allowed.contains(*name);
    }
    let Some((exception, rest)) = words.split_first() else {
        return false;
    };
    *words = rest;
    allowed.contains(&format!("{name} WITH {exception}"))
}

fn take(words: &mut &[&str], word: &str) -> bool {
    let found = words.first() == Some(&word);
    if found {
        *words = &words[1..];
    }
    found
}
