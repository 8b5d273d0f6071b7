//! Signals from the operating system: stop, and read the configuration again.

use std::sync::Arc;

use tracing::info;

use super::{Error, reload::Reloader, schedule::stopped};
use crate::collectors::Stop;

/// Completes when the process is asked to stop.
#[cfg(unix)]
pub(super) fn stop() -> Result<impl Future<Output = ()>, Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => info!(signal = "SIGTERM", "stopping"),
            _ = interrupt.recv() => info!(signal = "SIGINT", "stopping"),
        }
    })
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as on Unix")]
pub(super) fn stop() -> Result<impl Future<Output = ()>, Error> {
    use tracing::warn;
    Ok(async {
        match tokio::signal::ctrl_c().await {
            Ok(()) => info!(signal = "Ctrl-C", "stopping"),
            Err(error) => {
                warn!(%error, "failed to listen for Ctrl-C; end the process to stop");
                std::future::pending::<()>().await;
            }
        }
    })
}

/// Reads the configuration again at each SIGHUP.
#[cfg(unix)]
pub(super) fn reload_on_hangup(
    reloader: Arc<Reloader>,
    mut stopping: Stop,
) -> Result<impl Future<Output = ()> + Send, Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup()).map_err(Error::Signals)?;
    Ok(async move {
        loop {
            tokio::select! {
                () = stopped(&mut stopping) => return,
                _ = hangup.recv() => {
                    // How it went is logged and counted by the reloader.
                    let _ = crate::web::Control::reload(&reloader).await;
                }
            }
        }
    })
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as on Unix")]
pub(super) fn reload_on_hangup(
    _: Arc<Reloader>,
    mut stopping: Stop,
) -> Result<impl Future<Output = ()> + Send, Error> {
    Ok(async move { stopped(&mut stopping).await })
}
