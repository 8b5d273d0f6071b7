//! The least that probing takes: one raw socket with a filter for its identifier, one thread, requests evenly paced
//! with a wake-up for each, replies timed by the kernel. It keeps times and nothing else. The benchmark starts itself
//! as this prober, as a process of its own whose CPU time can be read.

use std::{
    ffi::OsString,
    fs, io,
    io::IoSliceMut,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    time::{ClockId, clock_gettime},
};
use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};

use crate::support::{Result, namespace::Namespace};

/// The argument that makes the benchmark this prober.
const WORD: &str = "floor-prober";
const EVERY: Duration = Duration::from_secs(1);
const RECEIVE_BUFFER: usize = 4 << 20;
/// As many bytes as `ping` sends.
const LENGTH: usize = 64;
const HEADER: usize = 8;

/// The file of targets, if this process is to be the prober.
pub(crate) fn wanted() -> Option<PathBuf> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match arguments.as_slice() {
        [_, word, file] if word == WORD => Some(file.into()),
        _ => None,
    }
}

/// The command that starts it in a namespace, for the targets of a file, one address per line.
pub(crate) fn command(namespace: &Namespace, targets: &Path) -> Result<Command> {
    let mut command = namespace.command(&std::env::current_exe()?.to_string_lossy());
    command.arg(WORD).arg(targets);
    Ok(command)
}

/// Probes until it is ended.
pub(crate) fn run(targets: &Path) -> ExitCode {
    match probe(targets) {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("the floor prober failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn probe(targets: &Path) -> Result<std::convert::Infallible> {
    let targets = read(targets)?;
    let [high, low, ..] = std::process::id().to_le_bytes();
    let identifier = [high, low];
    let socket = open(identifier)?;
    // Wake-ups are to be as punctual as they can be.
    fs::write("/proc/self/timerslack_ns", "1000")?;
    let gap = EVERY.div_f64(targets.len() as f64);
    let (start, mut sent, mut times) = (Instant::now(), 0_usize, Vec::new());
    let due = |sent: usize| start + gap.mul_f64(sent as f64);
    loop {
        let mut now = Instant::now();
        while due(sent) <= now {
            let to = targets.get(sent % targets.len()).ok_or("no target")?;
            let [.., high, low] = (sent / targets.len()).to_be_bytes();
            socket.send_to(&request(identifier, [high, low]), to)?;
            sent += 1;
            now = Instant::now();
        }
        let left = due(sent).saturating_duration_since(now);
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs())?,
            tv_nsec: left.subsec_nanos().into(),
        };
        if poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&timeout))? > 0 {
            drain(&socket, &mut times)?;
        }
    }
}

fn read(file: &Path) -> Result<Vec<SockAddr>> {
    let text = fs::read_to_string(file)?;
    let address = |line: &str| -> Result<SockAddr> {
        let ip: Ipv4Addr = line.parse()?;
        Ok(SocketAddrV4::new(ip, 0).into())
    };
    text.lines().map(address).collect()
}

/// A raw socket that gets echo replies with this identifier, with the time at which the kernel had them.
fn open(identifier: [u8; 2]) -> Result<Socket> {
    const LOAD_HEADER_LENGTH: u16 = 0xb1;
    const LOAD_BYTE_BEHIND: u16 = 0x50;
    const LOAD_HALF_BEHIND: u16 = 0x48;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
    setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    socket.attach_filter(&[
        SockFilter::new(LOAD_HEADER_LENGTH, 0, 0, 0),
        SockFilter::new(LOAD_BYTE_BEHIND, 0, 0, 0),
        SockFilter::new(JUMP_IF_EQUAL, 0, 3, 0),
        SockFilter::new(LOAD_HALF_BEHIND, 0, 0, 4),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, u16::from_be_bytes(identifier).into()),
        SockFilter::new(RETURN, 0, 0, 0xffff),
        SockFilter::new(RETURN, 0, 0, 0),
    ])?;
    Ok(socket)
}

/// An echo request that carries its time.
fn request(identifier: [u8; 2], sequence: [u8; 2]) -> [u8; LENGTH] {
    const ECHO_REQUEST: u8 = 8;
    let mut packet = [0; LENGTH];
    packet[0] = ECHO_REQUEST;
    packet[4..6].copy_from_slice(&identifier);
    packet[6..8].copy_from_slice(&sequence);
    packet[HEADER..HEADER + 8].copy_from_slice(&wall_clock().to_be_bytes());
    let sum: u32 = packet
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let [.., high, low] = (!(sum + (sum >> 16))).to_be_bytes();
    packet[2..4].copy_from_slice(&[high, low]);
    packet
}

/// The clock of the kernel's times, in nanoseconds.
fn wall_clock() -> u64 {
    let time = clock_gettime(ClockId::Realtime);
    let parts = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    parts.0.unwrap_or_default() * 1_000_000_000 + parts.1.unwrap_or_default()
}

/// Takes what has arrived, one packet at a time.
fn drain(socket: &Socket, times: &mut Vec<u64>) -> Result<()> {
    let mut packet = [0; 256];
    let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
    loop {
        let mut parts = [IoSliceMut::new(&mut packet)];
        let received = recvmsg::<SockaddrStorage>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::MSG_DONTWAIT,
        );
        let (length, arrived) = match received {
            Ok(message) => (
                message.bytes,
                message.cmsgs()?.find_map(|control| stamp(&control)),
            ),
            Err(nix::errno::Errno::EAGAIN) => return Ok(()),
            Err(error) => return Err(io::Error::from(error).into()),
        };
        let body = packet.get(usize::from(packet[0] & 0x0f) * 4 + HEADER..length);
        if let (Some(sent), Some(arrived)) = (body.and_then(<[u8]>::first_chunk), arrived) {
            times.push(arrived.saturating_sub(u64::from_be_bytes(*sent)));
        }
    }
}

fn stamp(message: &ControlMessageOwned) -> Option<u64> {
    match message {
        ControlMessageOwned::ScmTimestampns(time) => u64::try_from(Duration::from(*time).as_nanos()).ok(),
        _ => None,
    }
}
