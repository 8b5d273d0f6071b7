//! The sockets of one IP version: the one that requests leave by, and former ones that late answers may still come
//! to. A raw socket takes any identifier, so it stays when that is replaced; of a datagram socket the identifier is
//! the kernel's choice, so a new one takes a new socket.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;
use tracing::{debug, info, warn};

use super::{
    probe::{IcmpVersion, Order, Unsent, UnsentReason},
    renewal,
};
use crate::sys::ping_socket::{Access, PingSocket, Version};

/// A socket that was refused is asked for again after this time.
const OPEN_AGAIN: Duration = Duration::from_mins(1);

/// The sockets of one IP version, or why there are none.
pub(super) struct Sockets {
    version: Version,
    token: [u8; 8],
    ident: u16,
    /// Since when the identifier is in use.
    since: Instant,
    present: Option<PingSocket>,
    /// Each with the time until which it is kept.
    former: Vec<(PingSocket, Instant)>,
    /// The longest time that an answer was awaited.
    longest: Duration,
    /// What those dropped that are closed.
    dropped: u64,
    refused: Option<Refused>,
}

struct Refused {
    at: Instant,
    unsent: Unsent,
}

impl Sockets {
    /// Opens none yet: that happens with the first request. Answers must bear `token`, requests on raw sockets bear
    /// `ident` at first.
    pub(super) fn new(version: IcmpVersion, token: [u8; 8], ident: u16, now: Instant) -> Self {
        Self {
            version: match version {
                IcmpVersion::V4 => Version::V4,
                IcmpVersion::V6 => Version::V6,
            },
            token,
            ident,
            since: now,
            present: None,
            former: Vec::new(),
            longest: Duration::ZERO,
            dropped: 0,
            refused: None,
        }
    }

    /// What an order is to be carried out by at `now`, and its identifier. The identifier is replaced first if it is
    /// time, also in view of whether the device is to be asked afresh.
    pub(super) fn ready(
        &mut self,
        runtime: &Handle,
        order: &Order,
        now: Instant,
    ) -> Result<(&mut PingSocket, u16), Unsent> {
        self.longest = self.longest.max(order.timeout);
        if self.present.is_none() {
            self.open_first(runtime, now)?;
        } else if renewal::is_due(self.since, order.afresh, now) {
            self.renew(runtime, now);
        }
        let ident = self.ident;
        let none = || Unsent {
            reason: UnsentReason::Send,
            detail: String::new(),
        };
        self.present
            .as_mut()
            .map(|socket| (socket, ident))
            .ok_or_else(none)
    }

    /// All that answers may come to.
    pub(super) fn all(&self) -> impl Iterator<Item = &PingSocket> {
        self.present
            .iter()
            .chain(self.former.iter().map(|(socket, _)| socket))
    }

    /// Closes former sockets that no answer is awaited on any more.
    pub(super) fn retire(&mut self, now: Instant) {
        let is_over = |(_, until): &mut (PingSocket, Instant)| *until <= now;
        for (socket, _) in self.former.extract_if(.., is_over) {
            self.dropped += u64::from(socket.dropped());
        }
    }

    /// Answers the kernel dropped since the start because a buffer was full.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped + self.all().map(|socket| u64::from(socket.dropped())).sum::<u64>()
    }

    /// Asks at the next request for what was refused before.
    pub(super) fn retry(&mut self) {
        self.refused = None;
    }

    fn open_first(&mut self, runtime: &Handle, now: Instant) -> Result<(), Unsent> {
        let lately = |refused: &&Refused| now.saturating_duration_since(refused.at) < OPEN_AGAIN;
        if let Some(refused) = self.refused.as_ref().filter(lately) {
            return Err(refused.unsent.clone());
        }
        match self.open(runtime) {
            Ok(socket) => {
                info!(version = ?self.version, access = ?socket.access(), "opened a socket for pings");
                (self.present, self.since, self.refused) = (Some(socket), now, None);
                Ok(())
            }
            Err(error) => Err(self.refuse(&error, now)),
        }
    }

    fn open(&self, runtime: &Handle) -> io::Result<PingSocket> {
        let _within = runtime.enter();
        PingSocket::open(self.version, self.token)
    }

    /// Replaces the identifier. Where there is no new socket to be had, the old one serves on.
    fn renew(&mut self, runtime: &Handle, now: Instant) {
        self.since = now;
        self.ident = self.ident.wrapping_add(1);
        if self.present.as_ref().map(PingSocket::access) != Some(Access::Datagram) {
            return;
        }
        match self.open(runtime) {
            Ok(socket) => {
                let former = self.present.replace(socket);
                // Late answers are counted for as long again as they were awaited.
                let until = now + self.longest * 2;
                self.former.extend(former.map(|socket| (socket, until)));
            }
            Err(error) => {
                debug!(version = ?self.version, %error, "no new socket for pings; the old one stays");
            }
        }
    }

    fn refuse(&mut self, error: &io::Error, now: Instant) -> Unsent {
        let (reason, detail) = match error.kind() {
            io::ErrorKind::PermissionDenied => (UnsentReason::Permission, super::support::ADVICE.to_owned()),
            // A host without IPv6 has no way to an IPv6 address.
            io::ErrorKind::Unsupported => (UnsentReason::NoRoute, error.to_string()),
            _ => (UnsentReason::Send, error.to_string()),
        };
        let unsent = Unsent { reason, detail };
        if self.refused.is_none() {
            warn!(version = ?self.version, reason = %unsent, "no socket for pings; devices are unknown");
        }
        self.refused = Some(Refused {
            at: now,
            unsent: unsent.clone(),
        });
        unsent
    }
}
