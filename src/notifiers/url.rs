//! Checks the addresses notifiers send to.

use crate::{problem::Problems, units::Secret};

/// Reports every entry of the list `urls` that is not an absolute http or https address.
/// The text of an entry is not repeated, as it may hold a password or a token.
pub(super) fn validate_list(urls: &[String], problems: &mut Problems) {
    problems.within("urls", |p| {
        for (index, url) in urls.iter().enumerate() {
            if url.contains(Secret::HIDDEN) {
                p.at_index(index, |p| {
                    p.push(
                        "",
                        "given the mark that `print-config` writes in place of a secret; accepted: the address itself",
                    );
                });
            } else if !is_http(url) {
                p.at_index(index, |p| {
                    p.push(
                        "",
                        "this is not a web address; accepted: `http://HOST` or `https://HOST` with port and path",
                    );
                });
            }
        }
    });
}

fn is_http(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default();
    matches!(uri.scheme_str(), Some("http" | "https")) && !host.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        for (url, fine) in [
            ("http://127.0.0.1:9093", true),
            ("https://am.example.org/prefix", true),
            ("am.example.org:9093", false),
            ("ftp://am.example.org", false),
            ("http://", false),
            ("", false),
            ("http://two words", false),
        ] {
            assert_eq!(is_http(url), fine, "{url}");
        }
    }
}
