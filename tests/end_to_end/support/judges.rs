//! Outside judges of a metrics page: promtool and the OpenMetrics parser of the official Python client.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use super::requirement::{python, servers};

/// Reads OpenMetrics from standard input and prints the name of every family.
const PARSE: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.buffer.read().decode('utf-8')))
print('\\n'.join(family.name for family in families))
";

/// What the promtool of every server has to say about the page in text 0.0.4; empty when it has no complaint.
pub(crate) fn promtool_complaints(page: &[u8]) -> String {
    let judge = |promtool| complaints(Command::new(promtool).args(["check", "metrics"]), page);
    servers()
        .iter()
        .map(|server| judge(server.join("promtool")))
        .collect()
}

/// Names of the families of an OpenMetrics page.
///
/// # Panics
/// When the parser refuses the page.
pub(crate) fn openmetrics_families(page: &[u8]) -> Vec<String> {
    let (fine, output) = run(
        Command::new(python().expect("asked for before")).args(["-c", PARSE]),
        page,
    );
    assert!(fine, "the OpenMetrics parser refuses the page: {output}");
    output.lines().map(str::to_owned).collect()
}

fn complaints(command: &mut Command, input: &[u8]) -> String {
    match run(command, input) {
        (true, output) if output.is_empty() => String::new(),
        (_, output) => format!("{command:?}: {output}\n"),
    }
}

/// Runs it with `input` and returns whether it succeeded, and both of its outputs.
fn run(command: &mut Command, input: &[u8]) -> (bool, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    // From another thread: the judge may write before it has read all.
    let writer = std::thread::spawn(move || pipe.write_all(&input));
    let output = child.wait_with_output().unwrap();
    // A judge that gave up early has closed its input; its own words tell more.
    let _ = writer.join().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).trim().to_owned(),
    )
}
