//! Servers that take what the program sends, as far as a test wants it: on threads of the caller's network, until the
//! test's process ends.

use std::{
    io::{BufRead, BufReader, Read, Result, Write},
    net::{SocketAddr, TcpListener, TcpStream},
};

/// A mail server that takes every mail but those to `refused@`.
pub(crate) fn mail_server() -> SocketAddr {
    serve(|stream| {
        let mut answer = stream.try_clone()?;
        let mut say = |line: &str| write!(answer, "{line}\r\n");
        say("220 test")?;
        let mut in_mail = false;
        for line in BufReader::new(stream).lines() {
            let line = line?;
            let command = line.to_ascii_uppercase();
            if in_mail {
                in_mail = line != ".";
                if !in_mail {
                    say("250 taken")?;
                }
            } else if command.starts_with("DATA") {
                in_mail = true;
                say("354 go on")?;
            } else if command.starts_with("RCPT TO:<REFUSED@") {
                say("550 nobody here of that name")?;
            } else {
                say("250 fine")?;
            }
        }
        Ok(())
    })
}

/// A web server that answers every request with 200.
pub(crate) fn web_server() -> SocketAddr {
    serve(|mut stream| {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut length = 0;
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 && line != "\r\n" {
            let header = line.to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            line.clear();
        }
        reader.take(length).read_to_end(&mut Vec::new())?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    })
}

/// Takes connections on a free port of loopback, each on a thread of its own.
fn serve(talk: fn(TcpStream) -> Result<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            // What goes wrong here shows in what the program then reports.
            std::thread::spawn(move || talk(connection));
        }
    });
    address
}
