//! `healthcheck`: asks the running instance over plain HTTP whether it is well, as container runtimes do.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

use http::Uri;

use super::{
    answer::{Answer, Exit},
    flags::Flags,
};
use crate::{app::chain, clock::Clock, units::HumanDuration};

/// More than any status line of ours.
const STATUS_LINE: u64 = 1024;

/// Whom to ask, and how long to wait.
#[derive(clap::Args)]
pub(super) struct Request {
    /// Address to ask instead of the configured one, such as `http://127.0.0.1:10980/-/healthy`
    #[arg(long, value_parser = parse_url, env = "NETKESTREL_URL")]
    url: Option<Uri>,
    /// Longest wait for the answer
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_timeout)]
    timeout: HumanDuration,
}

/// Why the instance does not count as well.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The host of the address has no IP address.
    #[error("failed to resolve {0}")]
    Resolve(String, #[source] io::Error),
    /// Nobody listens, or nobody answers in time.
    #[error("failed to ask http://{0}")]
    Ask(SocketAddr, #[source] io::Error),
    /// Something answers, but not that it is well.
    #[error("http://{0} answered `{1}`")]
    Unwell(SocketAddr, String),
}

pub(super) fn answer(flags: &Flags, request: &Request) -> Answer {
    let asked = match &request.url {
        Some(url) => resolve(url).and_then(|address| ask(address, url.path(), *request.timeout)),
        None => match flags.load() {
            Ok(loaded) => ask_listener(&loaded.config.web.listen_address, *request.timeout),
            Err(error) => return super::check_config::refusal(&error),
        },
    };
    match asked {
        Ok(()) => Answer::fine("healthy\n"),
        Err(error) => Answer::failure(Exit::WorldsFault, chain(&error)),
    }
}

/// Asks the instance that listens at a configured address; everything (`0.0.0.0`) is reached over loopback.
pub(super) fn ask_listener(listen_address: &str, timeout: Duration) -> Result<(), Error> {
    ask(listener(listen_address)?, "/-/healthy", timeout)
}

/// Where the instance with this listen address is reached from this host.
pub(super) fn listener(listen_address: &str) -> Result<SocketAddr, Error> {
    first_address(listen_address).map(reachable)
}

fn parse_timeout(text: &str) -> Result<HumanDuration, &'static str> {
    HumanDuration::parse(text).map_err(|_| "accepted: a duration, such as `5s` or `500ms`")
}

fn parse_url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    match uri.scheme_str() {
        Some("http") if uri.host().is_some() => Ok(uri),
        _ => Err("only addresses such as http://127.0.0.1:10980/-/healthy are understood".to_owned()),
    }
}

fn resolve(url: &Uri) -> Result<SocketAddr, Error> {
    let host = url.host().unwrap_or_default();
    first_address(&format!("{host}:{}", url.port_u16().unwrap_or(80)))
}

fn first_address(text: &str) -> Result<SocketAddr, Error> {
    // The exporters' short form for a port on every address.
    let spelled = match text.strip_prefix(':') {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    let failed = |error| Error::Resolve(text.to_owned(), error);
    let mut addresses = spelled.to_socket_addrs().map_err(failed)?;
    addresses
        .next()
        .ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
}

fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn ask(address: SocketAddr, path: &str, timeout: Duration) -> Result<(), Error> {
    let status = fetch_status(address, path, timeout).map_err(|error| Error::Ask(address, error))?;
    match status.split_whitespace().nth(1) {
        Some("200") => Ok(()),
        _ => Err(Error::Unwell(address, status)),
    }
}

/// The status line. `timeout` bounds connecting and reading together.
fn fetch_status(address: SocketAddr, path: &str, timeout: Duration) -> io::Result<String> {
    let start = Clock::System.now().instant;
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    let left = timeout
        .saturating_sub(start.elapsed())
        .max(Duration::from_millis(1));
    stream.set_read_timeout(Some(left))?;
    stream.set_write_timeout(Some(left))?;
    // In one piece: a server may judge a request by its first packet.
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(STATUS_LINE)).read_line(&mut line)?;
    Ok(line.trim_end().escape_debug().to_string())
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// Asks a server that answers `reply` once.
    fn ask_one_who_says(reply: &'static str) -> Result<(), Error> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut request = [0; 512];
            let read = stream.read(&mut request).expect("a request");
            stream.write_all(reply.as_bytes()).expect("still there");
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let asked = ask_listener(&address.to_string(), Duration::from_secs(5));
        let request = server.join().expect("no panic");
        assert!(request.starts_with(&format!("GET /-/healthy HTTP/1.1\r\nHost: {address}\r\n")));
        asked
    }

    #[test]
    fn only_200_is_well() {
        assert!(ask_one_who_says("HTTP/1.1 200 OK\r\n\r\nHealthy").is_ok());
        let error = ask_one_who_says("HTTP/1.1 503 Service Unavailable\r\n\r\n").expect_err("unwell");
        assert!(
            error
                .to_string()
                .ends_with("answered `HTTP/1.1 503 Service Unavailable`"),
            "{error}"
        );
        assert!(ask_one_who_says("SSH-2.0-OpenSSH\r\n").is_err());
        assert!(ask_one_who_says("").is_err());
    }

    #[test]
    fn nobody_listening_is_unwell() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        let error = ask_listener(&address.to_string(), Duration::from_secs(5)).expect_err("nobody");
        assert!(matches!(error, Error::Ask(..)));
    }

    #[test]
    fn one_who_says_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        assert!(ask_listener(&address.to_string(), Duration::from_millis(50)).is_err());
    }

    #[test]
    fn addresses_that_mean_everything_are_asked_over_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:10980", "127.0.0.1:10980"),
            ("[::]:10980", "[::1]:10980"),
            (":10980", "127.0.0.1:10980"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            let address = first_address(listen).map(reachable).expect(listen);
            assert_eq!(address.to_string(), asked);
        }
    }

    #[test]
    fn only_plain_http_is_understood() {
        for text in ["https://127.0.0.1/", "127.0.0.1:10980", "/-/healthy", "ftp://x/"] {
            assert!(parse_url(text).is_err(), "{text}");
        }
        let url = parse_url("http://[::1]:81/-/ready").expect("fine");
        assert_eq!(resolve(&url).expect("an address").to_string(), "[::1]:81");
    }
}
