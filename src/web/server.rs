//! Serves the routes on an open socket until asked to stop, within limits on time, size and number.

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use axum_server::Handle;
use tracing::debug;

use super::{Error, connection::Limited, router, services::Services};

/// Connections at one time; far more than scrapers and browsers need.
const CONNECTIONS: usize = 256;
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
        .acceptor(Limited::new(CONNECTIONS))
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
