//! `replay` as a user meets it: what it writes, what it says about rows it cannot read, and how well it finds what
//! people marked in recorded series.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use requirement::{show, skip};

mod requirement;

/// Runs `replay` with nothing of ours in its environment.
fn replay(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_netkestrel"))
        .arg("replay")
        .args(arguments)
        .env_clear()
        .env("HOME", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn file(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, content).expect("written");
    path.display().to_string()
}

/// Twelve days of a value that moves by day and jumps once, a row every five minutes from a Wednesday on.
fn series() -> String {
    let mut rows = "timestamp,value\n".to_owned();
    for number in 0..12 * 288_i32 {
        let hour = f64::from(number % 288) / 12.0;
        let wave = (hour / 24.0 * std::f64::consts::TAU).sin();
        let jitter = f64::from(number * 7919 % 101) / 101.0;
        let value = if number == 3000 {
            40.0
        } else {
            10.0 + 3.0 * wave + jitter
        };
        let at = 1_795_564_800 + i64::from(number) * 300;
        writeln!(rows, "{at},{value}").expect("text");
    }
    rows
}

#[test]
fn every_row_gets_a_score_and_with_output_the_anomalies_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = file(folder.path(), "in.csv", &series());
    let output = folder.path().join("out.csv").display().to_string();
    let to_file = replay(&[&input, "--output", &output, "--timezone", "UTC"]);
    assert!(to_file.status.success(), "{}", text(&to_file.stderr));
    let told = text(&to_file.stdout);
    let (head, list) = told.split_once('\n').expect("lines");
    assert!(head.starts_with("3456 rows judged into "), "{head}");
    assert!(list.contains("1796464800  0.9"), "{list}");
    assert!(
        list.contains("value 40, 3.") && list.contains("highest in 10 days"),
        "{list}"
    );

    let to_stdout = replay(&[&input, "--timezone", "UTC"]);
    let written = fs::read_to_string(&output).expect("written");
    assert_eq!(text(&to_stdout.stdout), written);
    assert_eq!(written.lines().count(), 3457);
    assert!(
        written.starts_with("timestamp,value,anomaly_score\n1795564800,10,0\n"),
        "{written:.80}"
    );
}

#[test]
fn a_truncated_file_gives_the_same_scores() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = series();
    let half: Vec<&str> = whole.lines().take(3100).collect();
    let scores = |name, content: &str| text(&replay(&[&file(folder.path(), name, content)]).stdout);
    let (whole, half) = (scores("whole.csv", &whole), scores("half.csv", &half.join("\n")));
    assert_eq!(half.lines().count(), 3100);
    assert!(whole.starts_with(&half));
}

#[test]
fn rows_that_cannot_be_read_are_named_and_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = file(
        folder.path(),
        "in.csv",
        "host,Value,timestamp\na,1,2026-11-25 14:00:00\na,x,2026-11-25 14:05:00\na,2,noon\na\na,,2026-11-25T14:10:00Z\n",
    );
    let output = replay(&[&input]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stdout),
        "timestamp,value,anomaly_score\n2026-11-25 14:00:00,1,0\n2026-11-25T14:10:00Z,,0\n"
    );
    let complaint = text(&output.stderr);
    let lines: Vec<&str> = complaint.lines().collect();
    assert_eq!(
        lines[0],
        format!("netkestrel: 3 rows of {input} could not be read and left out")
    );
    assert_eq!(lines[1], "line 3: `x` is no number");
    assert!(lines[2].starts_with("line 4: `noon` is no time; accepted: 2026-11-25 14:00:00"));
    assert_eq!(lines[3], "line 5: the row has no column `timestamp`");
}

#[test]
fn what_cannot_be_read_at_all_is_said_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = file(folder.path(), "in.csv", "time,load\n1,2\n");
    let missing = folder.path().join("none.csv").display().to_string();
    for (path, expected) in [
        (
            &input,
            format!(
                "netkestrel: failed to read {input}: line 1 has no column `timestamp`; found: time, load\n"
            ),
        ),
        (
            &missing,
            format!("netkestrel: failed to read {missing}: No such file or directory (os error 2)\n"),
        ),
    ] {
        let output = replay(&[path]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(&output.stderr), expected);
        assert!(output.stdout.is_empty());
    }
}

/// The marked series of the Numenta Anomaly Benchmark and their scorer, which are not part of this project.
fn benchmark() -> Option<PathBuf> {
    let named = std::env::var_os("NETKESTREL_TEST_ANOMALIES").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/anomaly");
    let folder = named.unwrap_or_else(beside);
    folder.join("data").is_dir().then_some(folder)
}

/// Each category of the benchmark is a folder of series.
fn judge_all(data: &Path, results: &Path) {
    for category in fs::read_dir(data).expect("readable").flatten() {
        let into = results.join(category.file_name());
        fs::create_dir(&into).expect("made");
        for series in fs::read_dir(category.path()).expect("readable").flatten() {
            let output = into.join(series.file_name()).display().to_string();
            let input = series.path().display().to_string();
            let output = replay(&[&input, "--output", &output]);
            assert!(output.status.success(), "{input}: {}", text(&output.stderr));
        }
    }
}

#[test]
fn it_finds_what_people_marked_in_recorded_series() {
    const TEST: &str = "it_finds_what_people_marked_in_recorded_series";
    let Some(folder) = benchmark() else {
        show("REDUCED", TEST, "the marked series are not beside the project");
        return;
    };
    let results = tempfile::tempdir().expect("a folder");
    judge_all(&folder.join("data"), results.path());
    let scorer = Command::new("python3")
        .arg(folder.join("nab_score.py"))
        .arg("--data")
        .arg(folder.join("data"))
        .arg("--labels")
        .arg(folder.join("windows.json"))
        .arg("--results")
        .arg(results.path())
        .args(["--threshold", "0.5", "--json"])
        .output();
    let Ok(scorer) = scorer else {
        skip(TEST, "needs python3");
        return;
    };
    assert!(scorer.status.success(), "{}", text(&scorer.stderr));
    let profiles: serde_json::Value = serde_json::from_slice(&scorer.stdout).expect("JSON");
    for (profile, least) in [("standard", 73.0), ("reward_low_FP_rate", 69.0)] {
        let score = profiles[profile]["score"].as_f64().expect("a number");
        assert!(score >= least, "{profile}: {score:.2} of at least {least}");
    }
}
