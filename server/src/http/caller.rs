//! Who calls: the address that counts, also behind a proxy.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::Ordering,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{Extensions, HeaderMap, HeaderName, request::Parts},
    middleware::Next,
    response::Response,
};
use ipnet::IpNet;

use crate::{app::App, listen::FORWARDED_PROTO};

use super::host;

/// In which proxies say who calls.
pub(super) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The caller's address; the proxy's where the proxy does not say who calls.
    pub(crate) address: IpAddr,
    /// A trusted proxy passed the request on and does not say who calls.
    pub(crate) is_unknown: bool,
}

impl Caller {
    fn of(app: &App, parts: &Parts) -> Self {
        Self::new(peer(&parts.extensions), &parts.headers, &app.config.trusted_proxies)
    }

    /// The last address that no trusted proxy has: what stands before it, anybody may have written.
    fn new(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> Self {
        let mut address = peer.to_canonical();
        let mut is_unknown = is_trusted(address, proxies);
        let forwarded: Vec<_> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .flat_map(|value| value.to_str().unwrap_or_default().split(','))
            .collect();
        for hop in forwarded.iter().rev() {
            if !is_trusted(address, proxies) {
                break;
            }
            let Some(next) = hop_address(hop) else {
                // Who called this proxy is unknown, too.
                is_unknown = true;
                break;
            };
            address = next.to_canonical();
            is_unknown = false;
        }
        Self { address, is_unknown }
    }

    /// The address that its wrong passwords count for, if it is known.
    pub(crate) fn known_address(self) -> Option<IpAddr> {
        (!self.is_unknown).then_some(self.address)
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(app, parts))
    }
}

/// The address that opened the connection.
fn peer(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| info.0.ip())
}

/// The address of a hop in `X-Forwarded-For`; some proxies add the port.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Whether one of the listed proxies has this address.
pub(crate) fn is_trusted(address: IpAddr, proxies: &[IpNet]) -> bool {
    proxies.iter().any(|proxy| proxy.contains(&address.to_canonical()))
}

/// Logs, once, that a trusted proxy does not say who calls. Probes are the proxy's own.
pub(super) async fn report_silent_proxy(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    if !host::is_probe(request.uri().path()) && !app.config.trusted_proxies.is_empty() {
        let peer = peer(request.extensions());
        let caller = Caller::new(peer, request.headers(), &app.config.trusted_proxies);
        if caller.is_unknown && !app.silent_proxy_reported.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                proxy = %peer,
                "a trusted proxy sends no X-Forwarded-For header with an address: who calls is unknown, so wrong \
                 passwords count for the account alone; see docs/operations.md"
            );
        }
    }
    next.run(request).await
}

/// Whether the caller speaks TLS, with this server or with a proxy that says so: the first value counts, which
/// the outermost proxy has written. A forged header harms only its sender.
pub(super) fn is_tls(headers: &HeaderMap) -> bool {
    headers
        .get(FORWARDED_PROTO)
        .and_then(|protos| protos.to_str().ok())
        .and_then(|protos| protos.split(',').next())
        .is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_say_who_calls() {
        for (peer, forwarded, expected, is_unknown) in [
            // Nobody trusted in between: the header is the caller's own invention.
            ("203.0.113.9", &["10.9.9.9"][..], "203.0.113.9", false),
            ("203.0.113.9", &[], "203.0.113.9", false),
            ("10.0.0.2", &["203.0.113.9"], "203.0.113.9", false),
            ("::ffff:10.0.0.2", &["203.0.113.9"], "203.0.113.9", false),
            // What the caller wrote itself stands before what the proxy added.
            ("10.0.0.2", &["10.9.9.9, 203.0.113.9"], "203.0.113.9", false),
            ("10.0.0.2", &["10.9.9.9", "203.0.113.9"], "203.0.113.9", false),
            // Two proxies, both trusted.
            ("10.0.0.2", &["203.0.113.9, 10.0.0.3"], "203.0.113.9", false),
            ("10.0.0.2", &["8.8.8.8, 203.0.113.9, 10.0.0.3"], "203.0.113.9", false),
            ("10.0.0.2", &["2001:db8::7"], "2001:db8::7", false),
            // Some add the port.
            ("10.0.0.2", &["203.0.113.9:4711"], "203.0.113.9", false),
            ("10.0.0.2", &["[2001:db8::7]:4711"], "2001:db8::7", false),
            ("10.0.0.2", &["[2001:db8::7]"], "2001:db8::7", false),
            // A proxy that says nothing, or nothing that can be read.
            ("10.0.0.2", &[], "10.0.0.2", true),
            ("10.0.0.2", &["nonsense"], "10.0.0.2", true),
            ("10.0.0.2", &[""], "10.0.0.2", true),
            ("10.0.0.2", &["203.0.113.9, nonsense"], "10.0.0.2", true),
            ("10.0.0.2", &["nonsense, 10.0.0.3"], "10.0.0.3", true),
            // A proxy calls itself.
            ("10.0.0.2", &["10.0.0.3"], "10.0.0.3", false),
        ] {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append(FORWARDED_FOR, value.parse().unwrap());
            }
            let proxies = ["10.0.0.0/29".parse().unwrap()];
            let found = Caller::new(peer.parse().unwrap(), &headers, &proxies);
            let expected = Caller { address: expected.parse().unwrap(), is_unknown };
            assert_eq!(found, expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn the_first_protocol_counts_in_any_case() {
        for (value, expected) in [
            ("https", true),
            ("HTTPS", true),
            ("https,http", true),
            (" Https , http", true),
            ("http", false),
            ("http,https", false),
            ("", false),
            ("httpsx", false),
        ] {
            let headers = HeaderMap::from_iter([(FORWARDED_PROTO, value.parse().unwrap())]);
            assert_eq!(is_tls(&headers), expected, "{value:?}");
        }
    }
}
