use std::sync::{Arc, atomic::Ordering};

use super::*;
use crate::web::{
    Config as WebConfig,
    fake::{Fake, Site},
    router,
};

/// A site that pings.
fn site() -> Site {
    let site = Site::new(Fake::default());
    site.fake.ready.store(true, Ordering::SeqCst);
    site
}

fn allow(site: &Site, change: impl FnOnce(&mut Config)) {
    let mut config = WebConfig::default();
    change(&mut config.probe);
    site.services.apply(&config);
}

fn allow_network(site: &Site, network: &str) {
    allow(site, |probe| probe.allowed_networks = vec![network.to_owned()]);
}

fn counted(site: &Site, result: &str) -> f64 {
    let families = site.services.telemetry.families();
    let family = families
        .iter()
        .find(|family| family.desc.name == "netkestrel_probe_requests_total")
        .expect("it is counted");
    let point = family
        .points
        .iter()
        .find(|point| point.labels.iter().eq([result]));
    match point.expect("every result is there").value {
        crate::sample::Value::Number(count) => count,
        crate::sample::Value::Histogram(_) => panic!("it is a counter"),
    }
}

/// Names of the samples with their labels, in order.
fn series(body: &str) -> Vec<&str> {
    let samples = body.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| Some(line.split_once(' ')?.0)).collect()
}

/// What `blackbox_exporter` 0.28 gives for its module `icmp`.
const SERIES: [&str; 9] = [
    "probe_dns_lookup_time_seconds",
    "probe_duration_seconds",
    "probe_icmp_duration_seconds{phase=\"resolve\"}",
    "probe_icmp_duration_seconds{phase=\"setup\"}",
    "probe_icmp_duration_seconds{phase=\"rtt\"}",
    "probe_icmp_reply_hop_limit",
    "probe_ip_addr_hash",
    "probe_ip_protocol",
    "probe_success",
];

#[tokio::test(start_paused = true)]
async fn a_host_that_answers_is_told_under_the_known_names() {
    let site = site();
    for target in ["router", "192.0.2.1", "nas"] {
        let answer = site.ask("GET", &format!("/probe?target={target}"), &[]).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.body);
        assert_eq!(
            answer.header("content-type"),
            "text/plain; version=0.0.4; charset=utf-8"
        );
        assert_eq!(series(&answer.body), SERIES, "{target}");
        for line in [
            "probe_success 1",
            "probe_icmp_duration_seconds{phase=\"rtt\"} 0.003",
            "probe_icmp_duration_seconds{phase=\"setup\"} 0.00005",
            "probe_icmp_reply_hop_limit 64",
            if target == "nas" {
                "probe_ip_protocol 6"
            } else {
                "probe_ip_protocol 4"
            },
        ] {
            assert!(
                answer.body.contains(&format!("\n{line}\n")),
                "{line}: {}",
                answer.body
            );
        }
    }
    assert!((counted(&site, "success") - 3.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_does_not_answer_is_a_failed_probe_after_its_time() {
    let site = site();
    allow_network(&site, "192.0.2.0/24");
    let began = tokio::time::Instant::now();
    let header = [("x-prometheus-scrape-timeout-seconds", "3")];
    let answer = site.ask("GET", "/probe?target=192.0.2.9", &header).await;
    assert_eq!(answer.status, 200);
    assert_eq!(began.elapsed().as_millis(), 2_500);
    let without_reply: Vec<_> = SERIES
        .into_iter()
        .filter(|name| !name.contains("hop_limit"))
        .collect();
    assert_eq!(series(&answer.body), without_reply);
    for line in [
        "probe_success 0",
        "probe_duration_seconds 2.5",
        "probe_icmp_duration_seconds{phase=\"rtt\"} 0",
        "probe_ip_protocol 4",
    ] {
        assert!(
            answer.body.contains(&format!("\n{line}\n")),
            "{line}: {}",
            answer.body
        );
    }
    assert!((counted(&site, "failure") - 1.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn a_name_without_address_or_answer_of_its_server_is_a_failed_probe() {
    let site = site();
    allow_network(&site, "192.0.2.0/24");
    for (target, why) in [
        (
            "nowhere.invalid",
            "the name does not resolve: Name or service not known",
        ),
        ("hangs.lan", "the name did not resolve in time"),
    ] {
        let answer = site.ask("GET", &format!("/probe?target={target}"), &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        for line in ["probe_success 0", "probe_ip_protocol 0", "probe_ip_addr_hash 0"] {
            assert!(
                answer.body.contains(&format!("\n{line}\n")),
                "{line}: {}",
                answer.body
            );
        }
        let told = site
            .ask("GET", &format!("/probe?target={target}&debug=true"), &[])
            .await;
        assert!(told.body.contains(&format!("reason=\"{why}\"")), "{}", told.body);
    }
}

#[tokio::test]
async fn the_answer_has_the_form_the_scraper_asks_for() {
    let site = site();
    let ask = async |accept| {
        let path = "/probe?target=router&module=icmp";
        site.ask("GET", path, &[("accept", accept)]).await
    };
    let openmetrics = ask("application/openmetrics-text;version=1.0.0").await;
    assert!(
        openmetrics
            .header("content-type")
            .starts_with("application/openmetrics-text; version=1.0.0")
    );
    assert!(openmetrics.body.ends_with("# EOF\n"), "{}", openmetrics.body);
    assert!(
        openmetrics.body.contains("\nprobe_success 1\n"),
        "{}",
        openmetrics.body
    );
    let protobuf =
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let answer = ask(protobuf).await;
    assert!(
        answer
            .header("content-type")
            .starts_with("application/vnd.google.protobuf"),
        "{}",
        answer.header("content-type")
    );
}

#[tokio::test]
async fn people_are_told_what_happened() {
    let answer = site().ask("GET", "/probe?target=nas&debug=true", &[]).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "text/plain; charset=utf-8")
    );
    for part in [
        "Logs for the probe:\ntime=",
        "msg=\"Resolving target address\" module=icmp target=\"nas\" name=\"nas.lan\"\n",
        "msg=\"Received echo reply\"",
        "\n\n\nMetrics that would have been returned:\n# HELP probe_dns_lookup_time_seconds ",
        "\nprobe_success 1\n",
        "\n\n\nModule configuration:\nprober: icmp\ntimeout: 5s\nicmp:\n  preferred_ip_protocol: ip6\n",
    ] {
        assert!(answer.body.contains(part), "{part}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_with_a_sentence() {
    let site = site();
    let closed = "may not be probed: it is not the";
    let rows = [
        ("192.0.2.7", 403, closed),
        ("other.lan", 403, closed),
        ("localhost", 403, closed),
        ("", 400, "`target`: is missing"),
        (
            "router&module=http_2xx",
            400,
            "`module`: given `http_2xx`; accepted: icmp",
        ),
        ("router&target=nas", 400, "given more than once"),
    ];
    for (target, status, part) in rows {
        let answer = site.ask("GET", &format!("/probe?target={target}"), &[]).await;
        assert_eq!(answer.status, status, "{target}: {}", answer.body);
        assert!(answer.body.contains(part), "{target}: {}", answer.body);
    }
    assert!((counted(&site, "forbidden") - 3.0).abs() < 1e-9);
    assert!((counted(&site, "invalid") - 3.0).abs() < 1e-9);
    let header = [("x-prometheus-scrape-timeout-seconds", "soon")];
    let junk = site.ask("GET", "/probe?target=router", &header).await;
    assert_eq!(junk.status, 400, "{}", junk.body);
    assert_eq!(site.ask("POST", "/probe?target=router", &[]).await.status, 405);
}

#[tokio::test]
async fn the_allowlist_follows_the_configuration() {
    let site = site();
    let status = async |target: &str| {
        site.ask("GET", &format!("/probe?target={target}"), &[])
            .await
            .status
    };
    assert_eq!((status("192.0.2.7").await, status("other.lan").await), (403, 403));
    allow_network(&site, "192.0.2.0/24");
    assert_eq!((status("192.0.2.7").await, status("other.lan").await), (200, 200));
    allow_network(&site, "198.51.100.0/24");
    assert_eq!((status("192.0.2.7").await, status("other.lan").await), (403, 403));
    allow(&site, |probe| probe.enabled = false);
    let off = site.ask("GET", "/probe?target=router", &[]).await;
    assert_eq!(off.status, 403);
    assert!(off.body.contains("`web.probe.enabled: true`"), "{}", off.body);
}

#[tokio::test]
async fn where_nothing_is_sent_that_is_said() {
    let site = Site::new(Fake::default());
    let answer = site.ask("GET", "/probe?target=router", &[]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    assert!(
        answer.body.contains("no pings are sent at present"),
        "{}",
        answer.body
    );
}

#[tokio::test(start_paused = true)]
async fn probes_beyond_the_bound_are_refused_and_other_requests_go_on() {
    use tower::ServiceExt;

    let site = site();
    allow_network(&site, "192.0.2.0/24");
    let app = router(Arc::clone(&site.services));
    let ask = |path: &str| {
        let request = axum::extract::Request::builder()
            .uri(path)
            .header("host", "localhost")
            .body(axum::body::Body::empty());
        app.clone().oneshot(request.expect("a request"))
    };
    let slow: Vec<_> = (0..PROBES)
        .map(|_| tokio::spawn(ask("/probe?target=192.0.2.9")))
        .collect();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let refused = ask("/probe?target=router").await.expect("never fails");
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    for path in ["/metrics", "/", "/-/healthy"] {
        assert_eq!(ask(path).await.expect("never fails").status(), 200, "{path}");
    }
    for probe in slow {
        let answer = probe.await.expect("no panic").expect("never fails");
        assert_eq!(answer.status(), 200);
    }
    let again = ask("/probe?target=router").await.expect("never fails");
    assert_eq!(again.status(), 200, "places come back");
}
