//! An HTTP proxy in front of the program that can rewrite what a scraper accepts, and remembers what it was given.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use super::http::{Client, parse};

/// The running proxy; it ends with the test's process.
pub(crate) struct Proxy {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

/// What the proxy does to the header `Accept`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Accept {
    /// It passes.
    Untouched,
    /// It becomes this.
    Instead(&'static str),
}

impl Proxy {
    /// Starts it before the server.
    pub(crate) fn start(server: &Client, accept: Accept) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (server, seen) = (server.clone(), Arc::new(Mutex::new(Vec::new())));
        let sink = Arc::clone(&seen);
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (server, sink) = (server.clone(), Arc::clone(&sink));
                std::thread::spawn(move || {
                    // The scraper reports what goes wrong here as a failed scrape.
                    let content_type = pass_on(connection, &server, accept).ok().flatten();
                    sink.lock().unwrap().extend(content_type);
                });
            }
        });
        Self { address, seen }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The Content-Type of every answer so far.
    pub(crate) fn content_types(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// One request and its answer; the connection ends with it.
fn pass_on(mut scraper: TcpStream, server: &Client, accept: Accept) -> std::io::Result<Option<String>> {
    let mut head = String::new();
    let mut lines = BufReader::new(scraper.try_clone()?).lines();
    while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
        head.push_str(&rewritten(line, accept));
        head.push_str("\r\n");
    }
    let mut upstream = server.connect()?;
    upstream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    scraper.write_all(&answer)?;
    Ok(parse(&answer).and_then(|answer| answer.header("content-type").map(str::to_owned)))
}

fn rewritten(line: String, accept: Accept) -> String {
    let name = line.split(':').next().unwrap_or_default();
    match accept {
        Accept::Instead(value) if name.eq_ignore_ascii_case("accept") => format!("{name}: {value}"),
        _ => line,
    }
}
