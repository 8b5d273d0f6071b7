//! An SMTP server that accepts everything and says when: the same one takes the mails of both sides, each side on a
//! port of its own.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use crate::measure::Result;

const PATIENCE: Duration = Duration::from_secs(30);

/// A mail that was accepted.
pub(crate) struct Mail {
    /// When the answer to its text had been written.
    pub(crate) at: Instant,
    /// Its head, as it came.
    pub(crate) head: String,
    /// Length of all of it.
    pub(crate) bytes: usize,
}

/// A server on a port of its own. Its threads end with the process.
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    mails: Receiver<Mail>,
}

impl Sink {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicUsize::new(0));
        let (sender, mails) = channel();
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::Relaxed);
                let sender = sender.clone();
                // A client that breaks off is missed by whoever waits for its mail.
                thread::spawn(move || serve(&stream, &sender).ok());
            }
        });
        Ok(Self {
            address,
            connections,
            mails,
        })
    }

    /// The next mail.
    pub(crate) fn next(&self) -> Result<Mail> {
        let next = self.mails.recv_timeout(PATIENCE);
        next.map_err(|_| format!("no mail came within {PATIENCE:?}").into())
    }

    /// The next mail, unless none comes for so long.
    pub(crate) fn next_within(&self, patience: Duration) -> Result<Option<Mail>> {
        match self.mails.recv_timeout(patience) {
            Ok(mail) => Ok(Some(mail)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Mail {
    /// Its subject, unfolded.
    pub(crate) fn subject(&self) -> String {
        let mut lines = self
            .head
            .lines()
            .skip_while(|line| !line.starts_with("Subject: "));
        let first = lines.next().unwrap_or_default().trim_start_matches("Subject: ");
        let rest = lines.take_while(|line| line.starts_with([' ', '\t']));
        rest.fold(first.to_owned(), |subject, line| subject + line)
    }
}

fn serve(stream: &TcpStream, mails: &Sender<Mail>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    writer.write_all(b"220 sink.test ESMTP\r\n")?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-sink.test\r\n250-SIZE 33554432\r\n250 8BITMIME\r\n",
            "DATA" => {
                writer.write_all(b"354 end with a dot\r\n")?;
                let (head, bytes) = text(&mut reader)?;
                writer.write_all(b"250 accepted\r\n")?;
                let at = Instant::now();
                // Nobody may be counting any more.
                mails.send(Mail { at, head, bytes }).ok();
                b""
            }
            "QUIT" => return writer.write_all(b"221 bye\r\n"),
            _ => b"250 fine\r\n",
        };
        writer.write_all(answer)?;
        line.clear();
    }
    Ok(())
}

/// Reads up to the final dot; the head, and the length of everything.
fn text(reader: &mut impl BufRead) -> io::Result<(String, usize)> {
    let (mut head, mut bytes, mut is_head) = (String::new(), 0, true);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok((head, bytes));
        }
        bytes += line.len();
        is_head &= line != b"\r\n";
        if is_head {
            head.push_str(&String::from_utf8_lossy(&line));
        }
    }
}
