//! Mail as servers see it: a real one in each of its modes, and made-up ones that misbehave.

#[cfg(unix)]
#[path = "mail/exim.rs"]
mod exim;
mod requirement;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use netkestrel::{
    alerts::{Alert, Audience, News, Notice, Peak, State},
    clock::Clock,
    notifiers::{
        Context, Failure, Message, Notifier as _, Point, Reason, Sender, Story, Surroundings,
        email::{Config, Email, Limits, Recipient, Tls},
    },
    rules::{Direction, Severity},
    sample::SubjectKind,
    units::Secret,
};

fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv/bin/python")
}

/// `tests/data/mail/server.py`, still without its arguments; `None`, said by name, where it cannot run.
fn server_program(test: &str) -> Option<Command> {
    let ready = Command::new(python())
        .args(["-c", "import aiosmtpd, cryptography"])
        .stderr(Stdio::null())
        .status();
    if !ready.is_ok_and(|status| status.success()) {
        requirement::skip(test, "needs Python with aiosmtpd in target/test-venv");
        return None;
    }
    let mut program = Command::new(python());
    program.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mail/server.py"));
    Some(program)
}

/// What Python's own mail parser makes of a mail: kinds of its parts, Content-IDs, text and HTML.
fn parsed(file: &Path) -> serde_json::Value {
    let program = "
import email, email.policy, json, sys
m = email.message_from_file(open(sys.argv[1]), policy=email.policy.default)
print(json.dumps({
    'headers': {k: str(v) for k, v in m.items()},
    'kinds': [p.get_content_type() for p in m.walk()],
    'ids': [p['content-id'] for p in m.walk() if p['content-id']],
    'text': m.get_body(('plain',)).get_content(),
    'html': m.get_body(('html',)).get_content(),
    'defects': [str(d) for p in m.walk() for d in p.defects],
}))";
    let output = Command::new(python())
        .args(["-c", program])
        .arg(file)
        .output()
        .expect("Python");
    serde_json::from_slice(&output.stdout).expect("a parsed mail")
}

/// aiosmtpd in its own process; ends with this value.
struct Server {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Server {
    /// `None`, said by name, where the Python environment is missing.
    fn start(test: &str, mode: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut process = server_program(test)?
            .arg(mode)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("a port");
        let port = line.trim().parse().expect("a port");
        Some(Self {
            process,
            folder,
            port,
        })
    }

    fn config(&self, tls: Tls) -> Config {
        Config {
            ca_file: self.folder.path().join("ca.pem").display().to_string(),
            ..config(self.port, tls)
        }
    }

    fn mails(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.folder.path()).expect("readable");
        let mut mails: Vec<_> = files.map(|entry| entry.expect("readable").path()).collect();
        mails.retain(|path| path.extension().is_some_and(|end| end == "eml"));
        mails.sort();
        mails
    }

    /// The `number`th mail, from one on.
    fn mail(&self, number: usize) -> String {
        fs::read_to_string(&self.mails()[number - 1]).expect("a mail")
    }

    fn parsed(&self, number: usize) -> serde_json::Value {
        parsed(&self.mails()[number - 1])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn config(port: u16, tls: Tls) -> Config {
    Config {
        server: "127.0.0.1".to_owned(),
        port,
        tls: Some(tls),
        from: "netkestrel@example.org".to_owned(),
        recipients: vec![Recipient {
            address: "ops@example.org".to_owned(),
            min_severity: Severity::High,
        }],
        ..Config::default()
    }
}

fn with_login(config: Config, password: &str) -> Config {
    Config {
        user: "me".to_owned(),
        password: Secret::new(password),
        ..config
    }
}

struct Around;

impl Surroundings for Around {
    fn of(&self, alert: &Alert) -> Context {
        let point = |minute: i64| Point {
            at: alert.since + jiff::SignedDuration::from_mins(minute - 60),
            min: 0.3,
            mean: 0.4,
            max: 0.5,
        };
        Context {
            facts: vec![("Owner <b>".to_owned(), "\"><script>alert(1)</script>".to_owned())],
            advice: "Look at `top`.".to_owned(),
            levels: vec![(Severity::High, 0.9)],
            course: (0..60).map(point).collect(),
        }
    }
}

fn email(config: &Config) -> Email {
    let sender = Sender {
        host: "web1".to_owned(),
        external_url: "https://monitor.example.org/".to_owned(),
        timezone: TimeZone::get("Europe/Berlin").expect("a zone"),
    };
    Email::new(config, sender, Arc::new(Around), Clock::following(noon())).expect("fine settings")
}

fn noon() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().expect("a time")
}

fn alert(subject: &str) -> Alert {
    Alert {
        id: "disk-5f3a91c07d24".into(),
        rule: "disk".into(),
        subject: subject.into(),
        kind: SubjectKind::Mount,
        signal: "filesystem_usage_ratio".into(),
        title: "Disk usage".into(),
        severity: Severity::High,
        worst: Severity::High,
        state: State::Firing,
        since: noon() - jiff::SignedDuration::from_mins(5),
        fired_at: Some(noon()),
        resolved_at: None,
        ending: None,
        value: 0.971,
        threshold: 0.95,
        when: Direction::Above,
        peak: Peak {
            value: 0.971,
            at: noon(),
        },
        behind: 0,
        explanation: "Disk usage is 97.1 %, above 95 % for 1 min".to_owned(),
        unknown: None,
        acknowledgement: None,
    }
}

fn notice(alert: Alert, news: News) -> Notice {
    let id = format!("{}.1", alert.id).into();
    Notice {
        id,
        news,
        at: noon(),
        quiet_until: None,
        audience: Audience::Everyone,
        alert,
    }
}

fn message(to: &str, key: &str) -> Message {
    Message {
        recipient: to.to_owned(),
        story: Story::One(vec![notice(alert("/data"), News::Fired)]),
        key: key.into(),
    }
}

async fn send_one(config: &Config) -> Result<(), Failure> {
    email(config)
        .send(&[message("ops@example.org", "k.1")])
        .await
        .remove(0)
}

fn reason(failure: &Failure) -> Reason {
    match failure {
        Failure::Transient { reason, .. } | Failure::Permanent { reason, .. } => *reason,
    }
}

#[tokio::test]
async fn a_mail_has_all_parts_and_headers() {
    let Some(server) = Server::start("a_mail_has_all_parts_and_headers", "plain") else {
        return;
    };
    let config = server.config(Tls::None);
    let twice = [
        message("ops@example.org", "disk-5f3a.1"),
        message("ops@example.org", "disk-5f3a.1"),
    ];
    assert_eq!(email(&config).send(&twice).await, [Ok(()), Ok(())]);
    let (first, second) = (server.parsed(1), server.parsed(2));
    let header = |name: &str| first["headers"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(header("Subject"), "[HIGH] Disk usage of /data 97.1 % on web1");
    assert_eq!(
        header("Message-ID"),
        second["headers"]["Message-ID"].as_str().expect("an id")
    );
    assert!(
        header("Message-ID").starts_with("<disk-5f3a.1."),
        "{}",
        header("Message-ID")
    );
    assert!(
        header("References").starts_with("<thread.disk-5f3a91c07d24."),
        "{}",
        header("References")
    );
    assert_eq!(
        (header("List-Id"), header("Auto-Submitted")),
        ("<alerts.web1>".into(), "auto-generated".into())
    );
    let kinds = [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ];
    assert_eq!(first["kinds"], serde_json::json!(kinds));
    assert_eq!(
        (&first["ids"], &first["defects"]),
        (&serde_json::json!(["<chart>"]), &serde_json::json!([]))
    );
    let (text, html) = (
        first["text"].as_str().expect("text"),
        first["html"].as_str().expect("HTML"),
    );
    assert!(html.contains("cid:chart") && !html.contains("<script>"), "{html}");
    for part in [text, html] {
        assert!(
            part.contains("Wed 25 Nov 2026 12:55:00 CET") && part.contains("above 95.0 %"),
            "{part}"
        );
    }
    assert!(text.lines().all(|line| line.chars().count() <= 76), "{text}");
}

#[tokio::test]
async fn names_from_outside_inject_nothing() {
    let Some(server) = Server::start("names_from_outside_inject_nothing", "plain") else {
        return;
    };
    let hostile = [
        "\"><script>alert(1)</script>".to_owned(),
        "x\r\nBcc: all@example.org\r\n\r\n<h1>".to_owned(),
        "\u{202e}gpj.exe".to_owned(),
        "n".repeat(5000),
    ];
    let messages: Vec<_> = hostile
        .iter()
        .map(|name| Message {
            story: Story::One(vec![notice(alert(name), News::Fired)]),
            ..message("ops@example.org", "k\r\nBcc: x@y.1")
        })
        .collect();
    let results = email(&server.config(Tls::None)).send(&messages).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    for number in 1..=hostile.len() {
        let mail = server.parsed(number);
        let html = mail["html"].as_str().expect("HTML");
        assert!(!html.contains("<script>") && !html.contains("<h1>") && !html.contains('\u{202e}'));
        assert!(mail["headers"].get("Bcc").is_none());
        assert!(server.mail(number).lines().all(|line| line.len() <= 998));
    }
}

#[tokio::test]
async fn starttls_with_login_and_tls_from_the_first_byte() {
    let test = "starttls_with_login_and_tls_from_the_first_byte";
    for (mode, tls) in [
        ("starttls+auth", Tls::Starttls),
        ("starttls+auth", Tls::StarttlsOpportunistic),
        ("tls+auth", Tls::Tls),
    ] {
        let Some(server) = Server::start(test, mode) else {
            return;
        };
        let config = with_login(server.config(tls), "secret");
        let many: Vec<_> = (0..20)
            .map(|n| message("ops@example.org", &format!("k.{n}")))
            .collect();
        let results = email(&config).send(&many).await;
        assert!(results.iter().all(Result::is_ok), "{mode}: {results:?}");
        assert_eq!(server.mails().len(), 20, "{mode}");

        let wrong = send_one(&with_login(server.config(tls), "wrong"))
            .await
            .expect_err("wrong password");
        assert!(
            matches!(
                wrong,
                Failure::Transient {
                    reason: Reason::Auth,
                    ..
                }
            ),
            "{mode}: {wrong:?}"
        );

        let stranger = Config {
            ca_file: String::new(),
            ..config.clone()
        };
        let failure = send_one(&stranger).await.expect_err("unknown authority");
        assert_eq!(reason(&failure), Reason::Tls, "{mode}: {failure}");
        let lenient = Config {
            verify_certificate: false,
            ..stranger
        };
        assert_eq!(send_one(&lenient).await, Ok(()), "{mode}");
    }
}

#[tokio::test]
async fn protection_of_the_wrong_kind_names_the_right_setting() {
    let test = "protection_of_the_wrong_kind_names_the_right_setting";
    for (mode, tls, setting) in [
        ("plain", Tls::Tls, "`tls: starttls`"),
        ("tls", Tls::Starttls, "`tls: tls`"),
        ("tls", Tls::None, "`tls: tls`"),
    ] {
        let Some(server) = Server::start(test, mode) else {
            return;
        };
        let email = hasty(&server.config(tls));
        let results = email.send(&[message("ops@example.org", "k.1")]).await;
        let failure = results[0].as_ref().expect_err("no mail").to_string();
        assert!(failure.contains(setting), "{mode} {tls:?}: {failure}");
    }
}

#[tokio::test]
async fn one_refused_recipient_costs_the_others_nothing() {
    let Some(server) = Server::start("one_refused_recipient_costs_the_others_nothing", "plain") else {
        return;
    };
    let to = [
        "a@example.org",
        "nobody@example.org",
        "later@example.org",
        "b@example.org",
    ];
    let messages = to.map(|address| message(address, "k.1"));
    let results = email(&server.config(Tls::None)).send(&messages).await;
    assert!(results[0].is_ok() && results[3].is_ok(), "{results:?}");
    assert!(
        matches!(
            results[1],
            Err(Failure::Permanent {
                reason: Reason::Rejected,
                ..
            })
        ),
        "{results:?}"
    );
    assert!(
        matches!(results[2], Err(Failure::Transient { .. })),
        "{results:?}"
    );
    assert_eq!(server.mails().len(), 2);
}

/// A server that says these lines, one before each thing it hears and the first at once; then it closes or is silent.
fn scripted(lines: &'static [&'static str], then_silent: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else {
            return;
        };
        let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
        for (index, line) in lines.iter().enumerate() {
            if index > 0 && reader.read_line(&mut String::new()).is_err() {
                return;
            }
            if stream.write_all(line.as_bytes()).is_err() {
                return;
            }
        }
        if then_silent {
            let _ = reader.read_to_end(&mut Vec::new());
        }
    });
    port
}

fn hasty(config: &Config) -> Email {
    let short = Duration::from_millis(300);
    email(config).with_limits(Limits {
        connect: short,
        command: short,
        text: short,
        whole: Duration::from_secs(3),
    })
}

#[tokio::test]
async fn servers_that_misbehave_cost_a_bounded_time() {
    const EHLO: &str = "250-fake\r\n250 8BITMIME\r\n";
    const UP_TO_DATA: &[&str] = &["220 fake\r\n", EHLO, "250 ok\r\n", "250 ok\r\n", "354 go\r\n"];
    for (lines, silent, expected) in [
        (&[][..], true, Reason::Timeout),
        (&["220 fake\r\n"][..], true, Reason::Timeout),
        (&["220 fake\r\n"][..], false, Reason::Connect),
        (UP_TO_DATA, false, Reason::Connect),
        (UP_TO_DATA, true, Reason::Timeout),
        (&["421 too busy\r\n"][..], true, Reason::RateLimited),
        (&["nonsense\r\n"][..], true, Reason::Connect),
    ] {
        let email = hasty(&config(scripted(lines, silent), Tls::None));
        let results = email
            .send(&[message("ops@example.org", "k.1"), message("b@example.org", "k.1")])
            .await;
        assert_eq!(results.len(), 2);
        let failure = results[0].as_ref().expect_err("no mail");
        assert!(
            matches!(failure, Failure::Transient { .. }),
            "{lines:?}: {failure:?}"
        );
        assert_eq!(reason(failure), expected, "{lines:?}: {failure}");
    }
}

#[tokio::test]
async fn a_password_is_never_sent_in_the_clear_unasked() {
    let lines: &[&str] = &["220 fake\r\n", "250-fake\r\n250 AUTH PLAIN LOGIN\r\n"];
    for tls in [Tls::Starttls, Tls::StarttlsOpportunistic] {
        let email = hasty(&with_login(config(scripted(lines, true), tls), "hunter2"));
        let (results, transcript) = email.send_and_record(&[message("ops@example.org", "k.1")]).await;
        assert!(results[0].is_err(), "{tls:?}");
        assert!(!transcript.to_string().contains("> AUTH"), "{transcript}");
    }
    let none: &[&str] = &["220 fake\r\n", "250 fake\r\n"];
    let failure = hasty(&with_login(config(scripted(none, true), Tls::None), "pw"))
        .send(&[message("ops@example.org", "k.1")])
        .await
        .remove(0)
        .expect_err("no AUTH offered");
    assert!(
        failure.to_string().contains("neither AUTH PLAIN nor AUTH LOGIN"),
        "{failure}"
    );
}

#[tokio::test]
async fn google_asks_for_an_app_password() {
    let lines: &[&str] = &[
        "220 fake\r\n",
        "250-fake\r\n250 AUTH PLAIN LOGIN\r\n",
        "535-5.7.8 Username and Password not accepted.\r\n535 5.7.8 gsmtp\r\n",
    ];
    let email = hasty(&with_login(config(scripted(lines, true), Tls::None), "hunter2"));
    let (results, transcript) = email.send_and_record(&[message("ops@example.org", "k.1")]).await;
    let failure = results[0].as_ref().expect_err("refused").to_string();
    assert!(failure.contains("app password"), "{failure}");
    assert!(!transcript.to_string().contains("hunter2"), "{transcript}");
    assert!(
        transcript
            .to_string()
            .contains("> AUTH PLAIN (credentials not shown)"),
        "{transcript}"
    );
}

#[tokio::test]
async fn recipients_hear_from_their_severity_on() {
    let email = email(&config(25, Tls::None));
    let mut mild = alert("/data");
    mild.worst = Severity::Medium;
    assert_eq!(email.recipients(&notice(mild, News::Fired)), [""; 0]);
    assert_eq!(
        email.recipients(&notice(alert("/data"), News::Fired)),
        ["ops@example.org"]
    );
}

#[tokio::test]
async fn late_news_and_storms_say_so_in_the_subject() {
    let test = "late_news_and_storms_say_so_in_the_subject";
    let Some(server) = Server::start(test, "plain") else {
        return;
    };
    let begin = noon() - jiff::SignedDuration::from_mins(16);
    let end = noon() - jiff::SignedDuration::from_mins(9);
    let down = Alert {
        subject: "nas".into(),
        kind: SubjectKind::Device,
        signal: "device_up".into(),
        since: begin,
        value: 0.0,
        peak: Peak {
            value: 0.0,
            at: begin,
        },
        ..alert("nas")
    };
    let over = Alert {
        state: State::Resolved,
        resolved_at: Some(end),
        value: 1.0,
        ..down.clone()
    };
    let first = Notice {
        at: begin,
        ..notice(down, News::Fired)
    };
    let last = Notice {
        at: end,
        ..notice(over, News::Resolved)
    };
    let storm = vec![notice(alert("/data"), News::Fired); 500];
    let messages = [
        Message {
            story: Story::One(vec![first, last]),
            ..message("ops@example.org", "k.2")
        },
        Message {
            story: Story::Digest(storm),
            ..message("ops@example.org", "k.3")
        },
    ];
    let results = email(&server.config(Tls::None)).send(&messages).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let subject = |number| {
        server.parsed(number)["headers"]["Subject"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(
        subject(1),
        "[RESOLVED] nas was down 12:44-12:51, seen from web1 (mail delayed 9 min)"
    );
    assert_eq!(subject(2), "[HIGH] 500 alerts on web1");
    assert!(
        server.parsed(2)["text"]
            .as_str()
            .is_some_and(|text| text.contains("and 450 more"))
    );
}
