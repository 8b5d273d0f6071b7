use jiff::ToSpan;

use super::*;
use crate::web::fake::{Fake, Site};

fn alert(id: &str, rule: &str, subject: &str, minutes: i64) -> Alert {
    let since = Timestamp::UNIX_EPOCH + minutes.minutes();
    let alert = json!({
        "id": id, "rule": rule, "subject": subject, "kind": "host", "signal": "cpu_usage_ratio",
        "title": "CPU usage", "severity": "high", "worst": "high", "state": "firing", "since": since,
        "fired_at": since, "resolved_at": null, "ending": null, "value": 0.95, "threshold": 0.9, "when": "above",
        "peak": {"value": 0.95, "at": since}, "explanation": "CPU usage is 95 %", "unknown": null,
        "acknowledgement": null,
    });
    serde_json::from_value(alert).expect("an alert")
}

fn three() -> Site {
    let over = Alert {
        state: alerts::State::Resolved,
        resolved_at: Some(Timestamp::UNIX_EPOCH + 5.minutes()),
        ..alert("device_down-1", "device_down", "nas", 2)
    };
    Site::new(Fake {
        alerts: vec![
            alert("cpu-1", "cpu", "", 1),
            over,
            alert("disk-1", "disk", "/data", 3),
        ],
        ..Fake::default()
    })
}

async fn found(site: &Site, query: &str) -> Vec<String> {
    let answer = site.ask("GET", &format!("/api/v1/alerts?{query}"), &[]).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    let document: Value = serde_json::from_str(&answer.body).expect("JSON");
    let alerts = document["alerts"].as_array().expect("a list");
    alerts
        .iter()
        .map(|alert| alert["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn alerts_are_found_by_every_key_the_newest_first() {
    let site = three();
    for (query, expected) in [
        ("", &["disk-1", "device_down-1", "cpu-1"][..]),
        ("state=firing", &["disk-1", "cpu-1"]),
        ("state=firing,resolved&rule=device_down", &["device_down-1"]),
        ("severity=low", &[]),
        ("subject=/data", &["disk-1"]),
        ("q=NAS", &["device_down-1"]),
        ("from=360", &["disk-1", "cpu-1"]),
        ("to=70", &["cpu-1"]),
        ("limit=1&cursor=disk-1", &["device_down-1"]),
    ] {
        assert_eq!(found(&site, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_sentence() {
    let site = three();
    for (query, detail) in [
        (
            "colour=1",
            "`colour`: not a parameter here; accepted: state, severity, rule, subject, q, from, to, limit, cursor",
        ),
        (
            "state=fireing",
            "`state`: given `fireing`; accepted: pending, firing, acknowledged, silenced, resolved; did you mean `firing`?",
        ),
        (
            "severity=urgent",
            "`severity`: given `urgent`; accepted: low, medium, high, critical",
        ),
        (
            "limit=all",
            "`limit`: given `all`; accepted: a whole number from 1 to 1000",
        ),
        (
            "from=2026-11-25&to=2026-11-24",
            "`from`: given 2026-11-25T00:00:00Z, which is later than `to`, 2026-11-24T00:00:00Z; accepted: an earlier time",
        ),
        (
            "cursor=none",
            "`cursor`: leads to no alert of this selection; begin without one",
        ),
    ] {
        let answer = site.ask("GET", &format!("/api/v1/alerts?{query}"), &[]).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{query}"
        );
        let problem: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(problem["detail"], detail, "{query}");
    }
}

#[tokio::test]
async fn only_who_shows_the_token_changes_an_alert() {
    let site = three();
    let path = "/api/v1/alerts/cpu-1/ack";
    assert_eq!(site.ask("POST", path, &[]).await.status, 401);
    let bearer = format!("Bearer {}", site.token);
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(site.ask("POST", path, &headers).await.status, 200);
    assert_eq!(
        site.ask("POST", "/api/v1/alerts/none/ack", &headers).await.status,
        404
    );
    assert_eq!(
        site.ask("DELETE", "/api/v1/silences/none", &headers).await.status,
        404
    );
}

#[tokio::test]
async fn what_an_alert_tells_of_can_be_called_normal() {
    let site = three();
    for (body, normal) in [("", false), ("{\"by\": \"kim\", \"normal\": true}", true)] {
        let request = axum::extract::Request::builder()
            .method("POST")
            .uri("/api/v1/alerts/cpu-1/ack")
            .header("host", "localhost:10980")
            .header("authorization", format!("Bearer {}", site.token))
            .body(body.to_owned().into());
        let answer = site.send(request.expect("a request")).await;
        let done: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(done["normal"], normal, "{body}");
    }
}

#[tokio::test]
async fn what_was_unusual_is_listed_in_words() {
    let unusual = crate::web::Unusual {
        at: Timestamp::UNIX_EPOCH,
        signal: "network_receive_bytes_per_second".into(),
        title: "download".into(),
        subject: "eth0".into(),
        score: 0.75,
        value: 5e6,
        usual: 1e6,
        explanation: "download 40.0 Mbps, 5.0× the usual of late (8.000)".to_owned(),
        lasts: true,
        told: false,
    };
    let site = Site::new(Fake {
        unusual: vec![unusual],
        ..Fake::default()
    });
    let answer = site.ask("GET", "/api/v1/anomalies", &[]).await;
    let document: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(
        document,
        json!({"anomalies": [{
            "at": "1970-01-01T00:00:00Z", "signal": "network_receive_bytes_per_second", "title": "download",
            "subject": "eth0", "score": 0.75, "value": 5e6, "usual": 1e6,
            "explanation": "download 40.0 Mbps, 5.0× the usual of late (8.000)", "lasts": true, "told": false,
        }]})
    );
}
