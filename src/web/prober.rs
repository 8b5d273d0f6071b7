//! What `/probe` needs from the collector of devices, filled in by `app`: who is watched, a name looked up, a ping.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    time::Duration,
};

use smol_str::SmolStr;
use tokio::sync::OwnedSemaphorePermit;

/// Asks a host once, apart from the watch. Must not block.
pub trait Prober: Send + Sync {
    /// The address, as configured, of the watched device of this name or address: an IP address or a host name.
    fn device(&self, target: &str) -> Option<SmolStr>;

    /// Whether a watched device is configured with this IP address.
    fn is_device(&self, ip: IpAddr) -> bool;

    /// The addresses of a host name; an error in words.
    fn look_up<'a>(&'a self, name: &'a str) -> LookingUp<'a>;

    /// One echo request; its end comes within `timeout`. `None` when this process sends no pings at present. The
    /// place is given back when the probe has ended, also if nobody waits for it any more.
    fn ping(&self, to: SocketAddr, timeout: Duration, place: OwnedSemaphorePermit) -> Pinging<'_>;
}

/// A look-up under way.
pub type LookingUp<'a> = Pin<Box<dyn Future<Output = Result<Vec<SocketAddr>, String>> + Send + 'a>>;

/// A ping under way.
pub type Pinging<'a> = Pin<Box<dyn Future<Output = Option<Pinged>> + Send + 'a>>;

/// How a ping ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinged {
    /// From the question until the request was handed to the system; zero when it was not.
    pub setup: Duration,
    /// The answer, or in words why there is none.
    pub answer: Result<Pong, String>,
}

/// The answer to a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pong {
    /// Time from the request to the reply.
    pub round_trip: Duration,
    /// TTL or hop limit the reply came with; `None` where the system does not tell.
    pub hop_limit: Option<u8>,
}
