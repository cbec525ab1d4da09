//! The name by which a browser thinks it calls. A page of `evil.example` whose name suddenly stands for
//! `127.0.0.1` (DNS rebinding) would be of the same origin as the server; its name gives it away.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::{StatusCode, Version, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::config::Config;

use super::problem::Problem;

/// Under which names the server is called.
#[derive(Debug)]
pub(super) struct Hosts {
    named: Vec<String>,
    is_local: bool,
}

impl Hosts {
    /// Those that are configured, and what follows from where the server listens.
    pub(super) fn new(config: &Config, listener: SocketAddr) -> Self {
        let origins = config.allowed_origins.iter().filter_map(|origin| {
            let (_, host) = origin.split_once("://")?;
            Some(name(host).to_ascii_lowercase())
        });
        let named = config.public_hosts.iter().map(|host| host.to_ascii_lowercase());
        Self { named: named.chain(origins).collect(), is_local: listener.ip().is_loopback() }
    }

    /// Whether the server is called so. An address cannot be made to stand for another one, so only
    /// a server on loopback minds which one it is.
    fn has(&self, host: &str) -> bool {
        let name = name(host).trim_end_matches('.').to_ascii_lowercase();
        if name == "localhost" || self.named.contains(&name) {
            return true;
        }
        match name.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => !self.is_local || address.to_canonical().is_loopback(),
            // Without a list, a server of the network may be called anything.
            Err(_) => !self.is_local && self.named.is_empty() && !name.is_empty(),
        }
    }
}

/// A host without its port.
fn name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a host is this computer as it calls itself.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = name(host).trim_end_matches('.');
    name.eq_ignore_ascii_case("localhost")
        || name
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Whether a path is for those who ask whether the server lives.
pub(super) fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

/// Refuses what is meant for another name.
pub(super) async fn check(
    State(hosts): State<Arc<Hosts>>,
    request: Request,
    next: Next,
) -> Response {
    let mut given = request.headers().get_all(header::HOST).iter();
    let first = given.next().and_then(|host| host.to_str().ok());
    let is_right = match (first, given.next(), request.uri().host()) {
        // Probes of the old kind name nobody; a browser always does.
        (None, None, None) => {
            request.version() == Version::HTTP_10
                && !request.headers().contains_key(header::HOST)
                && is_probe(request.uri().path())
        }
        (Some(host), None, uri) => hosts.has(host) && uri.is_none_or(|uri| hosts.has(uri)),
        _ => false,
    };
    if is_right {
        return next.run(request).await;
    }
    Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "unknown_host",
        "This host name is not configured on this server; its operator can add it with \
         --public-host",
    )
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(listener: &str, public_hosts: &[&str]) -> Hosts {
        let mut config = Config::new("");
        config.public_hosts = public_hosts.iter().map(|host| (*host).to_owned()).collect();
        config.allowed_origins = vec!["https://allowed.example:8443".to_owned()];
        Hosts::new(&config, listener.parse().unwrap())
    }

    #[test]
    fn a_server_on_loopback_is_called_by_loopback_and_its_own_names() {
        let hosts = hosts("127.0.0.1:8765", &["Desk.example"]);
        for (host, expected) in [
            ("127.0.0.1", true),
            ("127.0.0.1:8765", true),
            ("127.0.0.1:1", true),
            ("localhost:8765", true),
            ("LOCALHOST", true),
            ("localhost.", true),
            ("[::1]:8765", true),
            ("[::1]", true),
            ("desk.example", true),
            ("DESK.example:443", true),
            ("allowed.example", true),
            ("evil.example", false),
            ("evil.example:8765", false),
            ("localhost.evil.example", false),
            ("evil-localhost", false),
            ("127.0.0.1.evil.example", false),
            ("desk.example.evil.example", false),
            ("evildesk.example", false),
            ("10.0.0.1:8765", false),
            ("0.0.0.0", false),
            ("127.1", false),
            ("2130706433", false),
            ("", false),
            (":8765", false),
        ] {
            assert_eq!(hosts.has(host), expected, "{host:?}");
        }
    }

    #[test]
    fn a_server_of_the_network_is_called_by_its_names_or_any_address() {
        let named = hosts("0.0.0.0:8765", &["desk.example"]);
        for (host, expected) in [
            ("desk.example", true),
            ("192.168.1.5:8765", true),
            ("[fd00::5]:8765", true),
            ("evil.example", false),
        ] {
            assert_eq!(named.has(host), expected, "{host:?}");
        }
    }
}
