//! One ICMP socket of Linux: opened by `surge-ping` (datagram first, raw otherwise), with kernel time stamps on
//! both ways, hop limits and ICMP errors switched on, and read in batches. How it sends is in `ping_send`.
//!
//! `nix` covers every option, but not the batched read: its `MultiHeaders` keeps the control length that the kernel
//! shrank, so a second read loses stamps. That call and two without a wrapper are the unsafe code here.

#![expect(
    unsafe_code,
    reason = "recvmmsg with reusable buffers, SO_MEMINFO and the descriptor of a foreign socket have no safe wrapper"
)]

use std::{
    io, mem,
    net::IpAddr,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    ptr,
};

use nix::sys::socket::{TimestampingFlag, setsockopt, sockopt};
use socket2::{SockFilter, SockRef};

use super::{
    control::{Control, parse_address},
    privilege::with_net_raw,
};

/// Replies of this many bytes in flight are kept for us while our thread does not run.
const RECEIVE_BUFFER: usize = 8 << 20;
const BATCH: usize = 32;
/// Longer packets are cut: what we look for is in front, or in a packet of our own that is shorter than this.
const PACKET: usize = 256;
const CONTROL_WORDS: usize = 32;
/// The same for the kernel, which counts in 32 bits: messages of a batch, bytes of an address.
const MESSAGES: libc::c_uint = 32;
const NAME: libc::socklen_t = 128;

/// IP version of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// IPv4 and ICMP.
    V4,
    /// IPv6 and `ICMPv6`.
    V6,
}

/// What kind of socket the system granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Unprivileged: the kernel chooses the identifier and hands over our own replies only.
    Datagram,
    /// Needs `CAP_NET_RAW`: packets come with their IP header, a filter keeps foreign ones away.
    Raw,
}

/// Which queue of the socket to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Packets that arrived.
    Replies,
    /// Time stamps of packets that left, and ICMP errors.
    Errors,
}

/// One packet out of a queue.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    /// Content, cut at 256 bytes.
    pub(crate) data: &'a [u8],
    /// What the kernel told beside it.
    pub(crate) control: Control,
    /// Sender; in the error queue the address our packet went to.
    pub(crate) address: Option<IpAddr>,
}

/// An open ICMP socket.
#[derive(Debug)]
pub(crate) struct PingSocket {
    pub(super) fd: OwnedFd,
    pub(super) version: Version,
    access: Access,
    pub(super) fragments: Fragments,
}

/// Whether the packets of a socket may be taken apart at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fragments {
    /// As they may usually.
    Usual,
    /// Not; the setting to go back to.
    Forbidden(libc::c_int),
}

impl PingSocket {
    /// Opens a socket whose raw form only receives echo replies whose data begin with `token`.
    /// Must be called within a tokio runtime.
    pub(crate) fn open(version: Version, token: [u8; 8]) -> io::Result<Self> {
        let kind = match version {
            Version::V4 => surge_ping::ICMP::V4,
            Version::V6 => surge_ping::ICMP::V6,
        };
        let config = surge_ping::Config::builder().kind(kind).build();
        let opened = with_net_raw(|| surge_ping::AsyncSocket::new(&config))?;
        // SAFETY: `opened` owns the descriptor and outlives this borrow, which ends with the statement.
        let fd = unsafe { BorrowedFd::borrow_raw(opened.get_native_sock()) }.try_clone_to_owned()?;
        let access = if opened.get_type() == socket2::Type::RAW {
            Access::Raw
        } else {
            Access::Datagram
        };
        // Taking the original away from tokio's poll set spares one wake-up of the runtime per reply.
        drop(opened);
        let socket = Self {
            fd,
            version,
            access,
            fragments: Fragments::Usual,
        };
        socket.set_options(version)?;
        if access == Access::Raw {
            SockRef::from(&socket.fd).attach_filter(&reply_filter(version, token))?;
        }
        Ok(socket)
    }

    /// What kind of socket this is.
    pub(crate) fn access(&self) -> Access {
        self.access
    }

    /// The descriptor, to wait for.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Hands every waiting packet of `queue` to `each`, without blocking.
    pub(crate) fn drain(&self, queue: Queue, buffers: &mut Buffers, mut each: impl FnMut(Message<'_>)) {
        loop {
            let count = match buffers.receive(self.fd.as_fd(), queue) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // A pending error of an earlier packet: reading it has cleared it.
                Err(_) => match buffers.receive(self.fd.as_fd(), queue) {
                    Ok(count) => count,
                    Err(_) => return,
                },
            };
            (0..count).for_each(|index| each(buffers.message(index)));
            if count < BATCH {
                return;
            }
        }
    }

    /// Forgets a pending error, so that a wait does not end for it again.
    pub(crate) fn clear_error(&self) {
        let _ = SockRef::from(&self.fd).take_error();
    }

    /// Packets the kernel dropped because the buffer of this socket was full, since it was opened.
    pub(crate) fn dropped(&self) -> u32 {
        const DROPS: usize = 8;
        const INFO_LENGTH: libc::socklen_t = 36;
        let mut info = [0_u32; 9];
        let mut length = INFO_LENGTH;
        // SAFETY: `info` and `length` are valid for writes for the whole call, and `length` is the size of `info`.
        let result = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_MEMINFO,
                info.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        if result == 0 { info[DROPS] } else { 0 }
    }

    fn set_options(&self, version: Version) -> io::Result<()> {
        let stamps = TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_TX_SOFTWARE;
        setsockopt(&self.fd, sockopt::Timestamping, &stamps)?;
        match version {
            Version::V4 => {
                setsockopt(&self.fd, sockopt::Ipv4RecvErr, &true)?;
                setsockopt(&self.fd, sockopt::Ipv4RecvTtl, &true)?;
            }
            Version::V6 => {
                setsockopt(&self.fd, sockopt::Ipv6RecvErr, &true)?;
                setsockopt(&self.fd, sockopt::Ipv6RecvHopLimit, &true)?;
            }
        }
        // More than the system's limit takes a privilege; what the limit allows is enough for most.
        setsockopt(&self.fd, sockopt::RcvBufForce, &RECEIVE_BUFFER)
            .or_else(|_| setsockopt(&self.fd, sockopt::RcvBuf, &RECEIVE_BUFFER))?;
        Ok(())
    }
}

/// Lets only echo replies with our token through. The kernel shows raw IPv4 sockets the IP header as well.
fn reply_filter(version: Version, token: [u8; 8]) -> Vec<SockFilter> {
    const LOAD_HEADER_LENGTH: u16 = 0xb1;
    const LOAD_BYTE_BEHIND: u16 = 0x50;
    const LOAD_WORD_BEHIND: u16 = 0x40;
    const LOAD_ZERO: u16 = 0x01;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;

    let (start, reply) = match version {
        Version::V4 => (SockFilter::new(LOAD_HEADER_LENGTH, 0, 0, 0), 0),
        Version::V6 => (SockFilter::new(LOAD_ZERO, 0, 0, 0), 129),
    };
    let [a, b, c, d, rest @ ..] = token;
    vec![
        start,
        SockFilter::new(LOAD_BYTE_BEHIND, 0, 0, 0),
        SockFilter::new(JUMP_IF_EQUAL, 0, 5, reply),
        SockFilter::new(LOAD_WORD_BEHIND, 0, 0, 8),
        SockFilter::new(JUMP_IF_EQUAL, 0, 3, u32::from_be_bytes([a, b, c, d])),
        SockFilter::new(LOAD_WORD_BEHIND, 0, 0, 12),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, u32::from_be_bytes(rest)),
        SockFilter::new(RETURN, 0, 0, 0xffff),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// Room for one batch of packets, reused from read to read.
pub(crate) struct Buffers {
    data: Box<[[u8; PACKET]; BATCH]>,
    control: Box<[[u64; CONTROL_WORDS]; BATCH]>,
    names: Box<[[u64; 16]; BATCH]>,
    headers: Box<[libc::mmsghdr; BATCH]>,
}

// SAFETY: the pointers in `headers` are written before each call of the kernel and only used by it during the call.
unsafe impl Send for Buffers {}

impl Buffers {
    /// Room for 32 packets.
    pub(crate) fn new() -> Self {
        Self {
            data: Box::new([[0; PACKET]; BATCH]),
            control: Box::new([[0; CONTROL_WORDS]; BATCH]),
            names: Box::new([[0; 16]; BATCH]),
            // SAFETY: `mmsghdr` consists of integers and pointers, for which all-zero bytes are a valid value.
            headers: Box::new([unsafe { mem::zeroed() }; BATCH]),
        }
    }

    fn receive(&mut self, fd: BorrowedFd<'_>, queue: Queue) -> io::Result<usize> {
        let mut parts = [libc::iovec {
            iov_base: ptr::null_mut(),
            iov_len: PACKET,
        }; BATCH];
        let rooms = self
            .data
            .iter_mut()
            .zip(self.control.iter_mut())
            .zip(self.names.iter_mut());
        for ((header, part), ((data, control), name)) in self.headers.iter_mut().zip(&mut parts).zip(rooms) {
            part.iov_base = data.as_mut_ptr().cast();
            header.msg_hdr.msg_name = name.as_mut_ptr().cast();
            header.msg_hdr.msg_namelen = NAME;
            header.msg_hdr.msg_iov = part;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = mem::size_of_val(control) as _;
            header.msg_hdr.msg_flags = 0;
        }
        let flags = libc::MSG_DONTWAIT
            | match queue {
                Queue::Replies => 0,
                Queue::Errors => libc::MSG_ERRQUEUE,
            };
        // SAFETY: each of the BATCH headers points to buffers of `self` and of this function that live through the
        // call, with their true lengths; a null timeout is allowed.
        let count = unsafe {
            libc::recvmmsg(
                fd.as_raw_fd(),
                self.headers.as_mut_ptr(),
                MESSAGES,
                flags as _,
                ptr::null_mut(),
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    fn message(&self, index: usize) -> Message<'_> {
        let header = &self.headers[index];
        let length = (header.msg_len as usize).min(PACKET);
        let control = as_bytes(&self.control[index]);
        // A `size_t` with glibc, 32 bits with musl.
        #[expect(clippy::unnecessary_cast, reason = "the type differs between C libraries")]
        let control_length = (header.msg_hdr.msg_controllen as usize).min(control.len());
        let name_length = (header.msg_hdr.msg_namelen as usize).min(size_of::<[u64; 16]>());
        Message {
            data: &self.data[index][..length],
            control: Control::parse(&control[..control_length]),
            address: parse_address(&as_bytes(&self.names[index])[..name_length]),
        }
    }
}

/// The bytes of an array of integers.
fn as_bytes<const N: usize>(words: &[u64; N]) -> &[u8] {
    // SAFETY: the integers are initialised, have no padding and live as long as the borrow; bytes need no alignment.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), mem::size_of_val(words)) }
}
