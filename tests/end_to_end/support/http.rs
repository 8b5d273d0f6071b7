//! A small HTTP/1.0 client: one request per connection, the answer as it came.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// Header lines in the order they came, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// Body as sent.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Value of the first header of that name, given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }
}

/// A server to ask.
#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    connect: fn(&str, SocketAddr) -> std::io::Result<TcpStream>,
    place: String,
}

impl Client {
    /// A server that this process reaches directly.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connect: |_, address| TcpStream::connect_timeout(&address, TIMEOUT),
            place: String::new(),
        }
    }

    /// A server inside the network namespace of that name.
    #[cfg(target_os = "linux")]
    pub(crate) fn inside(namespace: &str, address: SocketAddr) -> Self {
        Self {
            address,
            connect: |namespace, address| {
                super::namespace::inside(namespace, move || TcpStream::connect_timeout(&address, TIMEOUT))
            },
            place: namespace.to_owned(),
        }
    }

    /// Address and port of the server.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection to the server.
    pub(crate) fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = (self.connect)(&self.place, self.address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(stream)
    }

    /// GET without further headers; fails where nobody answers.
    pub(crate) fn try_get(&self, path: &str) -> std::io::Result<Answer> {
        self.request("GET", path, &[])
    }

    /// GET without further headers.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    /// GET with headers.
    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.request("GET", path, headers)
            .unwrap_or_else(|error| panic!("GET {path} at {}: {error}", self.address))
    }

    /// A request without a body.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> std::io::Result<Answer> {
        let mut stream = self.connect()?;
        let mut request = format!("{method} {path} HTTP/1.0\r\nHost: {}\r\n", self.address).into_bytes();
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n")?;
        }
        request.extend_from_slice(b"\r\n");
        stream.write_all(&request)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        parse(&answer).ok_or_else(|| std::io::Error::other(format!("no HTTP answer: {answer:?}")))
    }
}

/// Splits an answer into its parts; `None` when it is none.
pub(crate) fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Answer {
        status,
        headers,
        body: answer.get(end + 4..)?.to_vec(),
    })
}

/// Text as part of a query string.
pub(crate) fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
