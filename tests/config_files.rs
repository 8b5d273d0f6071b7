//! Configurations as files: every one in `data/config/valid` loads, every one in `data/config/invalid` gives exactly
//! the problems its first lines expect. Adding a case is adding a file.
//!
//! Lines at the top of a file: `# env NAME=value` sets a variable, `# expect LINE:COL: …` (or `# expect environment
//! variable …`) is one problem in the order of the report, `# note …` one note of a valid file. Files that end
//! otherwise than in `.yml` are those that cases name.

use std::{ffi::OsString, fmt::Write as _, fs, path::PathBuf};

use netkestrel::config::{self, Config, Error, Loaded, Override, Sources};
use proptest::prelude::*;
use serde_json::json;

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
        let folder = format!("{}/", case.path.parent().expect("a folder").display());
        let found = match load(&case) {
            Ok(_) => vec!["(loaded)".to_owned()],
            Err(error) => error
                .to_string()
                .lines()
                .map(|line| line.replace(&format!("{name}:"), "").replace(&folder, ""))
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

/// Loads the text from a folder with the files which those of the valid folder name.
fn load_text(text: &str) -> Result<Loaded, Error> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/config/valid");
    for entry in fs::read_dir(cases).expect("the folder of cases exists") {
        let path = entry.expect("entries are readable").path();
        if path.extension().is_some_and(|extension| extension != "yml") {
            let name = path.file_name().expect("a file");
            fs::copy(&path, folder.path().join(name)).expect("copies");
        }
    }
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

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config.example.yml");

#[test]
fn the_example_equals_the_defaults() {
    let loaded = config::load(&Sources {
        file: Some(EXAMPLE.into()),
        ..Sources::default()
    });
    let loaded = loaded.unwrap_or_else(|error| panic!("config.example.yml is refused:\n{error}"));
    let json = |config: &Config| serde_json::to_value(config).expect("serializes");
    let mut differences = Vec::new();
    compare(
        &json(&Config::default()),
        &json(&loaded.config),
        "",
        &mut differences,
    );
    assert!(
        differences.is_empty(),
        "config.example.yml differs from the defaults:\n{}",
        differences.join("\n")
    );
    assert_eq!(loaded.config, Config::default());
}

/// Keys with a default stand in the example as YAML, the keys of list entries and optional ones in its comments.
#[test]
fn the_example_shows_every_key() {
    let example = fs::read_to_string(EXAMPLE).expect("the example is readable");
    let schema = config::schema();
    let mut missing = Vec::new();
    for path in keys_below(&schema, &schema, "") {
        let key = path.rsplit('.').next().expect("a path has a last key");
        let shown = example.lines().any(|line| {
            let bare = line.trim_start_matches([' ', '#', '-']);
            bare.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))
        });
        if !shown {
            missing.push(path);
        }
    }
    let default = serde_json::to_value(Config::default()).expect("serializes");
    let yaml: serde_json::Value = serde_yaml::from_str(&example).expect("the example is YAML");
    absent_keys(&default, &yaml, "", &mut missing);
    missing.sort();
    missing.dedup();
    assert!(
        missing.is_empty(),
        "config.example.yml lacks these keys: {missing:#?}"
    );
}

/// Dotted paths of all properties, those of list entries included.
fn keys_below(root: &serde_json::Value, schema: &serde_json::Value, prefix: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return keys_below(root, root.pointer(&reference[1..]).expect("a definition"), prefix);
    }
    let mut found = keys_of_alternatives(root, schema, prefix);
    if schema["items"].is_object() {
        found.extend(keys_below(root, &schema["items"], &format!("{prefix}[]")));
    }
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{prefix}.{key}").trim_start_matches('.').to_owned();
        found.push(path.clone());
        found.extend(keys_below(root, inner, &path));
    }
    found
}

fn keys_of_alternatives(root: &serde_json::Value, schema: &serde_json::Value, prefix: &str) -> Vec<String> {
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    alternatives
        .flat_map(|inner| keys_below(root, inner, prefix))
        .collect()
}

/// Keys with a default that are not written as YAML, at their own place.
fn absent_keys(
    default: &serde_json::Value,
    given: &serde_json::Value,
    prefix: &str,
    missing: &mut Vec<String>,
) {
    for (key, inner) in default
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
    {
        let path = format!("{prefix}.{key}").trim_start_matches('.').to_owned();
        match given.get(key) {
            Some(value) => absent_keys(inner, value, &path, missing),
            None => missing.push(path),
        }
    }
}

fn compare(
    default: &serde_json::Value,
    example: &serde_json::Value,
    path: &str,
    differences: &mut Vec<String>,
) {
    match default.as_object() {
        Some(keys) => {
            for (key, inner) in keys {
                let path = format!("{path}.{key}").trim_start_matches('.').to_owned();
                compare(inner, &example[key], &path, differences);
            }
        }
        None if default != example => differences.push(format!("{path}: {example}, by default {default}")),
        None => {}
    }
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// The value at dotted `path` of a loaded configuration, as JSON.
fn value_at(config: &Config, path: &str) -> serde_json::Value {
    let json = serde_json::to_value(config).expect("serializes");
    json.pointer(&format!("/{}", path.replace('.', "/")))
        .expect(path)
        .clone()
}

#[test]
fn variables_of_our_own_set_any_key() {
    for (name, value, path, expected) in [
        ("NETKESTREL_DATA_DIR", "/data: #1", "data_dir", json!("/data: #1")),
        ("NETKESTREL_LOG__FILE", "5", "log.file", json!("5")),
        (
            "NETKESTREL_WEB__LISTEN_ADDRESS",
            "[::1]:1",
            "web.listen_address",
            json!("[::1]:1"),
        ),
        (
            "NETKESTREL_WEB__ALLOWED_HOSTS",
            "[a, b]",
            "web.allowed_hosts",
            json!(["a", "b"]),
        ),
        ("NETKESTREL_LOG__LEVEL", "debug", "log.level", json!("debug")),
        (
            "NETKESTREL_HISTORY__RECORDS",
            "500",
            "history.records",
            json!(500),
        ),
        (
            "NETKESTREL_HISTORY",
            "{records: 600}",
            "history.records",
            json!(600),
        ),
        (
            "NETKESTREL_COLLECTORS__NETWORK__ENABLED",
            "false",
            "collectors.network.enabled",
            json!(false),
        ),
        (
            "NETKESTREL_COLLECTORS__NETWORK__INTERVAL",
            "1m30s",
            "collectors.network.interval",
            json!("90s"),
        ),
        (
            "NETKESTREL_NOTIFIERS__EMAIL__TLS",
            "tls",
            "notifiers.email.tls",
            json!("tls"),
        ),
        ("NETKESTREL_LOG__LEVEL", "", "log.level", json!("info")),
        ("NETKESTREL_SERVICE_HOST", "10.0.0.1", "log.level", json!("info")),
        (
            "NETKESTREL_PORT_10980_TCP",
            "tcp://10.0.0.1:10980",
            "log.level",
            json!("info"),
        ),
        ("NETKESTREL_CONFIG_FILE", "/elsewhere", "log.level", json!("info")),
    ] {
        let loaded = config::load(&Sources {
            env: variables(&[(name, value)]),
            ..Sources::default()
        });
        let loaded = loaded.unwrap_or_else(|error| panic!("{name}={value}:\n{error}"));
        assert_eq!(value_at(&loaded.config, path), expected, "{name}={value}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one row per variable and meaning")]
fn variables_of_the_python_system_keep_their_meaning() {
    for (name, value, path, expected) in [
        (
            "SMTP_SERVER",
            "smtp.example.org",
            "notifiers.email.server",
            json!("smtp.example.org"),
        ),
        ("SMTP_PORT", "25", "notifiers.email.port", json!(25)),
        ("SMTP_PORT", "", "notifiers.email.port", json!(587)),
        (
            "EMAIL_USER",
            "me@example.org",
            "notifiers.email.user",
            json!("me@example.org"),
        ),
        (
            "EMAIL_PASSWORD",
            "12345",
            "notifiers.email.password",
            json!("<secret>"),
        ),
        (
            "ALERT_RECIPIENTS",
            "a@example.org, b@example.org,",
            "notifiers.email.recipients",
            json!([
                {"address": "a@example.org", "min_severity": "low"},
                {"address": "b@example.org", "min_severity": "low"}
            ]),
        ),
        (
            "BANDWIDTH_THRESHOLD_MBPS",
            "10",
            "rules.0.levels",
            json!({"medium": 1_250_000.0, "high": 2_500_000.0}),
        ),
        ("BANDWIDTH_THRESHOLD_MBPS", "100", "rules", json!([])),
        (
            "CPU_THRESHOLD_PERCENT",
            "70",
            "rules.0.levels",
            json!({"medium": 0.7, "high": 0.8}),
        ),
        ("CPU_THRESHOLD_PERCENT", "70", "rules.0.clear", json!(0.65)),
        (
            "MEMORY_THRESHOLD_PERCENT",
            "80.5",
            "rules.0.levels",
            json!({"medium": 0.805, "high": 0.905}),
        ),
        (
            "DISK_THRESHOLD_PERCENT",
            "95",
            "rules.0.levels",
            json!({"medium": 0.95}),
        ),
        (
            "NETWORK_CHECK_INTERVAL",
            "10",
            "collectors.network.interval",
            json!("10s"),
        ),
        (
            "SYSTEM_CHECK_INTERVAL",
            " 10 ",
            "collectors.system.interval",
            json!("10s"),
        ),
        (
            "DEVICE_PING_INTERVAL",
            "300",
            "collectors.devices.interval",
            json!("5m"),
        ),
        (
            "PING_TIMEOUT_SECONDS",
            "2",
            "collectors.devices.timeout",
            json!("2s"),
        ),
        (
            "PING_TIMEOUT_SECONDS",
            "0.5",
            "collectors.devices.timeout",
            json!("500ms"),
        ),
        (
            "MONITORED_DEVICES",
            "192.168.1.1, nas.lan",
            "collectors.devices.targets.1.address",
            json!("nas.lan"),
        ),
        ("ALERT_COOLDOWN_MINUTES", "30", "alerts.cooldown", json!("30m")),
        ("LOG_LEVEL", "WARNING", "log.level", json!("warn")),
        ("LOG_LEVEL", "critical", "log.level", json!("error")),
        (
            "LOG_FILE",
            "/var/log/netkestrel.log",
            "log.file",
            json!("/var/log/netkestrel.log"),
        ),
    ] {
        let loaded = config::load(&Sources {
            env: variables(&[(name, value)]),
            ..Sources::default()
        });
        let loaded = loaded.unwrap_or_else(|error| panic!("{name}={value}:\n{error}"));
        assert_eq!(value_at(&loaded.config, path), expected, "{name}={value}");
    }
}

#[test]
fn a_flag_ranks_above_variables_and_they_above_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("netkestrel.yml");
    fs::write(&file, "log: {level: error}\n").expect("writes");
    let flag = Override {
        path: "log.level".to_owned(),
        value: "trace".to_owned(),
        flag: "--log.level".to_owned(),
    };
    let (python, own) = (("LOG_LEVEL", "WARNING"), ("NETKESTREL_LOG__LEVEL", "debug"));
    for (file, env, flags, expected) in [
        (None, vec![], vec![], "info"),
        (Some(&file), vec![], vec![], "error"),
        (Some(&file), vec![python], vec![], "warn"),
        (Some(&file), vec![own, python], vec![], "debug"),
        (Some(&file), vec![python, own], vec![flag], "trace"),
    ] {
        let loaded = config::load(&Sources {
            file: file.cloned(),
            env: variables(&env),
            flags,
            ..Sources::default()
        });
        assert_eq!(
            value_at(&loaded.expect("valid").config, "log.level"),
            json!(expected)
        );
    }
}

#[test]
fn a_wrong_flag_is_named() {
    let flag = |path: &str, value: &str, flag: &str| Override {
        path: path.to_owned(),
        value: value.to_owned(),
        flag: flag.to_owned(),
    };
    let error = config::load(&Sources {
        flags: vec![
            flag("log.level", "loud", "--log.level"),
            flag("timezone", "", "--timezone"),
            flag("nowhere", "1", "--nowhere"),
        ],
        ..Sources::default()
    });
    let lines = error.expect_err("wrong flags").to_string();
    assert_eq!(
        lines.lines().collect::<Vec<_>>(),
        [
            "flag --log.level: log.level: given `loud`; accepted: `error`, `warn`, `info`, `debug`, `trace`",
            "flag --nowhere: nowhere: there is no such key",
            "flag --timezone: timezone: given ``; accepted: `system`, or a name such as `UTC` or `Europe/Berlin`",
        ]
    );
}

#[test]
fn a_secret_of_higher_rank_takes_the_place_of_a_file_of_lower() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("netkestrel.yml");
    let secret = folder.path().join("other.txt");
    fs::write(&file, "notifiers: {email: {user: me, password_file: secret.txt}}").expect("writes");
    fs::write(folder.path().join("secret.txt"), "from file\r\n").expect("writes");
    fs::write(&secret, "from other file").expect("writes");
    let other = secret.to_str().expect("UTF-8");
    for (env, expected) in [
        (vec![], "from file"),
        (vec![("EMAIL_PASSWORD", "python")], "python"),
        (
            vec![
                ("NETKESTREL_NOTIFIERS__EMAIL__PASSWORD", "own"),
                ("EMAIL_PASSWORD", "python"),
            ],
            "own",
        ),
        (
            vec![
                ("NETKESTREL_NOTIFIERS__EMAIL__PASSWORD_FILE", other),
                ("EMAIL_PASSWORD", "python"),
            ],
            "from other file",
        ),
    ] {
        let loaded = config::load(&Sources {
            file: Some(file.clone()),
            env: variables(&env),
            ..Sources::default()
        });
        let email = loaded
            .unwrap_or_else(|error| panic!("{env:?}: {error}"))
            .config
            .notifiers
            .email;
        assert_eq!(email.password.reveal(), expected, "{env:?}");
        assert!(!format!("{email:?}").contains(expected));
    }
}

#[test]
fn a_named_file_must_exist_and_a_default_one_may_not() {
    let named = Sources {
        file: Some("/no/such/file.yml".into()),
        ..Sources::default()
    };
    let error = config::load(&named).expect_err("there is no such file");
    let text = error.to_string();
    assert!(
        text.starts_with("read the configuration file /no/such/file.yml: ") && text.contains("(os error"),
        "{text}"
    );
    assert!(
        std::error::Error::source(&error).is_none(),
        "the cause is told once"
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let second = folder.path().join("second.yml");
    fs::write(&second, "log: {level: debug}").expect("writes");
    let loaded = config::load(&Sources {
        default_files: vec![folder.path().join("first.yml"), second.clone()],
        ..Sources::default()
    });
    assert_eq!(loaded.expect("valid").origin, Some(second));
}

/// What `text` is refused with; must come soon, however hostile it is.
fn refusal(text: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("netkestrel.yml");
    fs::write(&path, text).expect("writes");
    let started = std::time::Instant::now();
    let error = config::load(&Sources {
        file: Some(path.clone()),
        ..Sources::default()
    });
    let took = started.elapsed();
    assert!(took.as_secs() < 20, "took {took:?}");
    let text = error.expect_err("hostile text is refused").to_string();
    text.replace(&path.display().to_string(), "FILE")
}

#[test]
fn hostile_text_is_refused_at_little_cost() {
    let too_deep = "nest deeper than 64 levels";
    for (text, expected) in [
        ("[".repeat(100_000), too_deep),
        ("{a: ".repeat(100_000), too_deep),
        ("- ".repeat(100_000), too_deep),
        ("? ".repeat(100_000), too_deep),
        ("a: &a [*a]\n".to_owned(), "aliases"),
        (
            "x".repeat(17 * 1024 * 1024),
            "FILE: the file is larger than 16 MiB",
        ),
        ("a".repeat(1024 * 1024), "accepted: the keys"),
        (
            format!("data_dir: \"{}\"\nweb: {{", "x".repeat(1024 * 1024)),
            "never closed",
        ),
        ("\0".to_owned(), "FILE:1:1"),
    ] {
        let refused = refusal(text.as_bytes());
        assert!(refused.contains(expected), "{text:.20}…: {refused:.500}");
    }
}

#[test]
fn thousands_of_problems_are_reported_in_good_time() {
    let mut rules = "rules:\n".to_owned();
    let mut keys = String::new();
    for n in 0..5_000 {
        writeln!(
            rules,
            "  - {{name: r{n}, signal: load1_per_core, levels: {{low: 1}}, colour: {n}}}"
        )
        .expect("a String");
        writeln!(keys, "key{n}: 1").expect("a String");
    }
    for text in [rules, keys] {
        let refused = refusal(text.as_bytes());
        assert_eq!(refused.lines().count(), 101, "nobody reads more");
        assert_eq!(refused.lines().last(), Some("… and 4900 more"));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        load_bytes(&bytes);
    }

    #[test]
    fn no_yaml_makes_it_panic(
        lines in proptest::collection::vec("[ ]{0,4}(- )?(web|log|rules|level|name|levels|\\$\\{A\\}|&a|\\*a|!t|<<|\\? )?(: )?([\\[\\]{},'\"|>]|5|x|~|30s)?", 0..12),
    ) {
        load_bytes(lines.join("\n").as_bytes());
    }

    #[test]
    fn no_value_of_a_variable_makes_it_panic(value in ".{0,60}") {
        for name in ["NETKESTREL_RULES", "NETKESTREL_HISTORY", "NETKESTREL_HISTORY__RECORDS", "ALERT_RECIPIENTS", "CPU_THRESHOLD_PERCENT"] {
            let _ = config::load(&Sources { env: variables(&[(name, &value)]), ..Sources::default() });
        }
    }

    #[test]
    fn any_text_loads_again_as_printed(text in "\\PC{0,40}") {
        let mut config = Config::default();
        config.log.file = text;
        let loaded = load_text(&config.to_yaml());
        prop_assert_eq!(loaded.expect("printed text is valid").config, config);
    }
}

fn load_bytes(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("netkestrel.yml");
    fs::write(&path, bytes).expect("writes");
    let _ = config::load(&Sources {
        file: Some(path),
        ..Sources::default()
    });
}
