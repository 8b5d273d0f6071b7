//! Imports point one way. The table below is the architecture: a module may use what stands beside it, no more.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Modules that everyone may use: they import nothing but each other.
const VOCABULARY: &[&str] = &["clock", "pattern", "problem", "sample", "units"];

/// What each module may import besides the vocabulary. `app` and `cli` may import everything.
const ALLOWED: &[(&str, &[&str])] = &[
    ("build", &[]),
    ("clock", &[]),
    ("pattern", &[]),
    ("problem", &[]),
    ("sample", &[]),
    ("units", &[]),
    ("sys", &[]),
    ("collectors", &["sys"]),
    ("exposition", &[]),
    ("history", &[]),
    ("rules", &[]),
    ("alerts", &["rules"]),
    ("notifiers", &["alerts", "rules"]),
    ("logging", &[]),
    ("web", &["exposition", "history", "alerts", "build"]),
    (
        "config",
        &[
            "alerts",
            "collectors",
            "history",
            "logging",
            "notifiers",
            "rules",
            "web",
        ],
    ),
];

const EVERYTHING: &[&str] = &["app", "cli"];

#[test]
fn imports_point_one_way() {
    let mut wrong = Vec::new();
    for file in sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let module = module_of(&file);
        if EVERYTHING.contains(&module.as_str()) || ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{module} has no row in the table of allowed imports"));
            continue;
        };
        for import in imports(&fs::read_to_string(&file).expect("sources are readable")) {
            let fine = import == module
                || allowed.contains(&import.as_str())
                || VOCABULARY.contains(&import.as_str());
            if !fine {
                wrong.push(format!("{} imports crate::{import}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_lives_in_sys_alone() {
    let outside: Vec<_> = sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .into_iter()
        .filter(|file| module_of(file) != "sys")
        .filter(|file| {
            fs::read_to_string(file)
                .expect("sources are readable")
                .contains("unsafe_code")
        })
        .collect();
    assert!(outside.is_empty(), "lifted the lint outside src/sys: {outside:?}");
}

#[test]
fn no_file_passes_500_lines() {
    let long: Vec<_> = sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .into_iter()
        .filter(|file| {
            !file
                .file_stem()
                .is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
        })
        .filter_map(|file| {
            let text = fs::read_to_string(&file).expect("sources are readable");
            let production = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
            let lines = production.lines().count();
            (lines > 500).then(|| format!("{}: {lines}", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

fn sources(folder: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("src is readable").path();
        if path.is_dir() {
            found.extend(sources(path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The first part of the path below `src`, without `.rs`.
fn module_of(file: &Path) -> String {
    let below = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let first = below.expect("a source file").components().next().expect("a name");
    first
        .as_os_str()
        .to_string_lossy()
        .trim_end_matches(".rs")
        .to_owned()
}

/// Names of our own top-level modules that the text uses: `crate::name` and those in `use crate::{a, b::c}`.
fn imports(text: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => names.extend(heads(group)),
            None => names.extend(identifier(rest)),
        }
    }
    names
}

/// First identifiers of the items of a brace group, up to its closing brace.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut item, mut found) = (0, String::new(), Vec::new());
    for character in group.chars() {
        match character {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => found.extend(identifier(std::mem::take(&mut item).trim())),
            _ => {}
        }
        if depth == 0 && character != ',' {
            item.push(character);
        }
    }
    found.extend(identifier(item.trim()));
    found
}

fn identifier(text: &str) -> Option<String> {
    let name: String = text
        .trim_start()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    let is_module = name.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    is_module.then_some(name)
}

#[test]
fn the_scanner_sees_grouped_and_plain_imports() {
    let text = "use crate::{\n    clock::Now,\n    sample::{Batch, Desc},\n    web,\n};\nlet x = crate::rules::f();\n// crate::never";
    let names: Vec<_> = imports(text).into_iter().collect();
    assert_eq!(names, ["clock", "rules", "sample", "web"]);
}
