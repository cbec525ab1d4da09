//! Which addresses replies may be sent to. The server runs inside the hotel's network: a callback must not reach services
//! that listen only on this computer, or the metadata service of a cloud.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use ipnet::IpNet;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

/// Metadata services of clouds, which give out credentials, at addresses that are not link-local.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Why an address is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the callback's address {address} is not called, because it is {kind}")]
pub(crate) struct AddressRefused {
    address: IpAddr,
    kind: Kind,
}

/// What kind of address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    LinkLocal,
    Metadata,
    Loopback,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::LinkLocal => "link-local",
            Self::Metadata => "a cloud's metadata service",
            Self::Loopback => "this computer; --callback-network of the server can allow that",
        })
    }
}

/// Which addresses may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddressRules {
    /// Whether this computer may be called.
    pub(crate) loopback: bool,
    /// Networks of this computer that may be called all the same.
    pub(crate) networks: Vec<IpNet>,
}

impl AddressRules {
    /// Checks an address.
    ///
    /// # Errors
    /// [`AddressRefused`].
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), AddressRefused> {
        let real = real_address(address);
        let kind = if is_link_local(real) {
            Kind::LinkLocal
        } else if METADATA.contains(&real) {
            Kind::Metadata
        } else if is_this_computer(real) && !self.loopback && !self.is_listed(real) {
            Kind::Loopback
        } else {
            return Ok(());
        };
        Err(AddressRefused { address, kind })
    }

    fn is_listed(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Checks the address in a URL; other names than `localhost` are checked when they have been resolved.
    ///
    /// # Errors
    /// [`AddressRefused`].
    pub(crate) fn check_url(&self, url: &Url) -> Result<(), AddressRefused> {
        let host = url.host_str().unwrap_or_default();
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            return self.check(address);
        }
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        if name == "localhost" || name.ends_with(".localhost") {
            return self.check(Ipv4Addr::LOCALHOST.into());
        }
        Ok(())
    }
}

/// The address that is reached: some IPv6 addresses contain an IPv4 address, which is reached instead.
fn real_address(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    let segments = v6.segments();
    let ipv4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // NAT64 (RFC 6052, RFC 8215).
        [0x64, 0xff9b, 0 | 1, .., high, low] => ipv4(high, low),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => ipv4(high, low),
        // IPv4-compatible; `::` and `::1` are the unspecified and the loopback address.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => ipv4(high, low),
        _ => v6.into(),
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// Loopback and unspecified addresses: the system connects to itself for both.
fn is_this_computer(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.octets().first() == Some(&0),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified(),
    }
}

/// Resolves names as the system does, without addresses that may not be called. Names are resolved for each new
/// connection, because their addresses can change.
#[derive(Clone, Debug)]
pub(super) struct CheckedResolver(pub(super) AddressRules);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let mut refused = None;
            let allowed: Vec<SocketAddr> = found
                .filter(|address| match rules.check(address.ip()) {
                    Ok(()) => true,
                    Err(error) => {
                        refused = Some(error);
                        false
                    }
                })
                .collect();
            match refused {
                Some(error) if allowed.is_empty() => Err(error.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(loopback: bool, networks: &[&str]) -> AddressRules {
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        AddressRules { loopback, networks }
    }

    fn is_refused(rules: &AddressRules, url: &str) -> bool {
        rules.check_url(&url.parse().unwrap()).is_err()
    }

    #[test]
    fn link_local_and_metadata_addresses_are_refused_however_they_are_written() {
        let all = rules(true, &["0.0.0.0/0", "::/0"]);
        for url in [
            "http://169.254.169.254/latest/meta-data/",
            "http://169.254.0.1/",
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://0251.0376.0251.0376/",
            "http://169.254.43518/",
            "http://[fe80::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://[::169.254.169.254]/",
            "http://[64:ff9b::169.254.169.254]/",
            "http://[64:ff9b:1::a9fe:a9fe]/",
            "http://[2002:a9fe:a9fe::1]/",
            "http://[fd00:ec2::254]/",
            "http://[fd20:ce::254]/",
            "http://100.100.100.200/",
            "http://168.63.129.16/",
            "http://192.0.0.192/",
        ] {
            assert!(is_refused(&all, url), "{url}");
        }
    }

    #[test]
    fn loopback_is_refused_unless_it_is_allowed_or_listed() {
        let (none, listed) = (rules(false, &[]), rules(false, &["127.0.0.0/8"]));
        for url in [
            "http://127.0.0.1:9/",
            "http://127.1/",
            "http://2130706433/",
            "http://0/",
            "http://0.0.0.0/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://desk.localhost/",
        ] {
            assert!(is_refused(&none, url), "{url}");
            assert!(!is_refused(&rules(true, &[]), url), "{url}");
        }
        for url in ["http://127.0.0.1/", "http://[::ffff:127.0.0.1]/", "http://localhost/"] {
            assert!(!is_refused(&listed, url), "{url}");
        }
        assert!(is_refused(&listed, "http://[::1]/"));
        assert!(!is_refused(&rules(false, &["::1/128"]), "http://[::1]/"));
        assert!(is_refused(&listed, "http://0.0.0.0/"), "only what is listed");
    }

    #[test]
    fn private_and_public_addresses_and_names_are_called() {
        let none = rules(false, &[]);
        for url in [
            "http://192.168.1.20:9000/replies",
            "http://10.0.0.5/",
            "http://[fd12:3456::1]/",
            "https://203.0.113.7/",
            "https://[2001:db8::1]/",
            "https://sms.example/",
            "https://localhost.example/",
        ] {
            assert!(!is_refused(&none, url), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_refused_address_is_refused() {
        let resolve = async |rules: AddressRules| {
            let resolver = CheckedResolver(rules);
            resolver.resolve("localhost".parse().unwrap()).await.map(Iterator::count)
        };
        let refused = resolve(rules(false, &[])).await.unwrap_err();
        assert!(refused.downcast_ref::<AddressRefused>().is_some(), "{refused}");
        assert!(resolve(rules(true, &[])).await.unwrap() > 0);
    }
}
