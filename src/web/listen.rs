//! Reads the listen address and opens the socket, so that a bad address is reported before anything starts.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs},
};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::{Config, Error, access::is_host_name};

/// Connections that wait to be accepted: a thousand probes may be asked for at once, and whoever finds no room in this
/// queue tries again after a whole second.
const BACKLOG: i32 = 1024;

/// Where to listen.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Listen<'a> {
    /// Every address of this host, IPv6 and IPv4.
    Everywhere(u16),
    /// One address.
    At(SocketAddr),
    /// The address of a name.
    Named(&'a str, u16),
}

impl<'a> Listen<'a> {
    /// Reads `127.0.0.1:10980`, `[::1]:10980`, `:10980` or `localhost:10980`.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if let Ok(address) = text.parse() {
            return Some(Self::At(address));
        }
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok()?;
        match host {
            "" => Some(Self::Everywhere(port)),
            name if is_host_name(name) => Some(Self::Named(name, port)),
            _ => None,
        }
    }
}

/// Opens the socket that [`serve`](super::serve) takes over.
pub fn bind(config: &Config) -> Result<TcpListener, Error> {
    let address = &config.listen_address;
    let opened = match Listen::parse(address).ok_or_else(|| Error::Address(address.clone()))? {
        Listen::Everywhere(port) => everywhere(port),
        Listen::At(at) => TcpListener::bind(at),
        Listen::Named(name, port) => TcpListener::bind(resolve(name, port, address)?.as_slice()),
    };
    let widened = opened.and_then(|listener| {
        // The standard library listens with room for 128.
        SockRef::from(&listener).listen(BACKLOG)?;
        Ok(listener)
    });
    widened.map_err(|source| Error::Listen {
        address: address.clone(),
        advice: advice(&source),
        source,
    })
}

/// IPv4 first: a name such as localhost may have both, and most clients try IPv4 when IPv6 is refused.
fn resolve(name: &str, port: u16, address: &str) -> Result<Vec<SocketAddr>, Error> {
    let found = (name, port).to_socket_addrs().map_err(|source| Error::Resolve {
        address: address.to_owned(),
        source,
    })?;
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    Ok(found)
}

/// One IPv6 socket that also takes IPv4, or IPv4 alone where there is no IPv6.
fn everywhere(port: u16) -> io::Result<TcpListener> {
    let both = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_only_v6(false)?;
        // On Windows this option would let another process take over the port.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)).into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    both().or_else(|error| match error.kind() {
        ErrorKind::AddrInUse | ErrorKind::PermissionDenied => Err(error),
        _ => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)),
    })
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "another process listens there; stop it, or choose another port here or with `--web.listen-address`"
        }
        ErrorKind::PermissionDenied => "ports below 1024 need privileges; choose a higher one such as 10980",
        ErrorKind::AddrNotAvailable => "this host has no such address; `:10980` listens on all it has",
        _ => "choose an address of this host and a free port",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(address: &str) -> Config {
        Config {
            listen_address: address.to_owned(),
            ..Config::default()
        }
    }

    #[test]
    fn addresses_are_read_the_way_exporters_write_them() {
        let rows = [
            (
                "127.0.0.1:10980",
                Some(Listen::At(([127, 0, 0, 1], 10980).into())),
            ),
            ("[::1]:0", Some(Listen::At((Ipv6Addr::LOCALHOST, 0).into()))),
            (":10980", Some(Listen::Everywhere(10980))),
            ("localhost:80", Some(Listen::Named("localhost", 80))),
            ("10980", None),
            ("localhost", None),
            ("127.0.0.1:", None),
            ("127.0.0.1:65536", None),
            ("http://localhost:80", None),
            ("::1:10980", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(Listen::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn every_form_listens() {
        for address in ["127.0.0.1:0", "localhost:0", ":0"] {
            let listener = bind(&config(address)).expect(address);
            assert_ne!(listener.local_addr().expect("bound").port(), 0, "{address}");
        }
    }

    #[test]
    fn a_taken_port_says_what_to_do() {
        let taken = bind(&config("127.0.0.1:0")).expect("binds");
        let address = taken.local_addr().expect("bound").to_string();
        let error = bind(&config(&address)).expect_err("is taken").to_string();
        let expected = format!(
            "listen on `web.listen_address` {address}: another process listens there; stop it, or choose another \
             port here or with `--web.listen-address`"
        );
        assert_eq!(error, expected);
    }

    #[test]
    fn an_address_of_another_host_is_explained() {
        let error = bind(&config("192.0.2.1:10980"))
            .expect_err("is not ours")
            .to_string();
        assert!(error.contains("this host has no such address"), "{error}");
    }
}
