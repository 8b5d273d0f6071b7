//! The metric catalogue: `docs/metrics.md` is generated from the descriptions in the code, and every name obeys the
//! rules that `promtool check metrics` applies. `NETKESTREL_UPDATE=1` writes the file anew.

use std::{fmt::Write as _, fs, path::Path};

use netkestrel::{
    app,
    collectors::signals,
    exposition,
    sample::{Desc, Kind},
};

#[test]
fn docs_list_every_metric_and_signal() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let wanted = document();
    if std::env::var_os("NETKESTREL_UPDATE").is_some() {
        fs::write(&path, &wanted).expect("docs is writable");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/metrics.md is not what the code says; run NETKESTREL_UPDATE=1 cargo test --test catalogue"
    );
}

#[test]
fn names_are_unique_and_legal() {
    let complaints = exposition::complaints(&app::catalogue());
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn document() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         Generated from the descriptions in the code. Units are in the names: bytes, seconds, ratios from 0 to 1.\n\
         A series whose value is not known is absent, never 0; what the operating system does not tell is absent too.\n\n\
         | metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n",
    );
    let mut descs = app::catalogue();
    descs.sort_by_key(|desc| desc.name);
    for desc in descs {
        let labels: Vec<_> = desc.labels.iter().map(|label| format!("`{label}`")).collect();
        row(
            &mut text,
            &[
                &format!("`{}`", desc.name),
                kind(desc),
                &labels.join(" "),
                desc.help,
            ],
        );
    }
    text.push_str(
        "\n# Signals\n\n\
         Values that rules can name and that history will record, read on each collector's own interval.\n\n\
         | signal | about | meaning |\n| --- | --- | --- |\n",
    );
    let mut signals = signals();
    signals.sort_by_key(|signal| signal.name);
    for signal in signals {
        let subject = format!("{:?}", signal.subject).to_lowercase();
        row(&mut text, &[&format!("`{}`", signal.name), &subject, signal.help]);
    }
    text
}

fn row(text: &mut String, cells: &[&str]) {
    writeln!(text, "| {} |", cells.join(" | ")).expect("a String takes any text");
}

fn kind(desc: &Desc) -> &'static str {
    match desc.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Info => "info",
        Kind::Histogram(_) => "histogram",
    }
}
