//! Serves the routes on an open socket until asked to stop, within limits on time, size and number.

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use axum_server::Handle;
use tracing::debug;

use super::{Error, connection::Limited, probe::PROBES, router, services::Services};

/// Connections at one time, besides those of probes; far more than scrapers and browsers need.
const CONNECTIONS: usize = 256;
/// Each probe under way holds a connection too, where this process may open so many files: enough for all of them, for
/// 512 checks by TCP, and for what else it opens.
const ENOUGH_FILES: u64 = 2_048;
/// A new connection that has not sent a whole request head by then is closed.
const FIRST_REQUEST: Duration = Duration::from_secs(10);
/// The same for later requests; longer than the usual scrape interval of a minute, so that scrapers keep theirs.
const NEXT_REQUEST: Duration = Duration::from_secs(75);
/// A request head beyond this size is refused.
const HEAD_BYTES: usize = 32 * 1024;

/// Serves until `shutdown` completes, then takes no more requests, finishes what is under way within `grace` and
/// returns.
pub async fn serve(
    listener: TcpListener,
    services: Arc<Services>,
    shutdown: impl Future<Output = ()> + Send,
    grace: Duration,
) -> Result<(), Error> {
    let handle = Handle::new();
    let mut server = axum_server::from_tcp(listener)
        .map_err(Error::Serve)?
        .acceptor(Limited::new(connections(most_files())))
        .handle(handle.clone())
        .first_request_timeout(FIRST_REQUEST)
        .accept_error_handler(|peer, error| debug!(?peer, %error, "connection not accepted"))
        .http1_only();
    server
        .http_builder()
        .http1()
        .header_read_timeout(NEXT_REQUEST)
        .max_buf_size(HEAD_BYTES);
    let mut serving = std::pin::pin!(server.serve(router(services).into_make_service()));
    tokio::select! {
        ended = &mut serving => {
            let error = ended.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
            return Err(Error::Serve(error));
        }
        () = shutdown => handle.graceful_shutdown(Some(grace)),
    }
    serving.await.map_err(Error::Serve)
}

fn connections(most_files: u64) -> usize {
    if most_files < ENOUGH_FILES {
        CONNECTIONS
    } else {
        CONNECTIONS + PROBES
    }
}

/// How many files and connections this process may have open.
#[cfg(target_os = "linux")]
fn most_files() -> u64 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.unwrap_or(u64::MAX)
}

/// How many files and connections this process may have open: with Windows, as many as it likes. Others grant few.
#[cfg(not(target_os = "linux"))]
fn most_files() -> u64 {
    if cfg!(windows) { u64::MAX } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::oneshot,
        task::JoinHandle,
        time::Instant,
    };

    use super::*;
    use crate::web::{
        Config, bind,
        fake::{Fake, Site},
    };

    const GRACE: Duration = Duration::from_secs(5);

    struct Running {
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        ended: JoinHandle<Result<(), Error>>,
        _site: Site,
    }

    fn start(takes: Duration) -> Running {
        let site = Site::new(Fake {
            takes,
            ..Fake::default()
        });
        let config = Config {
            listen_address: "127.0.0.1:0".to_owned(),
            ..Config::default()
        };
        let listener = bind(&config).expect("binds");
        let address = listener.local_addr().expect("bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async { stopped.await.unwrap_or_default() };
        let ended = tokio::spawn(serve(listener, Arc::clone(&site.services), shutdown, GRACE));
        Running {
            address,
            stop,
            ended,
            _site: site,
        }
    }

    async fn open(address: SocketAddr, sent: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        stream.write_all(sent.as_bytes()).await.expect("sends");
        stream
    }

    async fn rest(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        // A reset ends an answer just as a close does.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_send_no_whole_request_are_closed() {
        let running = start(Duration::ZERO);
        for sent in ["", "GET / HTTP/1.1\r\nHost: local"] {
            let began = Instant::now();
            let answer = rest(open(running.address, sent).await).await;
            let waited = began.elapsed();
            assert_eq!(answer, "", "{sent}");
            assert!(
                waited >= FIRST_REQUEST && waited < FIRST_REQUEST * 2,
                "{sent}: {waited:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_head_beyond_the_limit_is_refused() {
        let running = start(Duration::ZERO);
        let head = format!(
            "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n",
            "x".repeat(HEAD_BYTES * 2)
        );
        let answer = rest(open(running.address, &head).await).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }

    #[tokio::test]
    async fn connections_beyond_the_limit_are_closed_at_once() {
        let running = start(Duration::ZERO);
        let mut held = Vec::new();
        for _ in 0..connections(most_files()) {
            held.push(open(running.address, "").await);
        }
        let refused = rest(open(running.address, "").await).await;
        assert_eq!(refused, "");
    }

    #[test]
    fn probes_have_connections_of_their_own_where_files_are_plenty() {
        for (most_files, expected) in [(1_024, CONNECTIONS), (4_096, CONNECTIONS + PROBES)] {
            assert_eq!(connections(most_files), expected, "{most_files}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_finishes_what_is_under_way_and_takes_nothing_new() {
        let running = start(Duration::from_secs(2));
        let idle = open(running.address, "").await;
        let scrape = tokio::spawn(rest(open(running.address, &get("/metrics")).await));
        tokio::time::sleep(Duration::from_secs(1)).await;
        running.stop.send(()).expect("is running");
        let answer = scrape.await.expect("no panic");
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(running.ended.await.expect("no panic").is_ok());
        assert_eq!(rest(idle).await, "");
        assert!(TcpStream::connect(running.address).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_no_longer_than_the_grace_period() {
        let running = start(Duration::from_mins(1));
        let scrape = tokio::spawn(rest(open(running.address, &get("/metrics")).await));
        tokio::time::sleep(Duration::from_secs(1)).await;
        let began = Instant::now();
        running.stop.send(()).expect("is running");
        assert!(running.ended.await.expect("no panic").is_ok());
        assert_eq!(began.elapsed(), GRACE);
        assert_eq!(scrape.await.expect("no panic"), "");
    }
}
