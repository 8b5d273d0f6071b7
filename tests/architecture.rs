//! Imports point one way. The table below is the architecture: a module may use what stands beside it, no more.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Modules that everyone may use: they import nothing but each other.
const VOCABULARY: &[&str] = &[
    "clock", "durable", "figures", "pattern", "problem", "sample", "units",
];

/// What each module may import besides the vocabulary. `app` and `cli` may import everything.
const ALLOWED: &[(&str, &[&str])] = &[
    ("build", &[]),
    ("clock", &[]),
    ("durable", &[]),
    ("figures", &[]),
    ("pattern", &[]),
    ("problem", &[]),
    ("sample", &[]),
    ("units", &[]),
    ("sys", &[]),
    ("collectors", &["sys"]),
    ("exposition", &[]),
    ("history", &[]),
    ("anomaly", &[]),
    ("trend", &[]),
    ("rules", &[]),
    ("alerts", &["rules"]),
    ("notifiers", &["alerts", "rules"]),
    ("logging", &[]),
    ("web", &["exposition", "history", "alerts", "build"]),
    (
        "demo",
        &[
            "alerts",
            "anomaly",
            "app",
            "build",
            "collectors",
            "config",
            "exposition",
            "history",
            "rules",
        ],
    ),
    (
        "config",
        &[
            "alerts",
            "anomaly",
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
        let text = fs::read_to_string(&file).expect("sources are readable");
        for import in imports(&text, depth_of(&file)) {
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
    let first = below_src(file).components().next().expect("a name");
    first
        .as_os_str()
        .to_string_lossy()
        .trim_end_matches(".rs")
        .to_owned()
}

/// How many modules deep the file is, its own included. `a_tests.rs` is the module `tests` of `a.rs`.
fn depth_of(file: &Path) -> usize {
    let parts = below_src(file).components().count();
    match file.file_stem().expect("a name").to_string_lossy() {
        name if name == "mod" => parts - 1,
        name if name.ends_with("_tests") => parts + 1,
        _ => parts,
    }
}

fn below_src(file: &Path) -> &Path {
    file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .expect("a source file")
}

/// Names of our own top-level modules that the text of a file `depth` modules deep uses, however it climbs to them:
/// `crate::name`, `use crate::{a, b::c}`, or as many `super::` as lead out of its stage.
fn imports(text: &str, depth: usize) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let (mut names, mut start, mut inline) = (BTreeSet::new(), 0, Vec::new());
    for line in code.lines() {
        let indent = line.len() - line.trim_start().len();
        if line.trim_start() == "}" && inline.last() == Some(&indent) {
            inline.pop();
        }
        for root in ["crate::", "super::"] {
            let places = line.match_indices(root).map(|(place, _)| place);
            for place in places.filter(|place| begins_a_path(&line[..*place])) {
                let mut paths = Vec::new();
                expand(&code[start + place..], &[], &mut paths);
                names.extend(paths.iter().filter_map(|path| stage(path, depth + inline.len())));
            }
        }
        if line.contains("mod ") && line.ends_with('{') {
            inline.push(indent);
        }
        start += line.len() + 1;
    }
    names
}

/// Whether what follows `before` is the first name of a path, and not a later one or the end of a longer name.
fn begins_a_path(before: &str) -> bool {
    let before = before.strip_suffix("self::").unwrap_or(before);
    !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// Adds every path that the tree of a `use` stands for, or the one path that it is; gives what follows the tree.
fn expand<'a>(tree: &'a str, before: &[&'a str], found: &mut Vec<Vec<&'a str>>) -> &'a str {
    if let Some(mut rest) = tree.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            if rest.is_empty() || rest.starts_with('}') {
                return rest.strip_prefix('}').unwrap_or(rest);
            }
            // What is left of an item is `*` or a new name for it.
            rest = expand(rest, before, found).trim_start_matches(|c| c != ',' && c != '}');
        }
    }
    let end = tree.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let (name, rest) = tree.split_at(end.unwrap_or(tree.len()));
    let path = [before, &[name]].concat();
    if let Some(rest) = rest.strip_prefix("::") {
        return expand(rest, &path, found);
    }
    found.push(path);
    rest
}

/// The top-level module that a path names, seen from a module `depth` deep; `None` when it stays below its own.
fn stage(path: &[&str], depth: usize) -> Option<String> {
    let climbed = path.iter().take_while(|name| **name == "super").count();
    let name = match path.first() {
        Some(&"crate") => path.get(1),
        _ if climbed == depth => path.get(climbed),
        _ => None,
    }?;
    let is_module = name.starts_with(|c: char| c.is_ascii_lowercase());
    is_module.then(|| (*name).to_owned())
}

#[test]
fn the_scanner_sees_grouped_and_plain_imports() {
    let text = "use crate::{\n    clock::Now,\n    sample::{Batch, Desc},\n    web as page,\n};\nlet x = crate::rules::f();\n// crate::never";
    let names: Vec<_> = imports(text, 1).into_iter().collect();
    assert_eq!(names, ["clock", "rules", "sample", "web"]);
}

#[test]
fn the_scanner_follows_super_out_of_a_stage() {
    for (text, depth, expected) in [
        ("use super::web;", 1, &["web"][..]),
        ("use super::table::Table;", 2, &[]),
        ("use super::super::web::Token;", 2, &["web"]),
        ("let x = self::super::super::rules::f();", 2, &["rules"]),
        (
            "use super::{\n    super::{app, cli::{self, x}},\n    table,\n};",
            2,
            &["app", "cli"],
        ),
        ("mod tests {\n    use super::super::table;\n}", 2, &[]),
        (
            "mod tests {\n    use super::super::web;\n}\nuse super::rules;",
            1,
            &["rules", "web"],
        ),
        ("pub(in super::super) struct X;", 2, &[]),
    ] {
        let names: Vec<_> = imports(text, depth).into_iter().collect();
        assert_eq!(names, expected, "{text}");
    }
}
