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
