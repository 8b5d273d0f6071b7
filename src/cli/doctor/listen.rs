//! Whether the listen address can be had, or is already ours.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use super::check::Check;
use crate::cli::healthcheck;

const NAME: &str = "listen address";

/// Longest wait for a running instance to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What trying to listen there showed.
#[derive(Debug)]
enum Tried {
    Free,
    /// Taken, and the one who has it answers as a healthy instance of ours does.
    Ours,
    Failed(io::Error),
}

pub(super) fn check(listen_address: &str) -> Check {
    let tried = match TcpListener::bind(spelled(listen_address)) {
        Ok(_) => Tried::Free,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && answers(listen_address) => Tried::Ours,
        Err(error) => Tried::Failed(error),
    };
    judge(listen_address, &tried)
}

fn answers(listen_address: &str) -> bool {
    healthcheck::ask_listener(listen_address, PATIENCE).is_ok()
}

/// The exporters' short form `:PORT` stands for every address.
fn spelled(address: &str) -> String {
    match address.strip_prefix(':') {
        Some(port) => format!("[::]:{port}"),
        None => address.to_owned(),
    }
}

fn judge(address: &str, tried: &Tried) -> Check {
    match tried {
        Tried::Failed(error) => Check::fail(NAME, format!("{address}: {error}"), remedy(error.kind())),
        Tried::Free if !is_loopback(address) => exposed(address, "free"),
        Tried::Ours if !is_loopback(address) => {
            exposed(address, "in use by the running instance, which is well")
        }
        Tried::Free => Check::ok(NAME, format!("{address} is free")),
        Tried::Ours => Check::ok(
            NAME,
            format!("{address} is in use by the running instance, which is well"),
        ),
    }
}

fn exposed(address: &str, state: &str) -> Check {
    Check::warn(
        NAME,
        format!(
            "{address} is {state}; other machines can reach it, and this version has neither TLS nor passwords"
        ),
        "Keep the port closed to networks you do not trust, or listen on 127.0.0.1 behind a proxy.",
    )
}

fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => {
            "Stop the other program (`ss -ltnp` shows it), or set `web.listen_address`."
        }
        io::ErrorKind::PermissionDenied => {
            "Choose a port from 1024 up, or lower `net.ipv4.ip_unprivileged_port_start`."
        }
        io::ErrorKind::AddrNotAvailable => {
            "No interface has this address; set `web.listen_address` to one of ours."
        }
        _ => "Set `web.listen_address` to an address and port of this host.",
    }
}

fn is_loopback(address: &str) -> bool {
    address
        .parse::<SocketAddr>()
        .is_ok_and(|address| address.ip().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{super::check::Verdict, *};

    #[test]
    fn judges_what_listening_showed() {
        for (address, tried, verdict) in [
            ("127.0.0.1:1", Tried::Free, Verdict::Ok),
            ("[::1]:1", Tried::Ours, Verdict::Ok),
            ("0.0.0.0:1", Tried::Free, Verdict::Warn),
            (":10980", Tried::Ours, Verdict::Warn),
            (
                "127.0.0.1:1",
                Tried::Failed(io::ErrorKind::PermissionDenied.into()),
                Verdict::Fail,
            ),
        ] {
            assert_eq!(judge(address, &tried).verdict, verdict, "{address} {tried:?}");
        }
    }

    #[test]
    fn a_port_taken_by_a_stranger_fails() {
        let stranger = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = stranger.local_addr().expect("bound");
        // It takes one connection and hangs up without a word.
        let server = std::thread::spawn(move || stranger.accept().map(drop));
        let check = check(&address.to_string());
        server.join().expect("no panic").expect("asked");
        assert_eq!(check.verdict, Verdict::Fail);
        assert!(check.advice.is_some_and(|advice| advice.contains("ss -ltnp")));
    }
}
