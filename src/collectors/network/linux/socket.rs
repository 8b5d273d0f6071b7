//! Sockets of rtnetlink: one that dumps, one that tells when the interfaces change. All calls block for a bounded time.

use std::{io, time::Duration};

use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{
        self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType,
        netlink::SocketAddrNetlink,
        sockopt::{Timeout, set_socket_timeout},
    },
};

use super::message::{Complaint, Dump, Progress, dump_request};
use crate::collectors::Error;

/// The kernel never fills more of a buffer than this when it dumps.
const BUFFER: usize = 32 * 1024;
const PATIENCE: Duration = Duration::from_secs(2);
/// Dumps started before giving up on interfaces that keep changing.
const TRIES: u32 = 5;
/// Group of rtnetlink that hears of every change of a link (`RTMGRP_LINK`).
const LINK_CHANGES: u32 = 1;

/// A socket for dumps, with the buffer it reads into.
pub(super) struct DumpSocket {
    socket: OwnedFd,
    buffer: Vec<u8>,
    sequence: u32,
}

/// A dump to ask for.
pub(super) struct Request<'a> {
    /// Message type of the request.
    pub(super) asks: u16,
    /// Message type of the answers.
    pub(super) answers: u16,
    /// What follows the header of the request.
    pub(super) body: &'a [u8],
    /// What is attempted, for error messages.
    pub(super) call: &'static str,
}

impl DumpSocket {
    /// Opens a socket in the network namespace of the calling thread.
    pub(super) fn open() -> Result<Self, Error> {
        Ok(Self {
            socket: open(SocketFlags::CLOEXEC, 0).map_err(system("open a netlink socket"))?,
            buffer: vec![0; BUFFER],
            sequence: 0,
        })
    }

    /// Asks for a dump and collects what `parse` makes of every message; asks again when it was interrupted.
    pub(super) fn dump<T>(
        &mut self,
        request: &Request<'_>,
        parse: impl Fn(&[u8]) -> Result<T, Complaint>,
    ) -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        until_whole(|| {
            found.clear();
            self.dump_once(request, &parse, &mut found)
        })?;
        Ok(found)
    }

    fn dump_once<T>(
        &mut self,
        request: &Request<'_>,
        parse: &impl Fn(&[u8]) -> Result<T, Complaint>,
        found: &mut Vec<T>,
    ) -> Result<Progress, Error> {
        self.sequence = self.sequence.wrapping_add(1);
        let bytes = dump_request(request.asks, self.sequence, request.body);
        net::send(&self.socket, &bytes, SendFlags::empty()).map_err(system(request.call))?;
        let mut dump = Dump::new(self.sequence, request.answers);
        loop {
            let datagram = receive(&self.socket, &mut self.buffer, request.call)?;
            let progress = dump.feed(datagram, |body| {
                found.push(parse(body)?);
                Ok(())
            });
            match progress.map_err(malformed)? {
                Progress::More => {}
                Progress::Refused(code) => return Err(system(request.call)(Errno::from_raw_os_error(code))),
                ended => return Ok(ended),
            }
        }
    }
}

/// A socket that hears of changes of links.
pub(super) struct ChangeSocket {
    socket: OwnedFd,
}

impl ChangeSocket {
    /// Opens a socket in the network namespace of the calling thread.
    pub(super) fn open() -> Result<Self, Error> {
        open(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, LINK_CHANGES)
            .map(|socket| Self { socket })
            .map_err(system("listen for changes of interfaces"))
    }

    /// Whether anything changed since the last call. Notices that were lost or cannot be read count as a change.
    pub(super) fn changed(&self) -> bool {
        let mut notice = [0; 16];
        let mut changed = false;
        // Bounded: a flood of notices must not keep a reading from being taken.
        for _ in 0..10_000 {
            match net::recv(&self.socket, &mut notice[..], RecvFlags::empty()) {
                Err(Errno::WOULDBLOCK) => break,
                Ok(_) | Err(_) => changed = true,
            }
        }
        changed
    }
}

/// Repeats an interrupted dump, but not for ever.
fn until_whole(mut attempt: impl FnMut() -> Result<Progress, Error>) -> Result<(), Error> {
    for _ in 0..TRIES {
        if attempt()? == Progress::Done {
            return Ok(());
        }
    }
    Err(malformed("the interfaces kept changing while they were listed"))
}

fn open(flags: SocketFlags, groups: u32) -> Result<OwnedFd, Errno> {
    // No protocol stands for the first, which is `NETLINK_ROUTE`.
    let socket = net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
    net::bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}

fn receive<'a>(socket: &OwnedFd, buffer: &'a mut [u8], call: &'static str) -> Result<&'a [u8], Error> {
    let length = loop {
        match net::recv(socket, &mut *buffer, RecvFlags::TRUNC) {
            Ok((_, length)) => break length,
            Err(Errno::INTR) => {}
            Err(error) => return Err(system(call)(error)),
        }
    };
    buffer
        .get(..length)
        .ok_or_else(|| malformed("a datagram is longer than the buffer"))
}

fn system(call: &'static str) -> impl FnOnce(Errno) -> Error {
    move |error| Error::System {
        call,
        source: io::Error::from(error),
    }
}

pub(super) fn malformed(complaint: Complaint) -> Error {
    Error::Parse {
        what: "answer of rtnetlink".to_owned(),
        detail: complaint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_dump_is_repeated_a_few_times() {
        for (case, interruptions, whole, attempts) in [
            ("at once", 0, true, 1),
            ("after two", 2, true, 3),
            ("never", u32::MAX, false, TRIES),
        ] {
            let mut made = 0;
            let result = until_whole(|| {
                made += 1;
                let interrupted = made <= interruptions;
                Ok(if interrupted {
                    Progress::Interrupted
                } else {
                    Progress::Done
                })
            });
            assert_eq!((result.is_ok(), made), (whole, attempts), "{case}");
        }
    }

    #[test]
    fn a_refused_dump_tells_the_kernels_reason() {
        let request = Request {
            asks: 9_999,
            answers: 0,
            body: &[0; 16],
            call: "ask for what does not exist",
        };
        let result = DumpSocket::open().and_then(|mut socket| socket.dump(&request, |_| Ok(())));
        let Err(Error::System { call, source }) = result else {
            panic!("{result:?}");
        };
        assert_eq!(call, request.call);
        assert_eq!(source.raw_os_error(), Some(Errno::OPNOTSUPP.raw_os_error()));
    }
}
