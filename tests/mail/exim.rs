//! Mail through the Exim of Debian, set up as a relay that wants STARTTLS and a login: what is accepted is delivered
//! to a file. It is run as inetd would, one process for each connection, so a process that ended has delivered.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt as _, chown},
    },
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

use netkestrel::notifiers::{
    Failure, Notifier as _, Reason,
    email::{Config, Tls},
};

use super::{config, email, message, parsed, reason, requirement, send_one, server_program, with_login};

/// What `scripts/fetch-mail-server` makes of the server's user where root starts it.
const USER_BELOW_ROOT: u32 = 64_999;
const SETTINGS: &str = include_str!("../data/mail/exim.conf");

struct Exim {
    folder: tempfile::TempDir,
    port: u16,
    ended: mpsc::Receiver<()>,
}

impl Exim {
    /// `None`, said by name, where something for it is missing.
    fn start(test: &str) -> Option<Self> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/servers/exim/exim4");
        if !program.exists() {
            requirement::skip(
                test,
                "needs Exim in target/servers/exim (scripts/fetch-mail-server)",
            );
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let made = server_program(test)?
            .arg("certificate")
            .arg(folder.path())
            .status();
        assert!(made.is_ok_and(|status| status.success()), "no certificate");
        let settings = set_up(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || serve(&listener, &program, &settings, &sender));
        Some(Self { folder, port, ended })
    }

    fn config(&self) -> Config {
        let config = Config {
            ca_file: self.folder.path().join("ca.pem").display().to_string(),
            ..config(self.port, Tls::Starttls)
        };
        with_login(config, "secret")
    }

    /// The mails that are there after the end of so many connections.
    fn mails_after(&self, connections: usize) -> Vec<PathBuf> {
        for _ in 0..connections {
            let ended = self.ended.recv_timeout(Duration::from_secs(20));
            assert!(ended.is_ok(), "the server hangs: {}", self.log());
        }
        let files = fs::read_dir(self.folder.path().join("mails")).expect("readable");
        files.map(|entry| entry.expect("readable").path()).collect()
    }

    fn log(&self) -> String {
        ["log/mainlog", "log/paniclog", "exim.stderr"]
            .map(|name| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default())
            .concat()
    }
}

/// Folders of the server's user, and settings; those have to stay root's where root starts it.
fn set_up(folder: &Path) -> PathBuf {
    for name in ["spool", "log", "mails"] {
        fs::create_dir(folder.join(name)).expect("a folder");
    }
    let settings = folder.join("exim.conf");
    fs::write(&settings, format!("FOLDER = {}\n{SETTINGS}", folder.display())).expect("written");
    if fs::metadata(folder).expect("there").uid() == 0 {
        for name in ["", "spool", "log", "mails", "server.pem"] {
            let user = Some(USER_BELOW_ROOT);
            chown(folder.join(name), user, user).expect("root may");
        }
    }
    settings
}

/// One connection after the other, each with a server of its own, which delivers (`-odi`) before it ends.
fn serve(listener: &TcpListener, program: &Path, settings: &Path, ended: &mpsc::Sender<()>) {
    for connection in listener.incoming() {
        let input = OwnedFd::from(connection.expect("a connection"));
        let output = input.try_clone().expect("a second handle");
        let status = Command::new(program)
            .arg("-C")
            .arg(settings)
            .args(["-odi", "-bs"])
            .stdin(input)
            .stdout(output)
            .stderr(File::create(settings.with_extension("stderr")).expect("a file"))
            .status();
        assert!(status.is_ok(), "{status:?}");
        if ended.send(()).is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn exim_delivers_what_comes_over_starttls_with_a_login() {
    let Some(exim) = Exim::start("exim_delivers_what_comes_over_starttls_with_a_login") else {
        return;
    };
    let two = ["ops@example.org", "boss@example.org"].map(|to| message(to, "disk-5f3a.1"));
    let results = email(&exim.config()).send(&two).await;
    assert_eq!(results, [Ok(()), Ok(())], "{}", exim.log());
    let mut mails: Vec<_> = exim.mails_after(1).iter().map(|file| parsed(file)).collect();
    mails.sort_by_key(|mail| mail["headers"]["Envelope-to"].to_string());
    assert_eq!(mails.len(), 2, "{}", exim.log());
    for (mail, to) in mails.iter().zip(["boss@example.org", "ops@example.org"]) {
        let header = |name: &str| mail["headers"][name].as_str().unwrap_or_default();
        assert_eq!(header("Envelope-to"), to);
        assert_eq!(header("To"), to);
        assert_eq!(header("Return-path"), "<netkestrel@example.org>");
        assert_eq!(header("Subject"), "[HIGH] Disk usage of /data 97.1 % on web1");
        // E: extended SMTP, S: over TLS, A: with a login.
        assert!(header("Received").contains("with esmtpsa"), "{mail}");
        assert_eq!(mail["defects"], serde_json::json!([]));
        assert_eq!(mail["ids"], serde_json::json!(["<chart>"]));
    }
}

#[tokio::test]
async fn exim_refuses_a_wrong_password_and_a_stranger() {
    let Some(exim) = Exim::start("exim_refuses_a_wrong_password_and_a_stranger") else {
        return;
    };
    let wrong = send_one(&with_login(exim.config(), "wrong"))
        .await
        .expect_err("wrong password");
    let is_transient = matches!(&wrong, Failure::Transient { .. });
    assert!(is_transient && reason(&wrong) == Reason::Auth, "{wrong:?}");

    let stranger = Config {
        user: String::new(),
        ..with_login(exim.config(), "")
    };
    let refused = send_one(&stranger).await.expect_err("no login");
    let is_permanent = matches!(&refused, Failure::Permanent { .. });
    assert!(
        is_permanent && reason(&refused) == Reason::Rejected,
        "{refused:?}"
    );
    assert!(refused.to_string().contains("relay not permitted"), "{refused}");

    let distrustful = Config {
        ca_file: String::new(),
        ..exim.config()
    };
    let unknown = send_one(&distrustful).await.expect_err("unknown authority");
    assert_eq!(reason(&unknown), Reason::Tls, "{unknown}");
    assert!(exim.mails_after(3).is_empty(), "{}", exim.log());
}
