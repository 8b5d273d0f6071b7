//! Requests of all kinds to the running program: which part of the page they get, or which error.

use super::support::netkestrel::{Place, Setup};

/// Method, path, status.
const ANSWERS: &[(&str, &str, u16)] = &[
    ("GET", "/", 200),
    ("HEAD", "/metrics", 200),
    ("GET", "/-/healthy", 200),
    ("GET", "/-/ready", 200),
    ("GET", "/nope", 404),
    ("GET", "/metrics/", 404),
    ("POST", "/metrics", 405),
    ("DELETE", "/", 405),
    ("GET", "/-/reload", 405),
];

#[test]
fn every_request_has_its_status() {
    let netkestrel = Setup::new(Place::Here, "").start();
    for (method, path, status) in ANSWERS {
        let answer = netkestrel.client.request(method, path, &[]).unwrap();
        assert_eq!(
            answer.status,
            *status,
            "{method} {path}: {}",
            String::from_utf8_lossy(&answer.body)
        );
    }
}

#[test]
fn a_foreign_host_name_is_refused() {
    let netkestrel = Setup::new(Place::Here, "").start();
    let mut connection = netkestrel.client.connect().unwrap();
    std::io::Write::write_all(
        &mut connection,
        b"GET /metrics HTTP/1.0\r\nHost: evil.example\r\n\r\n",
    )
    .unwrap();
    let mut answer = Vec::new();
    std::io::Read::read_to_end(&mut connection, &mut answer).unwrap();
    let answer = super::support::http::parse(&answer).unwrap();
    assert!((400..500).contains(&answer.status), "{answer:?}");
}

#[test]
fn reloading_over_http_needs_the_token() {
    let netkestrel = Setup::new(Place::Here, "").start();
    let answer = netkestrel
        .client
        .request("POST", "/-/reload", &[("Content-Length", "0")])
        .unwrap();
    assert!([401, 403].contains(&answer.status), "{answer:?}");
}

#[test]
fn reloading_over_http_with_the_token_applies_the_file() {
    let setup = Setup::new(Place::Here, "");
    let netkestrel = setup.start();
    let token = std::fs::read_to_string(setup.data_dir().join("token")).unwrap();
    let reload = |token: &str| {
        let authorization = format!("Bearer {token}");
        let headers = [("Content-Length", "0"), ("Authorization", &authorization)];
        netkestrel.client.request("POST", "/-/reload", &headers).unwrap()
    };
    setup.configure("collectors: {system: {enabled: false}}\n");
    let refused = reload(&"0".repeat(64));
    assert!([401, 403].contains(&refused.status), "{refused:?}");
    assert!(netkestrel.page().has("netkestrel_memory_size_bytes"));

    let answer = reload(token.trim());
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(!netkestrel.page().has("netkestrel_memory_size_bytes"));

    setup.configure("surprise: 1\n");
    let answer = reload(token.trim());
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert!(answer.text().contains("surprise"), "{}", answer.text());
}

#[cfg(unix)]
#[test]
fn the_token_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let setup = Setup::new(Place::Here, "");
    let _netkestrel = setup.start();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(setup.data_dir()), 0o700);
    assert_eq!(mode(setup.data_dir().join("token")), 0o600);
}

#[test]
fn collectors_can_be_chosen() {
    let netkestrel = Setup::new(Place::Here, "").start();
    let rows = [
        ("collect[]=network", true, false),
        ("collect%5B%5D=system", false, true),
        ("collect[]=network&collect[]=system", true, true),
        ("exclude[]=network", false, true),
        ("exclude[]=system&exclude[]=devices", true, false),
    ];
    for (query, network, system) in rows {
        let answer = netkestrel.client.get(&format!("/metrics?{query}"));
        assert_eq!(answer.status, 200, "{query}");
        let has = |name| answer.text().contains(name);
        assert_eq!(
            has("\nnetkestrel_network_receive_bytes_total{"),
            network,
            "{query}"
        );
        assert_eq!(has("\nnetkestrel_memory_size_bytes "), system, "{query}");
    }
}

#[test]
fn an_impossible_choice_of_collectors_is_a_bad_request() {
    let netkestrel = Setup::new(Place::Here, "").start();
    for query in [
        "collect[]=nothing",
        "exclude[]=nothing",
        "collect[]=network&exclude[]=system",
    ] {
        let answer = netkestrel.client.get(&format!("/metrics?{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
}

/// A rule that fires at the first reading.
const ALWAYS: &str = "
timezone: UTC
collectors: {system: {interval: 1s}}
rules: [{name: memory_always, signal: memory_usage_ratio, levels: {critical: 0.0001}}]
";

#[test]
fn commands_and_the_page_tell_of_alerts_and_who_cares() {
    let setup = Setup::new(Place::Here, ALWAYS);
    let mut netkestrel = setup.start();
    netkestrel.wait_for("an alert that fires", |page| {
        let state = page.value("netkestrel_alert_state", "rule=\"memory_always\"");
        (state == Some(2.0)).then_some(())
    });
    let address = format!("--web.listen-address={}", netkestrel.client.address());
    let run = |arguments: &[&str]| {
        let output = setup
            .command(&[arguments, &[&address]].concat())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(output.stderr));
        (text(output.stdout), text(output.stderr))
    };

    let (listed, _) = run(&["alerts", "list", "--rule", "memory_always"]);
    let row: Vec<&str> = listed.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[1..4], ["critical", "firing", "memory_always"], "{listed}");
    assert!(!listed.contains('Z'), "times are local and short: {listed}");

    run(&["alerts", "ack", row[0], "--by", "kim", "--note", "on <it>"]);
    let (listed, _) = run(&["alerts", "list", "--rule", "memory_always"]);
    assert!(
        listed.contains("acknowledged") && listed.contains("kim: on <it>"),
        "{listed}"
    );
    let page = netkestrel.client.get("/");
    let row_begins = format!("<tr id=\"{}\"><td class=\"critical\"", row[0]);
    assert!(page.text().contains(&row_begins), "{}", page.text());
    assert!(
        page.text().contains("acknowledged by kim: on &lt;it&gt;"),
        "{}",
        page.text()
    );

    let (made, hint) = run(&["alerts", "silence", "--rule", "memory_alway", "--for", "1h"]);
    assert!(made.contains(": silenced until "), "{made}");
    assert!(
        hint.starts_with(
            "note: it matches no alert at present\nnote: no rule matches `memory_alway`; nearest: `memory_always`, "
        ),
        "{hint}"
    );
    let (_, hint) = run(&["alerts", "silence", "--rule", "memory_*"]);
    assert_eq!(hint, "");
    let (silences, _) = run(&["alerts", "silences"]);
    assert!(silences.contains("rule memory_alway "), "{silences}");
}

#[test]
fn an_include_that_matches_no_interface_is_warned_of() {
    let setup = Setup::new(Place::Here, "collectors: {network: {include: [lo, nosuch0]}}\n");
    let mut netkestrel = setup.start();
    netkestrel.process.wait_for("a warning", |log| {
        log.iter()
            .find(|line| line.contains("no interface matches") && line.contains("entry=nosuch0"))
            .map(drop)
    });
}

#[test]
fn a_parameter_that_makes_no_sense_is_named_with_what_is_possible() {
    let netkestrel = Setup::new(Place::Here, "").start();
    for (address, words) in [
        (
            "/api/v1/alerts?foo=1",
            "`foo`: not a parameter here; accepted: state",
        ),
        (
            "/api/v1/history/system?max_points=abc",
            "`max_points`: given `abc`; accepted: a whole number",
        ),
        (
            "/api/v1/history/system?step=x",
            "`step`: given `x`; accepted: a span",
        ),
        (
            "/api/v1/history/system?from=soon",
            "`from`: given `soon`; accepted: RFC 3339",
        ),
    ] {
        let answer = netkestrel.client.get(address);
        assert_eq!(answer.status, 400, "{address}");
        assert!(answer.text().contains(words), "{address}: {}", answer.text());
    }
}
