//! Configurations as files: every one in `data/config/valid` loads, every one in `data/config/invalid` gives exactly
//! the problems its first lines expect. Adding a case is adding a file.
//!
//! Lines at the top of a file: `# env NAME=value` sets a variable, `# expect LINE:COL: …` (or `# expect environment
//! variable …`) is one problem in the order of the report, `# note …` one note of a valid file.

use std::{ffi::OsString, fs, path::PathBuf};

use netkestrel::config::{self, Config, Error, Loaded, Sources};

/// One configuration file with what its first lines say.
struct Case {
    path: PathBuf,
    env: Vec<(OsString, OsString)>,
    expected: Vec<String>,
    notes: Vec<String>,
}

fn cases(folder: &str) -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/config")
        .join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the folder of cases exists")
        .map(|entry| entry.expect("entries are readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .collect();
    paths.sort();
    paths.into_iter().map(case).collect()
}

fn case(path: PathBuf) -> Case {
    let bytes = fs::read(&path).expect("a case is readable");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let said = |word: &str| {
        let head = format!("# {word} ");
        text.lines()
            .filter_map(|line| line.strip_prefix(&head))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let pair = |line: &String| {
        let (name, value) = line.split_once('=').expect("NAME=value");
        (OsString::from(name), OsString::from(value))
    };
    Case {
        env: said("env").iter().map(pair).collect(),
        expected: said("expect"),
        notes: said("note"),
        path,
    }
}

fn load(case: &Case) -> Result<Loaded, Error> {
    config::load(&Sources {
        file: Some(case.path.clone()),
        env: case.env.clone(),
        ..Sources::default()
    })
}

#[test]
fn valid_files_load_and_load_again_as_printed() {
    for case in cases("valid") {
        let name = case.path.display();
        let loaded = load(&case).unwrap_or_else(|error| panic!("{name} is refused:\n{error}"));
        assert_eq!(loaded.notes, case.notes, "notes of {name}");
        let printed = loaded.config.to_yaml();
        assert!(!printed.contains("hunter2"), "{name} prints a secret:\n{printed}");
        let again = load_text(&printed.replace("<secret>", "hunter2"));
        let again = again.unwrap_or_else(|error| panic!("{name} as printed is refused:\n{error}\n{printed}"));
        assert_eq!(again.config.to_yaml(), printed, "{name} as printed");
    }
}

#[test]
fn invalid_files_give_exactly_the_expected_problems() {
    let mut wrong = Vec::new();
    for case in cases("invalid") {
        let name = case.path.display().to_string();
        let found = match load(&case) {
            Ok(_) => vec!["(loaded)".to_owned()],
            Err(error) => error
                .to_string()
                .lines()
                .map(|line| line.replace(&format!("{name}:"), ""))
                .collect(),
        };
        assert!(
            !found.concat().contains("hunter2"),
            "{name} shows a secret: {found:#?}"
        );
        let found: Vec<String> = found.iter().map(|line| line.trim_start().to_owned()).collect();
        if found != case.expected {
            let lines: Vec<_> = found.iter().map(|line| format!("# expect {line}")).collect();
            wrong.push(format!("{name} gives\n{}", lines.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn load_text(text: &str) -> Result<Loaded, Error> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("netkestrel.yml");
    fs::write(&path, text).expect("writes");
    config::load(&Sources {
        file: Some(path),
        ..Sources::default()
    })
}

#[test]
fn without_any_source_the_defaults_apply() {
    let loaded = config::load(&Sources::default()).expect("defaults are valid");
    assert_eq!(loaded.config, Config::default());
    assert_eq!((loaded.origin, loaded.notes), (None, vec![]));
}
