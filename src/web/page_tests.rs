use std::time::Duration;

use smol_str::SmolStr;

use super::*;
use crate::web::{LastReload, Measure};

fn status() -> Status {
    Status {
        version: "1.2.3",
        host: "box <b>".to_owned(),
        uptime: Duration::from_secs(90),
        config_origin: "/etc/netkestrel.yml".to_owned(),
        last_reload: Some(LastReload {
            at: jiff::Timestamp::UNIX_EPOCH,
            error: Some("line 3: `x` & more".to_owned()),
        }),
        collectors: vec![CollectorStatus {
            name: "system",
            enabled: true,
            success: Some(false),
            duration: Some(Duration::from_millis(2)),
            interval: Duration::from_mins(1),
            last_success: None,
        }],
    }
}

fn active() -> Active {
    Active {
        alerts: Vec::new(),
        unusual: Arc::default(),
        now: jiff::Timestamp::UNIX_EPOCH,
        zone: jiff::tz::TimeZone::UTC,
    }
}

fn overview() -> Overview {
    Overview {
        notice: None,
        tiles: vec![Tile {
            title: SmolStr::new("CPU"),
            value: Measure::Ratio(0.93),
            detail: "4 cores".to_owned(),
            health: Some(Health::Critical),
        }],
        interfaces: vec![InterfaceRow {
            name: SmolStr::new("<script>alert(1)</script>"),
            kind: SmolStr::new("physical"),
            up: Some(true),
            speed: Some(125_000_000.0),
            receive: Observed::Value(1_250_000.0),
            transmit: Observed::Missing(Missing::CounterReset),
        }],
        devices: vec![DeviceRow {
            slo: None,
            name: SmolStr::new("a\"b'c\u{202e}d\n"),
            group: SmolStr::new("core"),
            address: SmolStr::new("192.0.2.1"),
            status: DeviceStatus::Down,
            round_trip: None,
            loss: Some(1.0),
            reason: "timeout".to_owned(),
        }],
    }
}

#[test]
fn a_notice_stands_above_all_with_its_link() {
    let overview = Overview {
        notice: Some(Notice {
            text: "Nobody <reads> mails.".to_owned(),
            link: "http://localhost:8025/?\"".to_owned(),
        }),
        ..overview()
    };
    let page = render(&status(), active(), &overview, "0");
    let expected = "<p class=\"warning\">Nobody &lt;reads&gt; mails. \
        <a href=\"http://localhost:8025/?&quot;\">http://localhost:8025/?&quot;</a></p></header>";
    assert!(page.contains(expected), "{page}");
}

#[test]
fn the_page_shows_what_is_watched_in_peoples_units() {
    let page = render(&status(), active(), &overview(), "0");
    for expected in [
        "running for 1 min 30 s",
        "<div class=\"tile critical\"><h3>CPU</h3><strong>93.0 %</strong><span>4 cores</span></div>",
        "data-title=\"Receiving\">10.0 Mbps</td>",
        "data-title=\"Sending\">counter was reset</td>",
        "<td class=\"critical\" data-title=\"Status\">down</td>",
        "data-title=\"Loss\">100.0 %</td>",
        "data-title=\"Reason\">timeout</td>",
        "<td class=\"critical\" data-title=\"Last run\">failed</td>",
        "The last reload failed at 1970-01-01T00:00:00Z: the configuration was refused; the log says why.",
        "<a href=\"/metrics\">",
        "http-equiv=\"refresh\" content=\"30\"",
        "name=\"viewport\"",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
}

#[test]
fn nothing_from_outside_becomes_markup() {
    let page = render(&status(), active(), &overview(), "0");
    assert!(
        !page.contains("<script") && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "{page}"
    );
    assert!(page.contains("a&quot;b&#39;c\u{fffd}d\u{fffd}"), "{page}");
    assert!(
        page.contains("<title>NetKestrel on box &lt;b&gt;</title>"),
        "{page}"
    );
    assert!(!page.contains("line 3"), "the text may quote secrets: {page}");
    assert!(!page.contains("://"), "something from elsewhere: {page}");
}

#[test]
fn a_page_without_readings_says_so() {
    let page = render(&status(), active(), &Overview::default(), "0");
    for expected in [
        "first reading is still to come",
        "No interface has been read yet",
        "No device is configured",
        "No active alerts",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
}

#[test]
fn values_are_shown_in_the_units_people_use() {
    let rows = [
        (Measure::Ratio(0.123_4), "12.3 %"),
        (Measure::Bytes(999.0), "999 B"),
        (Measure::Bytes(16.4e9), "16.4 GB"),
        (Measure::BytesPerSecond(12_500_000.0), "100.0 Mbps"),
        (Measure::BytesPerSecond(125.0), "0.001 Mbps"),
        (Measure::BytesPerSecond(1.25e9), "10000 Mbps"),
        (Measure::Time(Duration::from_secs(90)), "1 min 30 s"),
        (Measure::Time(Duration::from_hours(50)), "2 d 2 h"),
        (Measure::Celsius(41.6), "42 °C"),
        (Measure::Number(0.5), "0.5"),
        (Measure::Number(4.0), "4"),
        (Measure::Missing(Missing::FirstReading), "needs a second reading"),
    ];
    for (measure, expected) in rows {
        assert_eq!(measured(measure), expected, "{measure:?}");
    }
}
