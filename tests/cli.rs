//! The command line as a user meets it: the built program, its output and its exit codes.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output},
};

/// Runs the program with nothing of ours in its environment.
fn netkestrel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_netkestrel"))
        .args(arguments)
        .env_clear()
        .env("HOME", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .expect("the program starts")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// A file for one test, which only that test uses.
fn file(dir: &Path, text: &str) -> String {
    let path = dir.join("netkestrel.yml");
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

/// Arguments, and what is said about them before the usage.
const MISTAKES: &[(&[&str], &str)] = &[
    (&["--frobnicate"], "error: unexpected argument '--frobnicate' found\n"),
    (&["frobnicate"], "error: unrecognized subcommand 'frobnicate'\n"),
    (
        &["--log.level", "loud"],
        "error: invalid value 'loud' for '--log.level <LEVEL>'
  [possible values: error, warn, info, debug, trace]
",
    ),
    (
        &["--log.level"],
        "error: a value is required for '--log.level <LEVEL>' but none was supplied
  [possible values: error, warn, info, debug, trace]
",
    ),
    (
        &["--log.levle=debug"],
        "error: unexpected argument '--log.levle' found

  tip: a similar argument exists: '--log.level'
",
    ),
    (
        &["--web.config.file", "web.yml"],
        "error: unexpected argument '--web.config.file' found

  tip: a similar argument exists: '--config.file'
",
    ),
    (
        &["healthcheck", "--url", "https://example.org/"],
        "error: invalid value 'https://example.org/' for '--url <URL>': only addresses such as http://127.0.0.1:10980/-/healthy are understood
",
    ),
    (
        &["healthcheck", "--timeout", "5"],
        "error: invalid value '5' for '--timeout <DURATION>': accepted: a duration, such as `5s` or `500ms`
",
    ),
    (
        &["alerts", "silence", "--rule", "cpu", "--for", "soon"],
        "error: invalid value 'soon' for '--for <DURATION>': accepted: a duration, such as `30m` or `2h`
",
    ),
    (
        &["print-config", "--defaults", "--schema"],
        "error: the argument '--defaults' cannot be used with '--schema'
",
    ),
];

#[test]
fn mistakes_on_the_command_line_end_with_64_and_exact_words() {
    for (arguments, message) in MISTAKES {
        let output = netkestrel(arguments);
        assert_eq!(code(&output), Some(64), "{arguments:?}");
        let complaint = stderr(&output);
        let said = complaint.split("\nUsage: ").next().unwrap_or_default();
        let said = said
            .split("\nFor more information, try")
            .next()
            .unwrap_or_default();
        assert_eq!(said, *message, "{arguments:?}");
        assert!(
            complaint.ends_with("\nFor more information, try '--help'.\n"),
            "{complaint}"
        );
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn version_names_revision_and_compiler() {
    let output = netkestrel(&["--version"]);
    assert_eq!(code(&output), Some(0));
    let text = stdout(&output);
    let mut lines = text.lines();
    let first = lines.next().expect("a line");
    assert!(
        first.starts_with(concat!("netkestrel ", env!("CARGO_PKG_VERSION"), " (revision ")),
        "{first}"
    );
    assert!(lines.next().is_some_and(|line| line.starts_with("rustc 1.")));
    let short = netkestrel(&["-V"]);
    assert_eq!(
        stdout(&short),
        concat!("netkestrel ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn help_tells_flags_units_examples_and_exit_codes() {
    let output = netkestrel(&["--help"]);
    assert_eq!(code(&output), Some(0));
    let text = stdout(&output);
    for words in [
        "--config.file",
        "--no-collector.devices",
        "[default: 127.0.0.1:10980",
        "Exit status:",
        "Examples:",
    ] {
        assert!(text.contains(words), "{words} is missing in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");
}

#[test]
fn a_good_file_passes_and_a_bad_one_is_told_in_full() {
    let dir = tempfile::tempdir().expect("a directory");
    let good = file(dir.path(), "log: {level: debug}\n");
    let output = netkestrel(&["check-config", &good]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("no problems"));

    let bad = file(
        dir.path(),
        "log:\n  levle: debug\nweb:\n  listen_address: nowhere\n",
    );
    for arguments in [
        &["check-config", &bad][..],
        &["--config.check", "--config.file", &bad],
        &["--config.file", &bad],
    ] {
        let output = netkestrel(arguments);
        assert_eq!(code(&output), Some(64), "{arguments:?}");
        let complaint = stderr(&output);
        assert!(
            complaint.contains("levle") && complaint.contains("nowhere"),
            "{complaint}"
        );
    }
}

#[test]
fn problems_can_be_read_by_programs() {
    let dir = tempfile::tempdir().expect("a directory");
    let bad = file(dir.path(), "log:\n  levle: debug\n");
    let output = netkestrel(&["check-config", "--format", "json", &bad]);
    assert_eq!(code(&output), Some(64));
    let value: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(value["valid"], false);
    let problem = &value["problems"][0];
    assert_eq!(problem["place"], format!("{bad}:2:3"), "{value:#}");
    assert_eq!(problem["path"], "log.levle");
}

#[test]
fn a_file_that_is_not_there_is_not_the_syntax_that_is_wrong() {
    let output = netkestrel(&["check-config", "/nonexistent/netkestrel.yml"]);
    assert_eq!(code(&output), Some(1));
    let complaint = stderr(&output);
    assert!(
        complaint.contains("/nonexistent/netkestrel.yml: ") && complaint.matches("(os error").count() == 1,
        "{complaint}"
    );
}

#[test]
fn flags_reach_the_configuration_in_force() {
    let output = netkestrel(&[
        "print-config",
        "--log.level=debug",
        "--web.listen-address",
        "127.0.0.1:1",
        "--no-collector.system",
    ]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let value: serde_json::Value = serde_yaml::from_str(&stdout(&output)).expect("YAML");
    assert_eq!(value["log"]["level"], "debug");
    assert_eq!(value["web"]["listen_address"], "127.0.0.1:1");
    assert_eq!(value["collectors"]["system"]["enabled"], false);
    assert_eq!(value["collectors"]["network"]["enabled"], true);
}

#[test]
fn what_is_printed_is_accepted_again() {
    let dir = tempfile::tempdir().expect("a directory");
    for arguments in [&["print-config"][..], &["print-config", "--defaults"]] {
        let printed = file(dir.path(), &stdout(&netkestrel(arguments)));
        let output = netkestrel(&["check-config", &printed]);
        assert_eq!(code(&output), Some(0), "{arguments:?}: {}", stderr(&output));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_data_directory_in_force_is_printed_with_its_reason() {
    let printed = |arguments: &[&str]| stdout(&netkestrel(&[&["print-config"], arguments].concat()));
    let home = env!("CARGO_TARGET_TMPDIR");
    let expected = format!("# data_dir in force: {home}/.local/state/netkestrel, from the variable HOME\n");
    assert!(printed(&[]).starts_with(&expected), "{}", printed(&[]));
    assert!(printed(&["--data-dir", "/d"]).starts_with("data_dir: /d\n"));
    let output = netkestrel(&["check-config", "--data-dir", "state"]);
    assert_eq!(code(&output), Some(64));
    assert!(
        stderr(&output).contains("an absolute path"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_path_of_an_alertmanager_may_be_a_secret() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = file(
        dir.path(),
        "notifiers: {alertmanager: {urls: [\"https://am.example.org/hunter2\"]}}\n",
    );
    let output = netkestrel(&["check-config", &path]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(!text.contains("note:"), "{text}");
    let printed = stdout(&netkestrel(&["print-config", "--config.file", &path]));
    assert!(printed.contains("https://am.example.org/<secret>"), "{printed}");
}

#[test]
fn flags_about_the_configuration_are_told_where_they_count() {
    for command in ["completions", "man", "healthcheck"] {
        let help = stdout(&netkestrel(&[command, "--help"]));
        assert!(
            !help.contains("--path.procfs") && !help.contains("--collector."),
            "{help}"
        );
    }
    for command in ["run", "check-config", "print-config", "doctor"] {
        let help = stdout(&netkestrel(&[command, "--help"]));
        assert!(
            help.contains("--path.procfs") && help.contains("--collector."),
            "{help}"
        );
    }
}

#[test]
fn secrets_are_not_printed() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = file(
        dir.path(),
        "notifiers: {email: {server: mail.example.org, user: me, password: hunter2}}\n",
    );
    let output = netkestrel(&["print-config", "--config.file", &path]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    assert!(!stdout(&output).contains("hunter2"));
}

#[test]
fn the_schema_is_json() {
    let output = netkestrel(&["print-config", "--schema"]);
    let value: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert!(value["properties"]["collectors"].is_object() || value["$defs"].is_object());
}

#[test]
fn completions_know_commands_and_flags() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = netkestrel(&["completions", shell]);
        assert_eq!(code(&output), Some(0), "{shell}");
        let script = stdout(&output);
        assert!(
            script.contains("check-config") && script.contains("collector.devices"),
            "{shell}"
        );
    }
    assert_eq!(code(&netkestrel(&["completions", "tcsh"])), Some(64));
}

#[test]
fn the_manual_is_roff_with_a_page_for_each_command() {
    let output = netkestrel(&["man"]);
    assert_eq!(code(&output), Some(0));
    assert!(stdout(&output).contains(".TH netkestrel 1"));
    for section in ["\"EXIT STATUS\"", "ENVIRONMENT", "FILES", "EXAMPLES"] {
        let heading = format!(".SH {section}\n");
        assert!(stdout(&output).contains(&heading), "{section}");
    }
    assert!(!stdout(&output).contains("EXTRA"));

    let dir = tempfile::tempdir().expect("a directory");
    let output = netkestrel(&["man", "--dir", &dir.path().display().to_string()]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    for page in ["netkestrel.1", "netkestrel-doctor.1", "netkestrel-check-config.1"] {
        assert!(dir.path().join(page).exists(), "{page}");
    }
    let output = netkestrel(&["man", "--dir", "/nonexistent"]);
    assert_eq!(code(&output), Some(1));
    assert!(stderr(&output).contains("/nonexistent"), "{}", stderr(&output));
}

#[test]
fn the_doctor_speaks_json_and_its_exit_code_agrees() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().display().to_string();
    let output = netkestrel(&["doctor", "--format", "json", "--data-dir", &data]);
    let value: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let healthy = value["ok"].as_bool().expect("a verdict");
    assert_eq!(code(&output), Some(i32::from(!healthy)));
    let checks = value["checks"].as_array().expect("a list");
    for name in ["configuration", "data directory", "listen address", "clock"] {
        assert!(checks.iter().any(|check| check["name"] == name), "{name}");
    }
    for check in checks {
        let needs_advice = check["verdict"] == "warn" || check["verdict"] == "fail";
        assert_eq!(check["advice"].is_string(), needs_advice, "{check}");
    }
}

#[test]
fn the_doctor_finds_a_taken_port_and_a_file_in_the_way() {
    let dir = tempfile::tempdir().expect("a directory");
    let in_the_way = file(dir.path(), "");
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = stranger.local_addr().expect("bound").to_string();
    let server = std::thread::spawn(move || stranger.accept().map(drop));
    let output = netkestrel(&[
        "doctor",
        "--web.listen-address",
        &address,
        "--data-dir",
        &in_the_way,
    ]);
    server.join().expect("no panic").expect("asked");
    assert_eq!(code(&output), Some(1));
    let text = stdout(&output);
    assert!(
        text.contains("is not a directory") && text.contains("ss -ltnp"),
        "{text}"
    );
}

#[test]
fn the_doctor_looks_at_the_rest_when_the_configuration_is_wrong() {
    let dir = tempfile::tempdir().expect("a directory");
    let bad = file(dir.path(), "lgo: {}\nwbe: {}\n");
    let output = netkestrel(&["doctor", "--config.file", &bad]);
    assert_eq!(code(&output), Some(64));
    let text = stdout(&output);
    assert_eq!(
        text.lines().filter(|line| line.contains(&bad)).count(),
        2,
        "{text}"
    );
    assert!(text.contains("check-config") && text.contains("clock"), "{text}");
}

#[test]
fn alerts_of_an_instance_that_does_not_run_are_not_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().display().to_string();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    drop(listener);
    let run = |arguments: &[&str]| {
        let place = ["--web.listen-address", &address, "--data-dir", &data];
        let output = netkestrel(&[arguments, &place[..]].concat());
        assert_eq!(code(&output), Some(1), "{arguments:?}");
        stderr(&output)
    };
    let complaint = run(&["alerts", "list"]);
    let begin = format!("netkestrel: failed to ask the instance at http://{address}: Connection refused");
    assert!(
        complaint.starts_with(&begin) && complaint.ends_with("; is it running?\n"),
        "{complaint}"
    );
    let complaint = run(&["alerts", "ack", "cpu-1"]);
    assert!(
        complaint.starts_with(&format!(
            "netkestrel: failed to read the local token {data}/token: "
        )) && complaint.ends_with("; `--data-dir` names the data directory of the running instance\n"),
        "{complaint}"
    );
}

#[test]
fn nobody_at_the_address_is_unhealthy() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    for arguments in [
        vec![
            "healthcheck".to_owned(),
            format!("--url=http://{address}/-/healthy"),
        ],
        vec![
            "healthcheck".to_owned(),
            format!("--web.listen-address={address}"),
        ],
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = netkestrel(&arguments);
        assert_eq!(code(&output), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains(&address.to_string()));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_running_instance_is_well_and_holds_at_most_one_capability() {
    use std::io::{BufRead, BufReader};

    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    let mut running = Command::new(env!("CARGO_BIN_EXE_netkestrel"))
        .args(["run", "--web.listen-address=127.0.0.1:0", "--data-dir", &data])
        .env_clear()
        // No packet of a test leaves this machine.
        .env("NETKESTREL_COLLECTORS__DEVICES__DEFAULT_GATEWAY", "false")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    let log = BufReader::new(running.stderr.take().expect("piped"));
    let mut lines = log.lines().map(|line| line.expect("text"));
    let listening = lines
        .find(|line| line.contains("msg=listening"))
        .expect("it listens");
    let address = listening.split("address=").nth(1).expect("an address");

    let healthy = netkestrel(&["healthcheck", &format!("--url=http://{address}/-/healthy")]);
    let held = capabilities_of(running.id());
    let pid = rustix::process::Pid::from_child(&running);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("still running");
    // Read to its end, so that the program is never held up by a full pipe.
    assert!(lines.any(|line| line.contains("msg=stopped")));
    assert_eq!(running.wait().expect("it ends").code(), Some(0));

    assert_eq!(
        (code(&healthy), stdout(&healthy).as_str()),
        (Some(0), "healthy\n")
    );
    assert!(held.len() > 1, "a line for each thread and set");
    for (thread, bits) in held {
        // CAP_NET_RAW is number 13.
        assert_eq!(bits & !(1 << 13), 0, "{thread} holds {bits:x}");
    }
}

/// Every capability set of every thread but the bounding set, which limits and does not give.
#[cfg(target_os = "linux")]
fn capabilities_of(process: u32) -> Vec<(String, u64)> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("running");
    let mut sets = Vec::new();
    for thread in threads {
        // A thread may end while we look.
        let Ok(status) = fs::read_to_string(thread.expect("running").path().join("status")) else {
            continue;
        };
        for line in status
            .lines()
            .filter(|line| line.starts_with("Cap") && !line.starts_with("CapBnd"))
        {
            let (set, bits) = line.split_once(":\t").expect("a name and a value");
            sets.push((
                set.to_owned(),
                u64::from_str_radix(bits, 16).expect("hexadecimal"),
            ));
        }
    }
    sets
}

#[test]
fn a_history_that_is_not_there_is_not_an_empty_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let nowhere = dir.path().join("typo").display().to_string();
    for command in [
        &["history", "stats"][..],
        &["history", "export", "--stream", "system"],
        &["analyze"],
        &["report"],
    ] {
        let output = netkestrel(&[command, &["--data-dir", &nowhere]].concat());
        assert_eq!(
            (code(&output), stdout(&output).as_str()),
            (Some(1), ""),
            "{command:?}"
        );
        let complaint = stderr(&output);
        let begin = format!("netkestrel: there is no history to read: {nowhere}/history: No such file");
        assert!(complaint.starts_with(&begin), "{complaint}");
    }
}

#[test]
fn a_stream_of_a_newer_version_leaves_the_others_readable() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().display().to_string();
    let history = dir.path().join("history");
    fs::create_dir(&history).expect("made");
    let newer = "{\"netkestrel\":\"history/alerts\",\"version\":99}\n";
    fs::write(history.join("alerts.jsonl"), newer).expect("written");
    let system = "{\"netkestrel\":\"history/system\",\"version\":1}\n\
                  {\"t\":\"2026-11-03T13:00:00Z\",\"r\":{\"cpu_usage_ratio\":{\"\":0.5}}}\n";
    fs::write(history.join("system.jsonl"), system).expect("written");

    let output = netkestrel(&["history", "stats", "--data-dir", &data, "--format", "json"]);
    assert_eq!(code(&output), Some(1));
    let value: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(value["streams"].as_array().map(Vec::len), Some(3), "{value:#}");
    assert_eq!(value["streams"][1]["records"], 1);
    let complaint = stderr(&output);
    assert!(
        complaint.contains("alerts.jsonl") && complaint.contains("version 99"),
        "{complaint}"
    );

    let export = |stream| netkestrel(&["history", "export", "--data-dir", &data, "--stream", stream]);
    assert_eq!(code(&export("system")), Some(0));
    assert_eq!(code(&export("alerts")), Some(1));
}

#[test]
fn times_may_be_given_as_clocks_show_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = file(dir.path(), "timezone: Europe/Berlin\n");
    let history = dir.path().join("history");
    fs::create_dir(&history).expect("made");
    let header = "{\"netkestrel\":\"history/system\",\"version\":1}\n".to_owned();
    let record =
        |time| format!("{{\"t\":\"2026-11-03T{time}:00Z\",\"r\":{{\"cpu_usage_ratio\":{{\"\":0.5}}}}}}\n");
    let records = ["12:59", "13:00", "13:30", "23:00"].map(record).concat();
    fs::write(history.join("system.jsonl"), header + &records).expect("written");
    let data = dir.path().display().to_string();
    let common = ["--config.file", &config, "--data-dir", &data];
    let run = |arguments: &[&str]| netkestrel(&[arguments, &common[..]].concat());
    let export = |from, to| {
        run(&[
            "history", "export", "--stream", "system", "--format", "json", "--from", from, "--to", to,
        ])
    };

    for (from, to, expected) in [
        ("2026-11-03", "2026-11-04", 4),
        ("2026-11-03T14:00", "2026-11-03 14:30", 2),
        ("2026-11-03 14:00", "2026-11-03T13:29:59Z", 1),
    ] {
        let output = export(from, to);
        assert_eq!(code(&output), Some(0), "{from} {to}: {}", stderr(&output));
        assert_eq!(stdout(&output).lines().count(), expected, "{from} {to}");
    }
    for (from, to, expected) in [
        (
            "2026-11-04",
            "2026-11-03",
            "netkestrel: --from: given 2026-11-04 00:00:00, which is later than --to, 2026-11-03 00:00:00; accepted: \
             an earlier time\n",
        ),
        (
            "2026-03-29T02:30",
            "now",
            "netkestrel: --from: given `2026-03-29T02:30`, which no clock showed in Europe/Berlin: clocks went \
             forward then; accepted: a time before or after\n",
        ),
    ] {
        let output = export(from, to);
        assert_eq!((code(&output), stderr(&output).as_str()), (Some(64), expected));
        assert_eq!(stdout(&output), "");
    }

    let analysis = run(&[
        "analyze",
        "--from",
        "2026-11-03 14:00",
        "--to",
        "2026-11-03 15:00",
        "--format",
        "json",
    ]);
    let value: serde_json::Value = serde_json::from_str(&stdout(&analysis)).expect("JSON");
    assert_eq!(value["window"]["from"], "2026-11-03T13:00:00Z", "{value:#}");
}

/// October, in which `router` was down for a quarter of an hour and our own program for a day, and what was measured.
fn october(dir: &Path) -> (String, String) {
    let history = dir.join("history");
    fs::create_dir(&history).expect("made");
    let transitions = [
        r#"{"netkestrel":"history/transitions","version":1}"#,
        r#"{"t":"2025-09-30T10:00:00Z","changes":[{"device":"router","is":"up"},{"device":"<b>nas</b>","is":"up"}]}"#,
        r#"{"t":"2025-10-03T05:00:10Z","changes":[{"device":"router","is":"down","since":"2025-10-03T05:00:00Z","why":"no <answer>"}]}"#,
        r#"{"t":"2025-10-03T05:15:00Z","changes":[{"device":"router","is":"up"}]}"#,
        r#"{"t":"2025-10-11T00:00:00Z","gap":{"from":"2025-10-10T00:00:00Z","to":"2025-10-11T00:00:00Z"}}"#,
        "{torn",
        r#"{"t":"2025-11-05T00:00:00Z","gap":{"from":"2025-11-05T00:00:00Z"}}"#,
    ];
    fs::write(history.join("transitions.jsonl"), transitions.join("\n") + "\n").expect("written");
    let header = "{\"netkestrel\":\"history/rollup/1h\",\"version\":1}\n".to_owned();
    let row = |hour: u8, rtt: &str| {
        let (loss, time) = ("[0.0,0.01,1.0,30,0]", format!("2025-10-03T{hour:02}"));
        format!(
            "{{\"t\":\"{time}:00:00Z\",\"to\":\"{time}:58:00.000Z\",\"r\":{{\"ping_loss_ratio\":{{\"router\":{loss}}},\
             \"ping_rtt_seconds\":{{\"router\":{rtt}}}}}}}\n"
        )
    };
    let rows = row(5, "[0.01,0.02,1.5,30,0]") + &row(6, "[0.01,0.03,0.5,30,0]");
    fs::write(history.join("devices.1h.jsonl"), header + &rows).expect("written");
    let config = file(
        dir,
        "timezone: Europe/Berlin\n\
         collectors: {devices: {targets: [{name: router, address: 192.0.2.1, slo: 0.9999}, {name: <b>nas</b>, address: 192.0.2.2}]}}\n",
    );
    (config, dir.display().to_string())
}

#[test]
fn a_month_is_reported_for_programs() {
    let dir = tempfile::tempdir().expect("a directory");
    let (config, data) = october(dir.path());
    let run = |arguments: &[&str]| {
        netkestrel(
            &[
                &["report", "--config.file", &config, "--data-dir", &data],
                arguments,
            ]
            .concat(),
        )
    };
    let output = run(&["--month", "2025-10", "--format", "json"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (Some(0), ""));
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    // October in Berlin, which has an hour more than its days tell.
    assert_eq!(
        (&report["from"], &report["to"]),
        (&"2025-09-30T22:00:00Z".into(), &"2025-10-31T23:00:00Z".into())
    );
    let router = &report["devices"][0];
    let month = 31.0 * 86_400.0 + 3_600.0;
    let known = month - 86_400.0;
    let close = |value: &serde_json::Value, expected: f64| {
        let value = value.as_f64().unwrap_or(f64::NAN);
        assert!((value - expected).abs() < 1e-9, "{value} for {expected}");
    };
    close(&router["uptime_ratio"], (known - 900.0) / known);
    close(&router["coverage_ratio"], known / month);
    close(&router["budget_seconds"], known * 0.0001 - 900.0);
    close(&router["round_trip"]["mean"], 0.025);
    close(&router["round_trip"]["p95"], 0.03);
    close(&router["round_trip"]["max"], 1.5);
    close(&router["mttr_seconds"], 900.0);
    assert_eq!(router["days"].as_array().map(Vec::len), Some(31));
    assert_eq!(router["list"][0]["start"], "2025-10-03T05:00:00Z");
    assert_eq!(report["devices"][1]["outages"], 0);

    let table = stdout(&run(&["--month", "2025-10", "--format", "csv"]));
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(
        lines[1].starts_with("router,,192.0.2.1,2025-09-30T22:00:00Z,2025-10-31T23:00:00Z,0.99965"),
        "{table}"
    );
}

#[test]
fn a_report_for_people_is_one_page_that_needs_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let (config, data) = october(dir.path());
    let path = dir.path().join("october.html");
    let output = netkestrel(&[
        "report",
        "--config.file",
        &config,
        "--data-dir",
        &data,
        "--month",
        "2025-10",
        "--output",
        &path.display().to_string(),
    ]);
    assert_eq!(
        (code(&output), stdout(&output).as_str(), stderr(&output).as_str()),
        (Some(0), "", "")
    );
    let page = fs::read_to_string(path).expect("written");
    for expected in [
        "2025-10-01 00:00:00 to 2025-11-01 00:00:00",
        "Europe&#x2f;Berlin, UTC+02:00 at the beginning and UTC+01:00 at the end",
        "&lt;b&gt;nas&lt;&#x2f;b&gt;",
        "no &lt;answer&gt;",
        // Cut off, not rounded, and in local time.
        "99.965 %",
        "2025-10-03 07:15:00",
        "15 min 0 s",
        "2025-10-03: down for 15 min 0 s",
    ] {
        assert!(page.contains(expected), "{expected} is missing in {page}");
    }
    for unwanted in ["<b>", "<script", "src=", "href=", "url(", "http"] {
        // The policy is given in the page itself.
        let found = page.replace("http-equiv", "").contains(unwanted);
        assert!(!found, "{unwanted}");
    }
}

#[test]
fn what_cannot_be_reported_is_refused_with_what_can() {
    let dir = tempfile::tempdir().expect("a directory");
    let (config, data) = october(dir.path());
    let common = ["report", "--config.file", &config, "--data-dir", &data];
    for (arguments, exit, expected) in [
        (
            &["--month", "2025-13"][..],
            64,
            "accepted: a year and a month, such as `2026-10`",
        ),
        (
            &["--month", "october"],
            64,
            "accepted: a year and a month, such as `2026-10`",
        ),
        (
            &["--month", "9000-01"],
            64,
            "there is nothing to report yet: it would begin at 9000-01-01 00:00:00",
        ),
        (
            &["--month", "2025-10", "--from", "-24h"],
            64,
            "cannot be used with",
        ),
        (
            &["--output", "/nonexistent/report.html"],
            1,
            "failed to write /nonexistent/report.html: ",
        ),
    ] {
        let output = netkestrel(&[&common[..], arguments].concat());
        assert_eq!(
            (code(&output), stdout(&output).as_str()),
            (Some(exit), ""),
            "{arguments:?}"
        );
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

/// `cargo run` hands the variables of the build script to the program, which refuses names of its own that mean no key.
#[test]
fn the_build_script_sets_no_variable_that_looks_like_configuration() {
    let script = include_str!("../build.rs");
    assert!(script.contains("cargo::rustc-env=BUILD_"), "{script}");
    assert!(!script.contains("cargo::rustc-env=NETKESTREL_"), "{script}");
}
