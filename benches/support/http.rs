//! A small HTTP/1.1 client that keeps its connection, as a scraper does, and stays out of the way of what is
//! measured: one buffer, no pool, no TLS.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use flate2::read::GzDecoder;

use super::{Result, pause};

const ACCEPT: &str = "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const START_UP: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(30);

/// One kept connection.
pub(crate) struct Client {
    /// What is accepted as content encoding: gzip, as Prometheus asks for it, unless this is changed.
    pub(crate) encoding: &'static str,
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

/// A body as it came over the wire.
pub(crate) struct Answer {
    /// Bytes on the wire, without headers and chunk sizes.
    pub(crate) body: Vec<u8>,
    gzip: bool,
}

#[derive(Default)]
struct Head {
    length: Option<usize>,
    chunked: bool,
    gzip: bool,
}

impl Client {
    /// Connects to a server that may still be starting.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let deadline = Instant::now() + START_UP;
        loop {
            match TcpStream::connect(address) {
                Ok(stream) => return Self::over(address, stream),
                Err(error) if Instant::now() > deadline => {
                    return Err(format!("nothing listens on {address}: {error}").into());
                }
                Err(_) => pause(Duration::from_millis(20)),
            }
        }
    }

    /// Gets `path`. Any status but 200 is an error.
    pub(crate) fn get(&mut self, path: &str) -> Result<Answer> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: {ACCEPT}\r\nAccept-Encoding: {}\r\n\r\n",
            self.address, self.encoding
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let head = self.head(path)?;
        let body = self.body(&head)?;
        Ok(Answer {
            body,
            gzip: head.gzip,
        })
    }

    fn over(address: SocketAddr, stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER))?;
        Ok(Self {
            encoding: "gzip",
            address,
            stream: BufReader::with_capacity(64 * 1024, stream),
        })
    }

    fn head(&mut self, path: &str) -> Result<Head> {
        let status = self.line()?;
        if status.split(' ').nth(1) != Some("200") {
            return Err(format!("{} answered {path} with {status}", self.address).into());
        }
        let mut head = Head::default();
        loop {
            let line = self.line()?.to_ascii_lowercase();
            let Some((name, value)) = line.split_once(':') else {
                return Ok(head);
            };
            match (name, value.trim()) {
                ("content-length", length) => head.length = Some(length.parse()?),
                ("transfer-encoding", "chunked") => head.chunked = true,
                ("content-encoding", "gzip") => head.gzip = true,
                _ => {}
            }
        }
    }

    fn body(&mut self, head: &Head) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        if !head.chunked {
            self.take(head.length.ok_or("an answer without a length")?, &mut body)?;
            return Ok(body);
        }
        loop {
            let size = usize::from_str_radix(self.line()?.trim(), 16)?;
            self.take(size, &mut body)?;
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn take(&mut self, size: usize, body: &mut Vec<u8>) -> io::Result<()> {
        let start = body.len();
        body.resize(start + size, 0);
        let (_, rest) = body.split_at_mut(start);
        self.stream.read_exact(rest)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

impl Answer {
    /// The text behind the content encoding.
    pub(crate) fn text(&self) -> Result<String> {
        let mut text = String::new();
        if self.gzip {
            GzDecoder::new(self.body.as_slice()).read_to_string(&mut text)?;
        } else {
            self.body.as_slice().read_to_string(&mut text)?;
        }
        Ok(text)
    }
}
