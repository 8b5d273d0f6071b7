//! Looks up the names of devices and the default gateway, again and again, away from the ping thread. A lookup that
//! hangs holds one of a few places and delays no probe.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use tokio::sync::Semaphore;
use tracing::{debug, info, warn};

use super::{Shared, gateway, probe::DeviceId};
use crate::clock::Clock;

/// Lookups at a time.
const AT_A_TIME: usize = 8;
/// The default gateway is looked for again this often.
const GATEWAY_AGAIN: Duration = Duration::from_mins(1);

/// Runs until it is dropped.
pub(super) async fn run(shared: Arc<Shared>, clock: Clock, procfs: String) {
    let permits = Arc::new(Semaphore::new(AT_A_TIME));
    let mut gateway = GatewayWatch::default();
    loop {
        gateway.look(&shared, clock, &procfs).await;
        let now = clock.now().instant;
        let lookups = shared.table().take_lookups(now);
        for (id, name) in lookups {
            tokio::spawn(look_up(
                Arc::clone(&shared),
                clock,
                Arc::clone(&permits),
                id,
                name,
            ));
        }
        let next = shared
            .table()
            .next_lookup()
            .map_or(GATEWAY_AGAIN, |at| at.saturating_duration_since(now));
        // A change of the configuration ends the wait early; either way there is something to look at.
        let _ = tokio::time::timeout(next.min(GATEWAY_AGAIN), shared.changed.notified()).await;
    }
}

async fn look_up(shared: Arc<Shared>, clock: Clock, permits: Arc<Semaphore>, id: DeviceId, name: String) {
    let Ok(_permit) = permits.acquire().await else {
        return;
    };
    let (look_up, asked) = (shared.look_up, name.clone());
    let result = tokio::task::spawn_blocking(move || look_up(&asked)).await;
    let result = result
        .unwrap_or_else(|error| Err(error.into()))
        .map_err(|error| in_short(&error));
    debug!(name, ?result, "looked up a device");
    shared.table().resolved(id, result, clock.now().instant);
    shared.wake();
    shared.changed.notify_one();
}

/// Asks the resolver of the system; blocks for as long as that takes.
pub(super) fn by_the_system(name: &str) -> io::Result<Vec<SocketAddr>> {
    Ok((name, 0).to_socket_addrs()?.collect())
}

/// What went wrong, without the standard library's preface.
pub(super) fn in_short(error: &io::Error) -> String {
    let text = error.to_string();
    let short = text.strip_prefix("failed to lookup address information: ");
    short.map(str::to_owned).unwrap_or(text)
}

/// Says what it found when that changes.
#[derive(Default)]
struct GatewayWatch {
    said: bool,
    last: Option<SocketAddr>,
}

impl GatewayWatch {
    async fn look(&mut self, shared: &Shared, clock: Clock, procfs: &str) {
        if !shared.table().wants_routes() {
            *self = Self::default();
            return;
        }
        let procfs = procfs.to_owned();
        let routes = tokio::task::spawn_blocking(move || gateway::routes(&procfs)).await;
        let routes = routes.unwrap_or_default();
        let found = routes.gateway;
        if !self.said || self.last != found {
            let before = self.last;
            (self.said, self.last) = (true, found);
            match (found, before) {
                (Some(address), _) => info!(address = %address.ip(), "found the default gateway"),
                (None, Some(address)) => {
                    warn!(address = %address.ip(), "the default gateway is gone; the last one stays what it was");
                }
                (None, None) => info!("no default gateway; looking again every minute"),
            }
        }
        shared.table().set_routes(routes, clock.now());
        shared.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_lookups_are_short() {
        let error = io::Error::other("failed to lookup address information: Name or service not known");
        assert_eq!(in_short(&error), "Name or service not known");
        assert_eq!(in_short(&io::Error::other("out of memory")), "out of memory");
    }
}
