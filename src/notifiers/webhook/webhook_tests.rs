use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::mpsc,
    thread::JoinHandle,
};

use jiff::tz::TimeZone;
use serde_json::Value;

use super::{
    super::{Story, fixture::*},
    *,
};
use crate::{alerts::News, rules::Severity, sample::SubjectKind};

fn sender() -> Sender {
    Sender {
        host: "web1".to_owned(),
        external_url: "https://kestrel.example.org".to_owned(),
        timezone: TimeZone::UTC,
    }
}

fn message(url: &str, story: Story) -> Message {
    Message {
        recipient: url.to_owned(),
        story,
        key: "a.1".into(),
    }
}

fn one(url: &str) -> Message {
    message(url, Story::One(vec![notice("a", 1, News::Fired)]))
}

/// A server that gives these answers, one per connection, and passes on the bodies it got.
fn serve(answers: &'static [&'static str]) -> (String, mpsc::Receiver<String>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!(
        "http://{}/hook?token=hunter2",
        listener.local_addr().expect("bound")
    );
    let (bodies, received) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("a call");
            let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).expect("a header") > 2 {
                let (name, value) = line.split_once(':').unwrap_or_default();
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().expect("a number");
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            bodies
                .send(String::from_utf8(body).expect("text"))
                .expect("someone listens");
            let head = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).expect("answered");
        }
    });
    (url, received, thread)
}

#[tokio::test]
async fn an_alert_arrives_as_json_with_a_text_for_slack() {
    let (url, bodies, _server) = serve(&["204 No Content"]);
    let hook = Webhook::new(&url, sender());
    assert_eq!(hook.send(&[one(&url)]).await, [Ok(())]);
    let body: Value = serde_json::from_str(&bodies.recv().expect("a body")).expect("JSON");
    assert_eq!(body["version"], 1);
    assert_eq!(body["key"], "a.1");
    assert_eq!(body["kind"], "alert");
    assert_eq!(
        body["text"],
        "[HIGH] CPU usage 93.0 % on web1: CPU usage is 93.0 %, above 90 % for 10 min"
    );
    assert_eq!(body["notices"][0]["event"], "fired");
    assert_eq!(body["notices"][0]["since"], "2026-03-01T14:00:00Z");
}

#[tokio::test]
async fn answers_mean_what_they_say_and_the_address_stays_secret() {
    for (answer, is_transient, reason) in [
        ("429 Too Many Requests", true, Reason::RateLimited),
        ("503 Service Unavailable", true, Reason::Rejected),
        ("408 Request Timeout", true, Reason::Rejected),
        ("404 Not Found", false, Reason::Rejected),
        (
            "302 Found\r\nLocation: http://127.0.0.1:1/",
            false,
            Reason::Rejected,
        ),
    ] {
        let (url, _bodies, _server) = serve(Box::leak(Box::new([answer])));
        let results = Webhook::new(&url, sender()).send(&[one(&url)]).await;
        let Err(failure) = &results[0] else {
            panic!("{answer} is no success")
        };
        let (found, transient) = match failure {
            Failure::Transient { reason, .. } => (*reason, true),
            Failure::Permanent { reason, .. } => (*reason, false),
        };
        assert_eq!((found, transient), (reason, is_transient), "{answer}");
        let text = failure.to_string();
        assert!(text.contains("127.0.0.1") && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_gets_it() {
    let (url, bodies, server) = serve(&["429 Too Many Requests\r\nRetry-After: 60"]);
    let hook = Webhook::new(&url, sender());
    for _ in 0..2 {
        let results = hook.send(&[one(&url), one(&url)]).await;
        let limited = |result: &Result<(), Failure>| {
            matches!(
                result,
                Err(Failure::Transient {
                    reason: Reason::RateLimited,
                    ..
                })
            )
        };
        assert!(results.len() == 2 && results.iter().all(limited), "{results:?}");
    }
    server.join().expect("no panic");
    assert_eq!(bodies.iter().count(), 1, "called once");
}

#[test]
fn a_server_that_is_away_or_silent_fails_for_now() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hunter2", listener.local_addr().expect("bound"));
    let post = Post::new(&url, Duration::from_millis(100));
    let reason = |post: &Post| match post.send(b"{}").expect_err("fails").failure {
        Failure::Transient { reason, detail } => {
            assert!(!detail.contains("hunter2"), "{detail}");
            reason
        }
        failure @ Failure::Permanent { .. } => panic!("{failure}"),
    };
    assert_eq!(reason(&post), Reason::Timeout);
    drop(listener);
    assert_eq!(reason(&post), Reason::Connect);
}

#[test]
fn every_story_is_one_line_that_mentions_nobody() {
    let text = |story: Story| {
        let body: Value =
            serde_json::from_slice(&body::render(&message("u", story), &sender())).expect("JSON");
        body["text"].as_str().expect("text").to_owned()
    };
    let late = vec![notice("a", 1, News::Fired), notice("a", 2, News::Resolved)];
    assert_eq!(
        text(Story::One(late)),
        "[RESOLVED] CPU usage was at 97.0 % 14:00-14:07 on web1"
    );
    let mut down = notice("a", 1, News::Raised { from: Severity::Low });
    down.alert.subject = "nas".into();
    down.alert.kind = SubjectKind::Device;
    down.alert.signal = "device_up".into();
    down.alert.value = 0.0;
    let mut root = down.clone();
    root.alert.behind = 30;
    assert_eq!(
        text(Story::One(vec![down])),
        "[HIGH] nas is down, seen from web1, was low: CPU usage is 93.0 %, above 90 % for 10 min"
    );
    assert_eq!(
        text(Story::Digest(vec![root])),
        "[DIGEST] 1 alerts on web1 (1 high): nas is down; 30 devices behind it"
    );
    let mut hostile = notice("a", 1, News::Fired);
    hostile.alert.subject = "<!channel>\n& co".into();
    let shown = text(Story::One(vec![hostile]));
    assert!(
        shown.starts_with("[HIGH] CPU usage of &lt;!channel&gt; &amp; co 93.0 % on web1: "),
        "{shown}"
    );
    let mut storm: Vec<_> = (0..11)
        .map(|n| notice(&format!("a{n}"), 1, News::Fired))
        .collect();
    storm.push(notice("b", 2, News::Resolved));
    let shown = text(Story::Digest(storm));
    assert!(
        shown.starts_with("[DIGEST] 12 alerts on web1 (11 high, 1 resolved): CPU usage 93.0 %, "),
        "{shown}"
    );
    assert!(shown.ends_with(", and 7 more"), "{shown}");
}

#[test]
fn each_address_is_a_notifier_of_its_own_and_none_is_called_twice() {
    let config = Config {
        urls: ["http://a/", "http://b/", "http://a/"]
            .map(str::to_owned)
            .to_vec(),
    };
    let recipients = config
        .notifiers(&sender())
        .iter()
        .flat_map(|notifier| notifier.recipients(&notice("a", 1, News::Fired)))
        .collect::<Vec<_>>();
    assert_eq!(recipients, ["http://a/", "http://b/"]);
}
