//! Pushing and asking against a small HTTP server that does as it is told.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::Duration,
};

use serde_json::Value;

use super::{super::fixture::notice, *};
use crate::{alerts::News, clock::Now, notifiers::Limits, rules::Severity};

/// What the server does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Play {
    /// Takes alerts; suppresses `cpu`.
    Suppresses,
    /// Takes alerts; suppresses nothing.
    Calm,
    /// Takes alerts and answers questions with a page.
    Strange,
    /// Takes alerts and never answers questions.
    Slow,
    /// Fails at everything.
    Broken,
    /// Takes no alert, for good.
    Refuses,
}

/// A call the server got: its first line and its body.
type Call = (String, String);

struct Server {
    url: String,
    play: Arc<Mutex<Play>>,
    calls: mpsc::Receiver<Call>,
}

impl Server {
    fn start(play: Play) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (sender, calls) = mpsc::channel();
        let play = Arc::new(Mutex::new(play));
        let played = Arc::clone(&play);
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.expect("a call");
                let call = read(&stream);
                let is_question = call.0.starts_with("GET");
                let play = *played.lock().expect("no panic");
                if sender.send(call).is_err() {
                    return;
                }
                let (status, body) = match (play, is_question) {
                    (Play::Broken, _) => ("500 Internal Server Error", ""),
                    (Play::Refuses, false) => ("400 Bad Request", "bad labels"),
                    (Play::Slow, true) => {
                        held.push(stream);
                        continue;
                    }
                    (Play::Strange, true) => ("200 OK", "<html>hello</html>"),
                    (Play::Suppresses, true) => ("200 OK", SUPPRESSED),
                    (_, true) => ("200 OK", "[]"),
                    (_, false) => ("200 OK", ""),
                };
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
            }
        });
        Self { url, play, calls }
    }

    fn plays(&self, play: Play) {
        *self.play.lock().expect("no panic") = play;
    }

    /// Severities and ends of the next push.
    fn pushed(&self) -> Vec<(String, String)> {
        let call = self.calls.recv_timeout(Duration::from_secs(20)).expect("a push");
        assert!(call.0.starts_with("POST /api/v2/alerts "), "{}", call.0);
        let body: Value = serde_json::from_str(&call.1).expect("JSON");
        let alerts = body.as_array().expect("a list");
        let text = |alert: &Value, path| {
            alert
                .pointer(path)
                .and_then(Value::as_str)
                .expect(path)
                .to_owned()
        };
        let pair = |alert| (text(alert, "/labels/severity"), text(alert, "/endsAt"));
        alerts.iter().map(pair).collect()
    }
}

const SUPPRESSED: &str = r#"[{"labels":{"alertname":"cpu","severity":"high","instance":"web1","origin":"netkestrel"},
    "status":{"state":"suppressed","silencedBy":["x"],"inhibitedBy":[]},"annotations":{},"fingerprint":"1"}]"#;

fn read(stream: &TcpStream) -> Call {
    let mut reader = BufReader::new(stream);
    let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut first).expect("a line");
    while reader.read_line(&mut line).expect("a header") > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    (first, String::from_utf8(body).expect("text"))
}

/// Alerts that a test sets.
#[derive(Default)]
struct Set(Mutex<Vec<Alert>>);

impl Standing for Set {
    fn firing(&self) -> Vec<Alert> {
        self.0.lock().expect("no panic").clone()
    }
}

struct Site {
    set: Arc<Set>,
    changes: watch::Sender<u64>,
    managers: Alertmanagers,
}

impl Site {
    fn new(urls: &[&str], resend: u64) -> Self {
        let (set, changes) = (Arc::<Set>::default(), watch::Sender::new(0));
        let outbox = Outbox::in_memory(Limits::default());
        let standing: Arc<dyn Standing> = Arc::clone(&set) as _;
        let managers = Alertmanagers::new(standing, changes.subscribe(), &outbox, Clock::System);
        let config = Config {
            urls: urls.iter().map(|&url| url.to_owned()).collect(),
            resend_interval: crate::units::HumanDuration::secs(resend),
            ..Config::default()
        };
        let identity = Identity {
            instance: "web1".to_owned(),
            ..Identity::default()
        };
        managers.apply(&config, identity);
        Self {
            set,
            changes,
            managers,
        }
    }

    /// From now on these fire.
    fn fires(&self, alerts: &[Alert]) {
        *self.set.0.lock().expect("no panic") = alerts.to_vec();
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// How many of these alerts are suppressed.
    async fn asks(&self, alerts: &[Alert]) -> usize {
        self.managers.suppressed(alerts.to_vec()).await.len()
    }

    /// Questions that were not answered.
    fn failures(&self) -> f64 {
        self.sum("netkestrel_alertmanager_query_failures_total")
    }

    fn sum(&self, metric: &str) -> f64 {
        let families = self.managers.metrics.families();
        let family = families.iter().find(|family| family.desc.name == metric);
        let points = &family.expect("a family of this name").points;
        let numbers = points.iter().map(|point| match &point.value {
            crate::sample::Value::Number(number) => *number,
            crate::sample::Value::Histogram(_) => panic!("{metric} is a histogram"),
        });
        numbers.sum()
    }
}

fn alert() -> Alert {
    notice("a", 1, News::Fired).alert
}

fn now() -> Now {
    Clock::System.now()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_are_pushed_at_once_again_at_intervals_and_ended() {
    let server = Server::start(Play::Calm);
    let site = Site::new(&[&server.url], 1);
    let mut alert = alert();
    site.fires(std::slice::from_ref(&alert));
    for _ in 0..2 {
        let pushed = server.pushed();
        assert_eq!(pushed.len(), 1);
        let end: jiff::Timestamp = pushed[0].1.parse().expect("a time");
        assert!(end > now().wall, "{pushed:?}");
    }
    alert.severity = Severity::Critical;
    site.fires(std::slice::from_ref(&alert));
    // A push at the interval may come before.
    let severities = loop {
        let pushed = server.pushed();
        if pushed.len() == 2 {
            break pushed;
        }
    };
    let end = |place: usize| severities[place].1.parse::<jiff::Timestamp>().expect("a time");
    assert_eq!(
        (severities[0].0.as_str(), severities[1].0.as_str()),
        ("critical", "high")
    );
    assert!(end(0) > now().wall && end(1) <= now().wall, "{severities:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_living_peer_that_suppresses_is_enough() {
    let (calm, suppresses) = (Server::start(Play::Calm), Server::start(Play::Suppresses));
    let site = Site::new(&["http://127.0.0.1:1", &calm.url, &suppresses.url], 60);
    site.fires(&[alert()]);
    assert_eq!(site.asks(&[alert()]).await, 1);
    assert!((site.failures() - 1.0).abs() < 0.1, "the dead one");
    let mut other = alert();
    (other.id, other.rule) = ("b".into(), "memory".into());
    assert_eq!(site.asks(&[other]).await, 0);
    // The severity before, for a peer whose clock is behind.
    let mut risen = alert();
    risen.severity = Severity::Critical;
    site.fires(&[risen]);
    assert_eq!(site.asks(&[alert()]).await, 0, "as it stands now");
    site.fires(&[alert()]);
    assert_eq!(site.asks(&[alert()]).await, 1);
    suppresses.plays(Play::Calm);
    assert_eq!(site.asks(&[alert()]).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_question_comes_after_the_push() {
    let server = Server::start(Play::Suppresses);
    let site = Site::new(&[&server.url], 60);
    site.fires(&[alert()]);
    assert_eq!(site.asks(&[alert()]).await, 1);
    server.pushed();
    let (question, _) = server.calls.recv().expect("a question");
    assert!(
        question.starts_with("GET /api/v2/alerts?active=false&")
            && question.contains("alertname%3D%22cpu%22"),
        "{question}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_answer_nothing_is_suppressed() {
    for play in [Play::Strange, Play::Slow, Play::Broken] {
        let server = Server::start(play);
        let site = Site::new(&[&server.url], 60);
        site.fires(&[alert()]);
        let begun = now().instant;
        assert_eq!(site.asks(&[alert()]).await, 0, "{play:?}");
        let took = now().instant - begun;
        assert!(took < PATIENCE * 2, "{play:?} took {took:?}");
        assert!((site.failures() - 1.0).abs() < 0.1, "{play:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_refused_for_good_has_failed() {
    for (play, refused) in [(Play::Broken, false), (Play::Refuses, true)] {
        let server = Server::start(play);
        let site = Site::new(&[&server.url], 60);
        site.fires(&[alert()]);
        // Asked after the push.
        site.asks(&[alert()]).await;
        let failed = site.sum("netkestrel_notifications_failed_total");
        assert_eq!(failed > 0.0, refused, "{play:?}: {failed}");
    }
}

#[tokio::test]
async fn without_peers_nobody_is_asked() {
    let site = Site::new(&[], 60);
    assert_eq!(site.asks(&[alert()]).await, 0);
    assert!(site.failures().abs() < 0.1);
}
