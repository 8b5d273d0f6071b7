use std::sync::atomic::Ordering;

use axum::{body::Body, http::HeaderValue};
use tower::ServiceExt;

use super::*;
use crate::web::{
    Config,
    fake::{Fake, Site},
};

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const PROBLEM: &str = "application/problem+json";

/// Method, path, status, content type, and a part of the body.
const ROUTES: &[(&str, &str, u16, &str, &str)] = &[
    ("GET", "/", 200, HTML, "NetKestrel"),
    ("GET", "/metrics", 200, METRICS, "test_reading_bytes_total 1\n"),
    ("GET", "/metrics?collect[]=system", 200, METRICS, "_total 2\n"),
    (
        "GET",
        "/metrics?collect%5B%5D=system&x=y",
        200,
        METRICS,
        "_total 2\n",
    ),
    (
        "GET",
        "/metrics?exclude[]=cpu",
        400,
        TEXT,
        "accept `network`, `system`\n",
    ),
    (
        "GET",
        "/metrics?collect[]=system&exclude[]=network",
        400,
        TEXT,
        "cannot be combined",
    ),
    ("GET", "/-/healthy", 200, TEXT, "Healthy\n"),
    ("GET", "/-/ready", 503, TEXT, "not ready: the first reading\n"),
    (
        "GET",
        "/api/v1/status",
        200,
        "application/json",
        "\"version\":\"1.2.3\"",
    ),
    ("HEAD", "/", 200, HTML, ""),
    ("HEAD", "/metrics", 200, METRICS, ""),
    ("HEAD", "/-/healthy", 200, TEXT, ""),
    ("POST", "/metrics", 405, TEXT, "POST is not possible here"),
    ("OPTIONS", "/metrics", 405, TEXT, "OPTIONS is not possible here"),
    ("GET", "/-/reload", 405, TEXT, "GET is not possible here"),
    ("DELETE", "/api/v1/status", 405, PROBLEM, "\"status\":405"),
    ("GET", "/nothing", 404, TEXT, "/ lists what there is"),
    ("GET", "/metrics/", 404, TEXT, "nothing at this address"),
    ("GET", "/api/v1/nothing", 404, PROBLEM, "\"title\":\"Not Found\""),
    ("POST", "/nothing", 404, TEXT, "nothing at this address"),
];

#[tokio::test]
async fn every_route_answers_its_methods_and_no_others() {
    let site = Site::new(Fake::default());
    for (method, path, status, content_type, body) in ROUTES.iter().copied() {
        let answer = site.ask(method, path, &[]).await;
        let case = format!("{method} {path}: {}", answer.body);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, content_type),
            "{case}"
        );
        assert!(answer.body.contains(body), "{case}");
        assert_eq!(answer.body.is_empty(), method == "HEAD", "{case}");
    }
    let allowed = [("POST", "/metrics", "GET,HEAD"), ("GET", "/-/reload", "POST")];
    for (method, path, allow) in allowed {
        assert_eq!(
            site.ask(method, path, &[]).await.header("allow"),
            allow,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn readiness_follows_the_first_reading() {
    let site = Site::new(Fake::default());
    assert!(
        site.ask("GET", "/api/v1/status", &[])
            .await
            .body
            .contains(r#""ready":false,"waiting_for":"the first"#)
    );
    site.fake.ready.store(true, Ordering::SeqCst);
    let answer = site.ask("GET", "/-/ready", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "Ready\n"));
}

#[tokio::test]
async fn the_status_is_told_in_base_units() {
    let body = Site::new(Fake::default())
        .ask("GET", "/api/v1/status", &[])
        .await
        .body;
    let status: serde_json::Value = serde_json::from_str(&body).expect("is JSON");
    let expected = json!({
        "version": "1.2.3",
        "host": "box",
        "uptime_seconds": 90.0,
        "config_origin": "defaults",
        "last_reload": {"at": "1970-01-01T00:00:00Z", "error": null},
        "collectors": [{
            "name": "system",
            "enabled": true,
            "success": true,
            "duration_seconds": 0.002,
            "interval_seconds": 60.0,
            "last_success": null,
        }],
        "ready": false,
        "waiting_for": "the first reading",
    });
    assert_eq!(status, expected);
}

#[tokio::test]
async fn only_allowed_hosts_are_answered() {
    let site = Site::new(Fake::default());
    let rows = [
        ("127.0.0.1:10980", 200),
        ("[::1]", 200),
        ("BOX:10980", 200),
        ("evil.example", 421),
        ("", 421),
    ];
    for (host, status) in rows {
        for path in ["/", "/metrics", "/-/healthy"] {
            assert_eq!(
                site.ask("GET", path, &[("host", host)]).await.status,
                status,
                "{host} {path}"
            );
        }
    }
    let refused = site
        .ask("GET", "/api/v1/status", &[("host", "evil.example")])
        .await;
    assert!(
        refused.body.contains("`evil.example`") && refused.body.contains("`web.allowed_hosts`"),
        "{}",
        refused.body
    );
    assert_eq!(refused.header("content-type"), "application/problem+json");
    let twice = site
        .ask("GET", "/", &[("host", "localhost"), ("host", "evil.example")])
        .await;
    assert_eq!(twice.status, 400);
    let absolute = site
        .ask("GET", "http://evil.example/metrics", &[("host", "localhost")])
        .await;
    assert_eq!(absolute.status, 421);
    let more = Config {
        allowed_hosts: vec!["evil.example".to_owned()],
        ..Config::default()
    };
    site.services.apply(&more);
    assert_eq!(
        site.ask("GET", "/", &[("host", "evil.example")]).await.status,
        200
    );
}

#[tokio::test]
async fn requests_without_a_host_are_for_old_health_checks_only() {
    let site = Site::new(Fake::default());
    for (version, status) in [
        (axum::http::Version::HTTP_10, 200),
        (axum::http::Version::HTTP_11, 400),
    ] {
        let request = Request::builder()
            .uri("/-/healthy")
            .version(version)
            .body(Body::empty())
            .expect("a request");
        assert_eq!(site.send(request).await.status, status, "{version:?}");
    }
}

#[tokio::test]
async fn reload_demands_the_token_and_our_own_origin() {
    let site = Site::new(Fake::default());
    let bearer = format!("Bearer {}", site.token);
    let wrong = format!("Bearer {}", "0".repeat(64));
    let token = ("authorization", bearer.as_str());
    let rows = [
        ("nothing", vec![], 401),
        ("a wrong token", vec![("authorization", wrong.as_str())], 401),
        ("the token", vec![token], 200),
        (
            "our own page",
            vec![
                token,
                ("origin", "http://localhost:10980"),
                ("sec-fetch-site", "same-origin"),
            ],
            200,
        ),
        (
            "another page",
            vec![token, ("origin", "http://evil.example")],
            403,
        ),
        (
            "another page, as the browser tells",
            vec![token, ("sec-fetch-site", "cross-site")],
            403,
        ),
        ("a sandboxed page", vec![token, ("origin", "null")], 403),
        (
            "another page without the token",
            vec![("origin", "http://evil.example")],
            403,
        ),
        ("a rebound name", vec![token, ("host", "evil.example")], 421),
    ];
    for (case, headers, status) in rows {
        let answer = site.ask("POST", "/-/reload", &headers).await;
        assert_eq!(answer.status, status, "{case}: {}", answer.body);
        assert!(
            !answer
                .headers
                .keys()
                .any(|name| name.as_str().starts_with("access-control")),
            "{case}"
        );
        assert!(!answer.body.contains(&site.token), "{case}");
    }
    let refused = site.ask("POST", "/-/reload", &[]).await;
    assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"netkestrel\"");
    assert!(
        refused.body.contains(&site.token_path.display().to_string()),
        "{}",
        refused.body
    );
}

#[tokio::test]
async fn reload_tells_what_it_did_or_why_not() {
    let site = Site::new(Fake::default());
    let bearer = format!("Bearer {}", site.token);
    let good = site.ask("POST", "/-/reload", &[("authorization", &bearer)]).await;
    let told = "configuration reloaded; changed: rules\nin force after a restart: web.listen_address\n";
    assert_eq!(good.body, told);
    site.fake.broken.store(true, Ordering::SeqCst);
    let bad = site.ask("POST", "/-/reload", &[("authorization", &bearer)]).await;
    let told = "the configuration in force stays: line 3: `intervall` is not a key\n";
    assert_eq!((bad.status, bad.body.as_str()), (500, told));
}

#[tokio::test]
async fn every_answer_carries_the_protecting_headers() {
    let site = Site::new(Fake::default());
    for path in ["/", "/metrics", "/api/v1/status", "/nothing"] {
        let answer = site.ask("GET", path, &[]).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(
            answer
                .header("content-security-policy")
                .starts_with("default-src 'none';"),
            "{path}"
        );
    }
    let (first, second) = (site.ask("GET", "/", &[]).await, site.ask("GET", "/", &[]).await);
    let policy = first.header("content-security-policy");
    assert!(!policy.contains("unsafe") && policy != second.header("content-security-policy"));
    let nonce = policy
        .split('\'')
        .find_map(|part| part.strip_prefix("nonce-"))
        .expect("a nonce");
    assert!(first.body.contains(&format!("<style nonce=\"{nonce}\">")));
}

#[tokio::test]
async fn a_scrape_gets_the_form_it_asks_for() {
    let site = Site::new(Fake::default());
    let accept = (
        "accept",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8,*/*;q=0.1",
    );
    let answer = site.ask("GET", "/metrics", &[accept]).await;
    assert_eq!(
        answer.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
    );
    assert_eq!(answer.header("vary"), "Accept, Accept-Encoding");
    assert!(
        answer.body.starts_with("# HELP test_reading_bytes A reading.") && answer.body.ends_with("# EOF\n")
    );
    assert!(
        answer.body.contains("\nnetkestrel_scrape_duration_seconds 0"),
        "{}",
        answer.body
    );
    let small = site.ask("GET", "/metrics", &[("accept-encoding", "gzip")]).await;
    assert_eq!(
        (small.status, small.header("content-encoding")),
        (200, ""),
        "a small page is not worth it"
    );
}

#[tokio::test(start_paused = true)]
async fn sources_that_ignore_the_deadline_cost_a_503_and_not_the_scraper() {
    let site = Site::new(Fake {
        takes: Duration::from_mins(1),
        ..Fake::default()
    });
    let began = tokio::time::Instant::now();
    let answer = site
        .ask("GET", "/metrics", &[("x-prometheus-scrape-timeout-seconds", "5")])
        .await;
    assert_eq!(
        (answer.status, began.elapsed()),
        (503, Duration::from_secs(5)),
        "{}",
        answer.body
    );
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_limit_are_turned_away_but_health_checks_are_not() {
    let site = Site::new(Fake {
        takes: Duration::from_secs(2),
        ..Fake::default()
    });
    let router = router(Arc::clone(&site.services));
    let ask = |path: &str| {
        let request = Request::builder()
            .uri(path)
            .header("host", "localhost")
            .body(Body::empty());
        router.clone().oneshot(request.expect("a request"))
    };
    let scrapes: Vec<_> = (0..REQUESTS).map(|_| tokio::spawn(ask("/metrics"))).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let turned_away = ask("/metrics").await.expect("never fails");
    assert_eq!(turned_away.status(), 503);
    assert_eq!(
        turned_away
            .headers()
            .get("retry-after")
            .map(HeaderValue::as_bytes),
        Some(&b"1"[..])
    );
    assert_eq!(ask("/-/healthy").await.expect("never fails").status(), 200);
    for scrape in scrapes {
        assert_eq!(
            scrape.await.expect("no panic").expect("never fails").status(),
            200
        );
    }
    assert_eq!(ask("/metrics").await.expect("never fails").status(), 200);
}

#[tokio::test]
async fn a_panic_costs_one_answer() {
    let site = Site::new(Fake::default());
    site.fake.broken.store(true, Ordering::SeqCst);
    let answer = site.ask("GET", "/", &[]).await;
    assert_eq!(
        (answer.status, answer.header("x-content-type-options")),
        (500, "nosniff")
    );
    assert_eq!(site.ask("GET", "/metrics", &[]).await.status, 200);
}

#[tokio::test]
async fn a_body_too_large_is_refused() {
    let site = Site::new(Fake::default());
    let request = Request::builder()
        .method("POST")
        .uri("/-/reload")
        .header("host", "localhost")
        .header("authorization", format!("Bearer {}", site.token))
        .header("content-length", (BODY_BYTES + 1).to_string());
    let answer = site
        .send(
            request
                .body(Body::from(vec![b'x'; BODY_BYTES + 1]))
                .expect("a request"),
        )
        .await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn requests_are_counted_by_route_and_code() {
    let site = Site::new(Fake::default());
    for path in ["/metrics", "/metrics", "/a", "/b"] {
        site.ask("GET", path, &[]).await;
    }
    site.ask("GET", "/metrics", &[("host", "evil.example")]).await;
    let families = site.services.telemetry.families();
    let requests = families.first().expect("requests");
    let count = |handler: &str, code: &str| {
        let point = requests
            .points
            .iter()
            .find(|p| p.labels.iter().map(smol_str::SmolStr::as_str).eq([handler, code]));
        point.map(|point| format!("{:?}", point.value))
    };
    assert_eq!(count("/metrics", "200").as_deref(), Some("Number(2.0)"));
    assert_eq!(count("/metrics", "421").as_deref(), Some("Number(1.0)"));
    assert_eq!(count("other", "404").as_deref(), Some("Number(2.0)"));
    assert_eq!(count("/", "200").as_deref(), Some("Number(0.0)"));
}
