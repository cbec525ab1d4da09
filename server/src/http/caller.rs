//! Who calls: the address that counts, also behind a proxy.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};
use ipnet::IpNet;

use crate::{app::App, listen::FORWARDED_PROTO};

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) address: IpAddr,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| info.0.ip());
        Ok(Self { address: address(peer, &parts.headers, &app.config.trusted_proxies) })
    }
}

/// Whether one of the listed proxies has this address.
pub(crate) fn is_trusted(address: IpAddr, proxies: &[IpNet]) -> bool {
    proxies.iter().any(|proxy| proxy.contains(&address.to_canonical()))
}

/// The last address that no trusted proxy has: what stands before it, anybody may have written.
fn address(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let mut address = peer.to_canonical();
    let forwarded: Vec<_> = headers
        .get_all("x-forwarded-for")
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .collect();
    for hop in forwarded.iter().rev() {
        if !is_trusted(address, proxies) {
            break;
        }
        let Ok(next) = hop.trim().parse::<IpAddr>() else { break };
        address = next.to_canonical();
    }
    address
}

/// Whether the caller speaks TLS, with this server or with a proxy that says so. A forged header harms
/// only its sender.
pub(super) fn is_tls(headers: &HeaderMap) -> bool {
    headers.get(FORWARDED_PROTO).is_some_and(|proto| proto == "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_say_who_calls() {
        for (peer, forwarded, expected) in [
            // Nobody trusted in between: the header is the caller's own invention.
            ("203.0.113.9", &["10.9.9.9"][..], "203.0.113.9"),
            ("10.0.0.2", &["203.0.113.9"], "203.0.113.9"),
            ("::ffff:10.0.0.2", &["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.2", &[], "10.0.0.2"),
            // What the caller wrote itself stands before what the proxy added.
            ("10.0.0.2", &["10.9.9.9, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.2", &["10.9.9.9", "203.0.113.9"], "203.0.113.9"),
            // Two proxies, both trusted.
            ("10.0.0.2", &["203.0.113.9, 10.0.0.3"], "203.0.113.9"),
            ("10.0.0.2", &["8.8.8.8, 203.0.113.9, 10.0.0.3"], "203.0.113.9"),
            ("10.0.0.2", &["nonsense"], "10.0.0.2"),
            ("10.0.0.2", &["203.0.113.9, nonsense"], "10.0.0.2"),
            ("10.0.0.2", &["2001:db8::7"], "2001:db8::7"),
        ] {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            let proxies = ["10.0.0.0/29".parse().unwrap()];
            let found = address(peer.parse().unwrap(), &headers, &proxies);
            assert_eq!(found.to_string(), expected, "{peer} {forwarded:?}");
        }
    }
}
