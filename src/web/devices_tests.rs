use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::super::{
    DeviceRow, DeviceStatus,
    fake::{Answer, Fake, Site},
};
use crate::{
    clock::{Clock, Now},
    durable::Os,
    history::{Config, Store, uptime::Hold},
    sample::{Batch, Change, Observed, Reading, Scope, Signal, SubjectKind},
};
const UP: Signal = Signal {
    name: "device_up",
    title: "reachability",
    subject: SubjectKind::Device,
    help: "For tests.",
};

/// A router that was up for an hour and has been down for half a minute, as of now.
fn remembered(folder: &std::path::Path) -> Store {
    let store = Store::open(Arc::new(Os), folder, &Config::default());
    let present = Clock::System.now();
    let hold = Hold {
        interval: Duration::from_hours(1),
        timeout: Duration::from_secs(5),
    };
    let ago = |seconds: u64| Now {
        instant: present
            .instant
            .checked_sub(Duration::from_secs(seconds))
            .unwrap_or_else(Instant::now),
        wall: present.wall - Duration::from_secs(seconds),
    };
    store.follow_devices(hold, ago(3630));
    for (at, up, why) in [(ago(3630), 1.0, ""), (ago(20), 0.0, "no answer")] {
        let lasting = Duration::from_secs(if up > 0.0 { 0 } else { 10 });
        store
            .observe(&Batch {
                collector: "devices",
                scope: Scope::Whole,
                at,
                elapsed: None,
                readings: vec![Reading {
                    signal: &UP,
                    subject: "router".into(),
                    observed: Observed::Value(up),
                }],
                changes: vec![Change {
                    subject: "router".into(),
                    lasting,
                    why: why.into(),
                }],
                health: Vec::new(),
            })
            .expect("written");
    }
    store
}

fn site(folder: &std::path::Path) -> Site {
    let devices = vec![DeviceRow {
        name: "router".into(),
        group: "core".into(),
        address: "192.0.2.1".into(),
        status: DeviceStatus::Down,
        round_trip: None,
        loss: Some(1.0),
        reason: "no answer".to_owned(),
        slo: Some(0.9),
    }];
    let fake = Fake {
        devices,
        ..Fake::default()
    };
    Site::remembering(fake, Some(remembered(folder).reader()))
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).expect("JSON")
}

#[tokio::test]
async fn devices_are_told_with_their_uptime() {
    let folder = tempfile::tempdir().expect("a folder");
    let answer = site(folder.path()).ask("GET", "/api/v1/devices", &[]).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json")
    );
    let router = &json(&answer)["devices"][0];
    assert_eq!(
        (&router["name"], &router["status"]),
        (&"router".into(), &"down".into())
    );
    assert_eq!(
        (&router["slo_ratio"], &router["loss_ratio"]),
        (&0.9.into(), &1.0.into())
    );
    let day = &router["uptime"]["24h"];
    assert_eq!(day["seconds"]["up"], 3600.0, "{day}");
    let (ratio, coverage) = (day["uptime_ratio"].as_f64(), day["coverage_ratio"].as_f64());
    assert!(ratio.is_some_and(|ratio| ratio > 0.98 && ratio < 1.0), "{day}");
    assert!(
        coverage.is_some_and(|coverage| coverage > 0.041 && coverage < 0.05),
        "{day}"
    );
    assert_eq!(router["uptime"].as_object().map(serde_json::Map::len), Some(5));
}

#[tokio::test]
async fn outages_are_listed_with_what_they_were_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path());
    let told = json(
        &site
            .ask("GET", "/api/v1/devices/router/outages?from=-24h", &[])
            .await,
    );
    assert_eq!(
        (&told["device"], &told["outages"]),
        (&"router".into(), &1.into()),
        "{told}"
    );
    assert_eq!(
        (&told["list"][0]["cause"], &told["list"][0]["end"]),
        (&"no answer".into(), &Value::Null)
    );
    assert!(
        told["budget_seconds"].as_f64().is_some_and(|left| left > 300.0),
        "{told}"
    );
    let before = json(
        &site
            .ask("GET", "/api/v1/devices/router/outages?from=-50m&to=-40m", &[])
            .await,
    );
    assert_eq!(
        (&before["uptime_ratio"], &before["list"]),
        (&1.0.into(), &Value::Array(Vec::new())),
        "{before}"
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path());
    for (path, status, expected) in [
        (
            "/api/v1/devices/printer/outages",
            404,
            "there is no device of this name",
        ),
        (
            "/api/v1/devices/router/outages?from=yesterday",
            400,
            "`from`: given `yesterday`",
        ),
        (
            "/api/v1/devices/router/outages?form=-1h",
            400,
            "did you mean `from`?",
        ),
        (
            "/api/v1/devices/router/outages?from=now&to=-1h",
            400,
            "which is later than `to`",
        ),
    ] {
        let answer = site.ask("GET", path, &[]).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, "application/problem+json"),
            "{path}"
        );
        assert!(answer.body.contains(expected), "{}", answer.body);
    }
    let without = Site::new(Fake::default());
    assert_eq!(
        without.ask("GET", "/api/v1/devices/x/outages", &[]).await.status,
        503
    );
    assert_eq!(
        without.ask("GET", "/api/v1/devices", &[]).await.body,
        "{\"devices\":[]}\n"
    );
}
