//! Which pages may act for the person who is signed in in their browser.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::http::{HeaderMap, header};
use reqwest::Url;

use crate::{app::App, config::Config, http::Problem};

/// Longest origin and host that an answer and the log repeat, in characters.
const SHOWN_MAX_CHARS: usize = 200;

/// Where a page comes from: what browsers compare.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    /// In lower case, without a final dot.
    host: String,
    /// The scheme's own where none is written.
    port: u16,
}

impl Origin {
    /// Reads what an `Origin` header says; `None` for `null` and whatever is not an origin.
    fn read(text: &str) -> Option<Self> {
        let (_, host) = text.split_once("://")?;
        // An origin ends with its host: a parser of addresses would accept a name, a path and more.
        if host.is_empty() || host.contains(['/', '\\', '?', '#', '@']) {
            return None;
        }
        let url = Url::parse(text).ok()?;
        let host = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
        let port = url.port_or_known_default()?;
        let is_web = matches!(url.scheme(), "http" | "https");
        is_web.then(|| Self { scheme: url.scheme().to_owned(), host, port })
    }

    /// Whether the page comes from the server that was called by this `Host`. TLS may end at a proxy, so both
    /// schemes are the server's own.
    fn is_at(&self, host: &str) -> bool {
        Self::read(&format!("{}://{host}", self.scheme)).as_ref() == Some(self)
    }
}

/// Whether an origin is one of those that are configured.
pub(crate) fn is_listed(config: &Config, origin: &str) -> bool {
    let origin = Origin::read(origin);
    origin.is_some() && config.allowed_origins.iter().any(|allowed| Origin::read(allowed) == origin)
}

/// Lets a request pass whose page is the server's own, or is listed.
///
/// # Errors
/// `403` that names the page, the name that the server was called by, and the option that allows it.
pub(crate) fn require_own_page(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (origin, second) = (origins.next(), origins.next());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Some(origin) = origin else {
        return Err(Problem::forbidden(
            "The session cookie counts only with an Origin header, which browsers send; other programs send \
             Authorization: Bearer TOKEN",
        ));
    };
    if second.is_none()
        && let Ok(text) = origin.to_str()
        && (is_listed(&app.config, text)
            || Origin::read(text).is_some_and(|origin| origin.is_at(host)))
    {
        return Ok(());
    }
    let shown = |text: &str| text.chars().take(SHOWN_MAX_CHARS).collect::<String>();
    let (origin, host) = (shown(&String::from_utf8_lossy(origin.as_bytes())), shown(host));
    // Strangers cause it: it must not fill the log.
    if app.foreign_pages_in_log.allows() {
        tracing::warn!(
            origin,
            host,
            "a page of another origin was refused; if it is the hotel's own, let the proxy pass the Host header on, \
             or list the page with --allowed-origin"
        );
    }
    Err(Problem::forbidden(format!(
        "The page {origin} may not act for anybody at this server, which was called as {host}. If it is the hotel's \
         own page: let the proxy pass the Host header on as it is, or start the server with --allowed-origin {origin}"
    )))
}

/// A listed origin whose pages no browser would ever send the session cookie from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "--allowed-origin {origin}: {reason}. Pages of another site cannot use the HTTP interface, as browsers never send the \
     session cookie from there; let the server of that site call with a bearer token instead"
)]
pub struct ForeignOrigin {
    origin: String,
    reason: Arc<str>,
}

/// Checks that pages of the listed origins are of the server's own site: another port or a sub-domain of a name by
/// which it is called.
///
/// # Errors
/// [`ForeignOrigin`]: the first one that is not.
pub(crate) fn check_listed(config: &Config, listener: SocketAddr) -> Result<(), ForeignOrigin> {
    for text in &config.allowed_origins {
        if let Err(reason) = same_site(config, listener, text) {
            return Err(ForeignOrigin { origin: text.clone(), reason: reason.into() });
        }
    }
    Ok(())
}

fn same_site(config: &Config, listener: SocketAddr, text: &str) -> Result<(), String> {
    let origin =
        Origin::read(text).ok_or("write scheme and host, such as https://desk.hotel.example")?;
    if config.tls.is_some() && origin.scheme != "https" {
        return Err("this server is called with https, and http is another site".to_owned());
    }
    if let Ok(address) = origin.host.trim_matches(['[', ']']).parse::<IpAddr>() {
        let address = address.to_canonical();
        // Beyond loopback the addresses of this computer are not known.
        let is_own = match listener.ip().to_canonical() {
            own if own.is_loopback() => address.is_loopback(),
            own => own.is_unspecified() || own == address,
        };
        let is_named =
            config.public_hosts.iter().any(|host| host.eq_ignore_ascii_case(&origin.host));
        return if is_own || is_named {
            Ok(())
        } else {
            Err(format!("this server does not have the address {}", origin.host))
        };
    }
    let names = || config.public_hosts.iter().map(String::as_str).chain(["localhost"]);
    let is_below = |name: &str| {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let before = origin.host.strip_suffix(&name);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    if names().any(is_below) {
        return Ok(());
    }
    Err(if config.public_hosts.is_empty() {
        "name this server with --public-host first; the page must be of that name or of a sub-domain of it".to_owned()
    } else {
        let names = config.public_hosts.join(" or ");
        format!("it is neither another port nor a sub-domain of {names} (--public-host)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_ports_are_filled_in_and_case_does_not_matter() {
        for (origin, host, expected) in [
            ("https://desk.example", "desk.example", true),
            ("https://desk.example", "desk.example:443", true),
            ("https://desk.example", "Desk.Example", true),
            ("HTTPS://Desk.Example:443", "desk.example", true),
            ("https://desk.example:8443", "desk.example:8443", true),
            ("http://desk.example", "desk.example:80", true),
            ("http://desk.example:80", "desk.example", true),
            ("https://desk.example.", "desk.example", true),
            ("http://[::1]:8765", "[::1]:8765", true),
            ("http://[0:0:0:0:0:0:0:1]:8765", "[::1]:8765", true),
            // A proxy on another port that passes only the name on.
            ("https://desk.example:8443", "desk.example", false),
            ("http://desk.example", "desk.example:443", false),
            ("https://desk.example", "desk.example:80", false),
            ("https://desk.example", "127.0.0.1:8765", false),
            ("https://desk.example.evil.example", "desk.example", false),
            ("https://evildesk.example", "desk.example", false),
            ("https://desk.example@evil.example", "desk.example", false),
            ("https://me@desk.example", "desk.example", false),
            ("https://desk.example/", "desk.example", false),
            ("ftp://desk.example", "desk.example", false),
            ("//desk.example", "desk.example", false),
            ("desk.example", "desk.example", false),
            ("null", "desk.example", false),
            ("", "", false),
            ("https://", "", false),
        ] {
            let is_at = Origin::read(origin).is_some_and(|origin| origin.is_at(host));
            assert_eq!(is_at, expected, "{origin} at {host}");
        }
    }

    #[test]
    fn only_another_port_or_a_sub_domain_of_the_own_name_is_the_same_site() {
        for (listener, names, origin, expected) in [
            ("127.0.0.1:8765", &["desk.example"][..], "https://desk.example:8443", true),
            ("127.0.0.1:8765", &["desk.example"], "https://pages.desk.example", true),
            ("127.0.0.1:8765", &["desk.example"], "https://DESK.example", true),
            ("127.0.0.1:8765", &["desk.example"], "https://evildesk.example", false),
            ("127.0.0.1:8765", &["desk.example"], "https://desk.example.evil.example", false),
            ("127.0.0.1:8765", &["desk.example"], "https://other.example", false),
            // The name above it may belong to everybody, as `co.uk` does.
            ("127.0.0.1:8765", &["desk.example"], "https://example", false),
            ("127.0.0.1:8765", &[], "http://localhost:5173", true),
            ("127.0.0.1:8765", &[], "http://127.0.0.1:5173", true),
            ("127.0.0.1:8765", &[], "http://192.168.0.2", false),
            ("127.0.0.1:8765", &["192.168.0.2"], "http://192.168.0.2:81", true),
            ("127.0.0.1:8765", &[], "https://desk.example", false),
            ("0.0.0.0:8765", &[], "http://192.168.0.2:81", true),
            ("192.168.0.2:8765", &[], "http://192.168.0.2:81", true),
            ("192.168.0.2:8765", &[], "http://192.168.0.3:81", false),
            ("0.0.0.0:8765", &[], "https://desk.example", false),
            ("0.0.0.0:8765", &["desk.example"], "nonsense", false),
        ] {
            let mut config = Config::new("");
            config.public_hosts = names.iter().map(|name| (*name).to_owned()).collect();
            config.allowed_origins = vec![origin.to_owned()];
            let checked = check_listed(&config, listener.parse().unwrap());
            assert_eq!(checked.is_ok(), expected, "{origin} on {listener}: {checked:?}");
        }
    }
}
