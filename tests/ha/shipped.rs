//! The shipped files, copied for the test, and what is replaced in them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// How many times faster than shipped the servers ask and judge.
pub(crate) const FASTER: u64 = 3;
/// Interval of scrapes and rules, in milliseconds.
pub(crate) const INTERVAL: i64 = 5000;

/// File, what stands there, and what takes its place: everything is three times faster.
const REPLACED: &[[&str; 3]] = &[
    [
        "prometheus/prometheus-ha.yml",
        "scrape_interval: 15s",
        "scrape_interval: 5s",
    ],
    [
        "prometheus/prometheus-ha.yml",
        "scrape_timeout: 10s",
        "scrape_timeout: 4s",
    ],
    [
        "prometheus/prometheus-ha.yml",
        "evaluation_interval: 15s",
        "evaluation_interval: 5s",
    ],
    ["prometheus/rules/netkestrel.yml", "for: 2m", "for: 40s"],
    ["prometheus/rules/recording.yml", "interval: 1m", "interval: 20s"],
    [
        "docker-compose.ha.yml",
        "-dedup.minScrapeInterval=15s",
        "-dedup.minScrapeInterval=5s",
    ],
];
/// The one key that servers before 3.8 do not know, and what they have in its place.
const KEY: &str = "    scrape_native_histograms: true\n";
const FLAG: &str = "--enable-feature=native-histograms";

/// The copy.
pub(crate) struct Shipped {
    pub(crate) folder: PathBuf,
    /// What was replaced, in words.
    pub(crate) replaced: String,
    pub(crate) flag_of_prometheus: Option<&'static str>,
}

impl Shipped {
    /// Copies what the compose files name to a folder in `folder`.
    pub(crate) fn copy_to(folder: &Path) -> Self {
        let copy = folder.join("shipped");
        fs::create_dir_all(&copy).expect("our own folder");
        let status = Command::new("cp")
            .args([
                "-r",
                "docker-compose.yml",
                "docker-compose.ha.yml",
                "prometheus",
                "alertmanager",
                "grafana",
            ])
            .arg(&copy)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(status.is_ok_and(|status| status.success()), "cannot copy");
        let mut words = vec!["the mail catcher by aiosmtpd, Grafana left out".to_owned()];
        for [file, from, to] in REPLACED {
            replace(&copy.join(file), from, to);
            words.push(format!("{from} of {file} by {to}"));
        }
        let hosts = "- targets: [\"127.0.0.1:10981\", \"127.0.0.1:10982\"]\n";
        fs::write(copy.join("prometheus/targets/hosts.yml"), hosts).expect("our own folder");
        words.push("targets/hosts.yml by two more hosts".to_owned());
        let mut flag_of_prometheus = None;
        if !knows_the_key(&copy) {
            replace(&copy.join("prometheus/prometheus-ha.yml"), KEY, "");
            words.push(format!("{} by {FLAG}", KEY.trim()));
            flag_of_prometheus = Some(FLAG);
        }
        Self {
            folder: copy,
            replaced: words.join("; "),
            flag_of_prometheus,
        }
    }
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("readable");
    let count = text.matches(from).count();
    assert_eq!(count, 1, "{from} stands {count} times in {}", file.display());
    fs::write(file, text.replace(from, to)).expect("our own file");
}

fn knows_the_key(copy: &Path) -> bool {
    let output = Command::new(server("current/promtool"))
        .args(["check", "config", "--syntax-only"])
        .arg(copy.join("prometheus/prometheus-ha.yml"))
        .output()
        .expect("promtool starts");
    let said = text(&[output.stdout, output.stderr].concat());
    assert!(
        output.status.success() || said.contains("scrape_native_histograms"),
        "promtool refuses more than that one key: {said}"
    );
    output.status.success()
}

/// Versions of the servers.
pub(crate) fn versions() -> String {
    let first = |program: &str| {
        let output = Command::new(server(program)).arg("--version").output();
        let output = output.expect("it starts");
        let said = text(&[output.stdout, output.stderr].concat());
        said.lines().next().unwrap_or_default().to_owned()
    };
    let store = fs::read_to_string(server("store/version")).unwrap_or_default();
    [
        first("current/prometheus"),
        first("alertmanager/prometheus-alertmanager"),
        format!("VictoriaMetrics {}", store.trim()),
    ]
    .join("; ")
}

fn server(program: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/servers")
        .join(program)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
