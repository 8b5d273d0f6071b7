//! Who may ask and who may change: the allow-list of host names, which stops web pages that rebind their DNS name
//! to this host, and the proofs that a changing request needs.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Version, header, request::Parts, uri::Authority},
    middleware::Next,
    response::Response,
};

use super::{Config, Token, answer, listen::Listen, services::Services};

/// The host names under which the server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostList {
    names: BTreeSet<String>,
}

impl HostList {
    /// What is configured, the name in the listen address, and this host's own name with and without its domain
    /// and with `.local`. IP addresses and localhost are always allowed.
    #[must_use]
    pub fn new(config: &Config, host_name: Option<&str>) -> Self {
        let mut names: BTreeSet<String> = config.allowed_hosts.iter().map(|name| normal(name)).collect();
        if let Some(Listen::Named(name, _)) = Listen::parse(&config.listen_address) {
            names.insert(normal(name));
        }
        if let Some(name) = host_name.map(normal).filter(|name| !name.is_empty()) {
            let short = name.split('.').next().unwrap_or_default().to_owned();
            names.extend([format!("{short}.local"), short, name]);
        }
        Self { names }
    }

    /// Whether a request to this `host[:port]` is answered.
    fn allows(&self, authority: &str) -> bool {
        let Some(host) = authority
            .parse::<Authority>()
            .ok()
            .filter(|_| !authority.contains('@'))
        else {
            return false;
        };
        let host = normal(host.host().trim_start_matches('[').trim_end_matches(']'));
        host.parse::<IpAddr>().is_ok()
            || host == "localhost"
            || host.ends_with(".localhost")
            || self.names.contains(&host)
    }
}

fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Whether this is a host name alone: no scheme, no port, no path.
pub(super) fn is_host_name(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !text.is_empty() && text.len() <= 253 && text.chars().all(legal)
}

/// Answers only requests that name an allowed host.
pub(super) async fn check_host(
    State(services): State<Arc<Services>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    match named_host(&request) {
        Host::Named(host) if services.hosts.load().allows(host) => next.run(request).await,
        // Health checks of load balancers speak HTTP/1.0, which knows no host; browsers never do.
        Host::Missing if request.version() == Version::HTTP_10 => next.run(request).await,
        Host::Named(host) => {
            let host: String = host.chars().take(255).collect();
            let detail = format!(
                "`{host}` is not a name this server answers to; if it should be, add it to `web.allowed_hosts`"
            );
            answer::refuse(path, StatusCode::MISDIRECTED_REQUEST, detail)
        }
        Host::Missing | Host::Garbled => answer::refuse(
            path,
            StatusCode::BAD_REQUEST,
            "the request must name exactly one host in `Host`",
        ),
    }
}

enum Host<'a> {
    Named(&'a str),
    Missing,
    Garbled,
}

fn named_host(request: &Request) -> Host<'_> {
    if let Some(authority) = request.uri().authority() {
        return Host::Named(authority.as_str());
    }
    let mut given = request.headers().get_all(header::HOST).iter();
    match (given.next(), given.next()) {
        (None, _) => Host::Missing,
        (Some(host), None) => host.to_str().map_or(Host::Garbled, Host::Named),
        (Some(_), Some(_)) => Host::Garbled,
    }
}

/// Proof that a request may change something: it does not come from a web page of another origin, and whoever
/// sent it can read the local token.
pub(super) struct Authorized;

impl FromRequestParts<Arc<Services>> for Authorized {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, services: &Arc<Services>) -> Result<Self, Response> {
        let path = parts.uri.path();
        authorize(&parts.headers, services.token.as_ref()).map_err(|refusal| match refusal {
            Refusal::Never(why) => answer::refuse(path, StatusCode::FORBIDDEN, why),
            Refusal::ShowToken(how) => answer::unauthorized(path, how),
        })
    }
}

enum Refusal {
    Never(&'static str),
    ShowToken(String),
}

fn authorize(headers: &HeaderMap, token: Option<&Token>) -> Result<Authorized, Refusal> {
    if !is_same_origin(headers) {
        return Err(Refusal::Never(
            "requests from pages of another origin change nothing",
        ));
    }
    let no_token = "this instance has no local token, because `data_dir` could not be written at its start";
    let token = token.ok_or(Refusal::Never(no_token))?;
    let given = headers.get(header::AUTHORIZATION);
    if given.is_some_and(|given| token.authorizes(given.as_bytes())) {
        return Ok(Authorized);
    }
    let how = format!(
        "send `Authorization: Bearer …` with the token in {}",
        token.path().display()
    );
    Err(Refusal::ShowToken(how))
}

/// What browsers tell about the page a request comes from; programs tell nothing.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let site_fits = headers
        .get_all("sec-fetch-site")
        .iter()
        .all(|site| site == "same-origin" || site == "none");
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
    let origin_fits = headers.get_all(header::ORIGIN).iter().all(|origin| {
        let origin = origin.as_bytes();
        let authority = origin
            .strip_prefix(b"http://")
            .or_else(|| origin.strip_prefix(b"https://"));
        matches!((authority, host), (Some(authority), Some(host)) if authority.eq_ignore_ascii_case(host))
    });
    site_fits && origin_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_a_rebinding_page_cannot_use_are_allowed() {
        let config = Config {
            listen_address: "monitor:10980".to_owned(),
            allowed_hosts: vec!["Kestrel.Example.org".to_owned()],
            ..Config::default()
        };
        let list = HostList::new(&config, Some("box.lan"));
        let rows = [
            ("127.0.0.1:10980", true),
            ("192.168.1.7", true),
            ("[::1]:10980", true),
            ("[fe80::1]", true),
            ("localhost:10980", true),
            ("LOCALHOST.", true),
            ("app.localhost", true),
            ("box.lan:1", true),
            ("box", true),
            ("box.local", true),
            ("monitor", true),
            ("kestrel.example.org:443", true),
            ("kestrel.example.org.", true),
            ("evil.example.org", false),
            ("example.org", false),
            ("x.kestrel.example.org", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("localhost@evil.example", false),
            ("evil.example@localhost", false),
            ("", false),
            ("[::1", false),
            ("a b", false),
        ];
        for (host, expected) in rows {
            assert_eq!(list.allows(host), expected, "{host}");
        }
        assert!(!HostList::new(&Config::default(), None).allows("box"));
    }

    #[test]
    fn only_pages_of_our_own_origin_and_programs_may_change_something() {
        let rows: [(&[(&str, &str)], bool); 9] = [
            (&[("host", "box:1")], true),
            (
                &[
                    ("host", "box:1"),
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "http://box:1"),
                ],
                true,
            ),
            (&[("host", "box:1"), ("origin", "https://BOX:1")], true),
            (&[("host", "box:1"), ("sec-fetch-site", "none")], true),
            (&[("host", "box:1"), ("sec-fetch-site", "cross-site")], false),
            (&[("host", "box:1"), ("sec-fetch-site", "same-site")], false),
            (&[("host", "box:1"), ("origin", "http://box:2")], false),
            (&[("host", "box:1"), ("origin", "null")], false),
            (&[("origin", "http://box:1")], false),
        ];
        for (given, expected) in rows {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                headers.append(*name, value.parse().expect("legal"));
            }
            assert_eq!(is_same_origin(&headers), expected, "{given:?}");
        }
    }
}
