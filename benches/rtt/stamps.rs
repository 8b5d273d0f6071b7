//! The kernel's own account of round trips: when each echo request left and each reply arrived, by the stamps
//! that a packet socket gets.

use std::{
    collections::HashMap,
    io::IoSliceMut,
    iter,
    net::Ipv4Addr,
    os::fd::AsRawFd,
    sync::mpsc::{self, Receiver, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::sys::{
    socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt::ReceiveTimestampns},
    time::TimeSpec,
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    echo::{self, Kind, Probe},
    support::{Result, pause},
};

/// The socket is emptied this often and never waited for: to wake a waiting thread for each packet would take
/// the kernel longer than what is measured, between our stamp and the device's.
const ROUND: Duration = Duration::from_millis(20);

/// One round trip as the kernel saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trip {
    pub(crate) target: Ipv4Addr,
    /// When the reply arrived: time since the Unix epoch.
    pub(crate) arrived: Duration,
    pub(crate) took: Duration,
}

/// Listens until it is dropped.
pub(crate) struct Listener {
    pub(crate) trips: Receiver<Trip>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens to all devices of the calling thread's namespace.
    pub(crate) fn start() -> Result<Self> {
        let socket = open()?;
        let (log, trips) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            let mut sent = HashMap::new();
            while !matches!(stopped.try_recv(), Err(mpsc::TryRecvError::Disconnected)) {
                pause(ROUND);
                let passed =
                    iter::from_fn(|| receive(&socket)).filter_map(|packet| complete(&mut sent, &packet));
                for trip in passed {
                    // Nobody listens any more only while everything ends.
                    let _ = log.send(trip);
                }
            }
        });
        Ok(Self {
            trips,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A packet and when it passed the device.
struct Stamped {
    packet: Vec<u8>,
    stamp: Duration,
}

/// A packet socket without link header. Only a socket for all protocols sees what leaves.
fn open() -> Result<Socket> {
    let all = u16::try_from(libc::ETH_P_ALL)?.to_be();
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(i32::from(all))))?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The next packet, if there is one.
fn receive(socket: &Socket) -> Option<Stamped> {
    let mut packet = vec![0; 2048];
    let mut control = nix::cmsg_space!(TimeSpec);
    let mut parts = [IoSliceMut::new(&mut packet)];
    let message = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut control),
        MsgFlags::empty(),
    )
    .ok()?;
    let length = message.bytes;
    let stamp = message.cmsgs().ok()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
        _ => None,
    })?;
    packet.truncate(length);
    Some(Stamped { packet, stamp })
}

/// Remembers a request; with its reply the trip is complete.
fn complete(sent: &mut HashMap<Probe, Duration>, Stamped { packet, stamp }: &Stamped) -> Option<Trip> {
    let (kind, probe) = echo::parse(packet)?;
    match kind {
        Kind::Request => {
            sent.insert(probe, *stamp);
            None
        }
        Kind::Reply => {
            let took = stamp.checked_sub(sent.remove(&probe)?)?;
            Some(Trip {
                target: probe.target,
                arrived: *stamp,
                took,
            })
        }
    }
}
