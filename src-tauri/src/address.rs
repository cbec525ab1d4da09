//! Where the server is: what a person types, and what becomes of it.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU16,
    time::Duration,
};

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;

use crate::{
    error::{Error, Result},
    settings::PORT,
    trust::Trust,
};

/// The origin of a server that the app may talk to; everything it sends goes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    origin: Url,
    trust: Trust,
}

impl Server {
    /// A server on this computer.
    pub(crate) fn on_loopback(port: u16) -> Result<Self> {
        Self::parse(&format!("http://127.0.0.1:{port}"), false)
    }

    /// Reads an address as a person types it, without using the network. Without a scheme it means `https`, on this
    /// computer `http`; without a port there, the port of the server inside.
    ///
    /// # Errors
    /// `invalid_address`, or `plain_http` for an unencrypted address elsewhere unless `accept_plain_http`.
    pub(crate) fn parse(typed: &str, accept_plain_http: bool) -> Result<Self> {
        Typed::parse(typed)?.first(accept_plain_http)
    }

    /// Where this server is, when nothing but its origin is known.
    fn at(origin: Url) -> Self {
        Self { origin, trust: Trust::System }
    }

    /// Fails for an unencrypted address elsewhere than on this computer.
    ///
    /// # Errors
    /// `plain_http`.
    pub(crate) fn check_encrypted(&self) -> Result<()> {
        if self.is_encrypted() || is_loopback(&self.origin) {
            return Ok(());
        }
        Err(Error::new(
            "plain_http",
            "This address is not encrypted (http). Anyone on the network can read passwords and guest messages. \
             Use https if you can.",
        ))
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.origin.scheme() == "https"
    }

    /// The target of a redirect if it is `https` on the same host; `None`: it is another one.
    pub(crate) fn redirected(&self, location: &str) -> Option<Self> {
        let to = self.origin.join(location).ok()?;
        if to.scheme() != "https" || host(&to)? != host(&self.origin)? {
            return None;
        }
        let origin = origin("https", to.host_str()?, to.port_or_known_default()?).ok()?;
        Some(Self { origin, trust: self.trust.clone() })
    }

    /// The same server, with another word to be taken for its certificate.
    pub(crate) fn with_trust(self, trust: Trust) -> Self {
        Self { trust, ..self }
    }

    /// Whose word is taken for its certificate.
    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Whether it stands on this computer or in this house: no proxy stands before it.
    pub(crate) fn is_near(&self) -> bool {
        is_loopback(&self.origin)
            || is_in_the_house(&self.origin)
            || matches!(self.trust, Trust::Pinned(_))
    }

    /// The port, also where it is the usual one of the scheme.
    pub(crate) fn port(&self) -> Option<u16> {
        self.origin.port_or_known_default()
    }

    /// The proxy through which it is reached, without its password; `None`: there is none.
    pub(crate) fn proxy(&self) -> Option<String> {
        if self.is_near() {
            return None;
        }
        let destination = self.origin.as_str().parse().ok()?;
        let proxy = Matcher::from_system().intercept(&destination)?;
        Some(proxy.uri().to_string().trim_end_matches('/').to_owned())
    }

    /// Host and port, where what is said there is encrypted.
    pub(crate) fn place(&self) -> Option<(String, u16)> {
        let place = (host(&self.origin)?, self.origin.port_or_known_default()?);
        self.is_encrypted().then_some(place)
    }

    /// The address without a closing slash, as it is kept and shown.
    pub(crate) fn as_str(&self) -> &str {
        self.origin.as_str().trim_end_matches('/')
    }

    /// The address of a path of this server, as the window may ask for it.
    ///
    /// # Errors
    /// `invalid_path` for anything but a plain path below the root: nothing that the window says can
    /// make the program talk to another server.
    pub(crate) fn url(&self, path: &str) -> Result<Url> {
        let refuse = || Error::new("invalid_path", "This is not a path of the server.");
        let (plain, query) = path.split_once('?').unwrap_or((path, ""));
        let is_plain = plain.starts_with('/')
            && !plain.contains("//")
            && !plain.contains("..")
            && plain.bytes().all(|it| it.is_ascii_alphanumeric() || b"/_-.".contains(&it));
        let is_query = query.bytes().all(|it| it.is_ascii_graphic() && it != b'#');
        if !is_plain || !is_query {
            return Err(refuse());
        }
        let url = self.origin.join(path).map_err(|_| refuse())?;
        if url.origin() == self.origin.origin() { Ok(url) } else { Err(refuse()) }
    }
}

/// An address as a person typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Typed {
    /// `http` or `https`.
    scheme: Option<&'static str>,
    /// As it stands in a URL: IPv6 in brackets.
    host: String,
    port: Option<u16>,
}

impl Typed {
    /// Reads it. A path behind it is cut off: people copy addresses out of their browser.
    ///
    /// # Errors
    /// `invalid_address`.
    pub(crate) fn parse(typed: &str) -> Result<Self> {
        let typed = typed.trim();
        let (scheme, rest) = match typed.split_once("://") {
            None => (None, typed),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Some("https"), rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Some("http"), rest),
            Some(_) => return Err(invalid()),
        };
        let rest = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
        // Credentials in an address are refused.
        if rest.contains('@') {
            return Err(invalid());
        }
        let (name, port) = match rest.rsplit_once(':') {
            _ if rest.parse::<Ipv6Addr>().is_ok() => (format!("[{rest}]"), None),
            Some((name, port)) if !port.contains(']') => {
                let port = match port {
                    "" => None,
                    port => Some(port.parse::<NonZeroU16>().map_err(|_| invalid())?.get()),
                };
                (name.to_owned(), port)
            }
            _ => (rest.to_owned(), None),
        };
        let url = origin("https", &name, DEFAULT_HTTPS)?;
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        if host.is_empty() {
            return Err(invalid());
        }
        Ok(Self { scheme, host: host.to_owned(), port })
    }

    /// Whether the scheme was typed, so that it need not be found out.
    pub(crate) fn has_scheme(&self) -> bool {
        self.scheme.is_some()
    }

    /// The server that is most likely meant.
    fn first(&self, accept_plain_http: bool) -> Result<Server> {
        let scheme = self.scheme.unwrap_or(if self.is_on_loopback() { "http" } else { "https" });
        let port = self.port.unwrap_or(match (self.scheme, scheme) {
            (None, "http") => PORT,
            (_, "http") => DEFAULT_HTTP,
            _ => DEFAULT_HTTPS,
        });
        let server = Server::at(origin(scheme, &self.host, port)?);
        match server.check_encrypted() {
            Err(error) if !accept_plain_http => Err(error),
            _ => Ok(server),
        }
    }

    /// The servers that may be meant, the likeliest first. Unencrypted ones are among them only where the person
    /// typed `http`, or on a private network.
    pub(crate) fn servers(&self, is_private: bool) -> Vec<Server> {
        let ports = self.port.map_or(&[DEFAULT_HTTPS, PORT, DEFAULT_HTTP][..], |_| &[0]);
        let mut servers = Vec::new();
        for port in ports {
            let port = self.port.unwrap_or(*port);
            for scheme in ["https", "http"] {
                let is_usual = self.port.is_some()
                    || (scheme == "https" && port != DEFAULT_HTTP)
                    || (scheme == "http" && port != DEFAULT_HTTPS);
                let is_meant = match self.scheme {
                    Some(typed) => typed == scheme,
                    None => scheme == "https" || is_private,
                };
                if is_usual && is_meant {
                    servers.extend(origin(scheme, &self.host, port).map(Server::at));
                }
            }
        }
        servers
    }

    fn is_on_loopback(&self) -> bool {
        origin("https", &self.host, DEFAULT_HTTPS).is_ok_and(|url| is_loopback(&url))
    }

    /// Whether the host is this computer, or all its addresses are those of private networks.
    pub(crate) async fn is_private(&self) -> bool {
        let Ok(url) = origin("https", &self.host, DEFAULT_HTTPS) else { return false };
        if is_loopback(&url) || is_in_the_house(&url) {
            return true;
        }
        let name = self.host.trim_matches(['[', ']']);
        let looking = tokio::net::lookup_host((name, DEFAULT_HTTPS));
        match tokio::time::timeout(LOOK_UP_WITHIN, looking).await {
            Ok(Ok(addresses)) => {
                let addresses: Vec<_> = addresses.collect();
                !addresses.is_empty() && addresses.iter().all(|it| is_private(it.ip()))
            }
            _ => false,
        }
    }
}

/// Where web servers listen unless the address says otherwise.
const DEFAULT_HTTPS: u16 = 443;
const DEFAULT_HTTP: u16 = 80;

/// A name that takes longer to look up counts as one outside the private network.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(2);

/// # Errors
/// `invalid_address`.
fn origin(scheme: &str, host: &str, port: u16) -> Result<Url> {
    let url = Url::parse(&format!("{scheme}://{host}:{port}")).map_err(|_| invalid())?;
    let is_bare = url.path() == "/" && url.username().is_empty() && url.query().is_none();
    if is_bare && url.host_str().is_some_and(|host| !host.is_empty()) {
        Ok(url)
    } else {
        Err(invalid())
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => it.is_loopback() || it.is_private() || it.is_link_local(),
        IpAddr::V6(it) => it.is_loopback() || it.is_unique_local() || it.is_unicast_link_local(),
    }
}

fn is_loopback(url: &Url) -> bool {
    host(url).is_some_and(|host| {
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// Whether the host is one of a local network: by a private address, or a name of mDNS.
fn is_in_the_house(url: &Url) -> bool {
    host(url).is_some_and(|host| match host.parse() {
        Ok(address) => is_private(address),
        Err(_) => host.ends_with(".local"),
    })
}

/// The host in lower case, without the brackets of IPv6 and the dot that ends a complete name.
fn host(url: &Url) -> Option<String> {
    let host = url.host_str()?.trim_matches(['[', ']']).trim_end_matches('.');
    Some(host.to_ascii_lowercase())
}

fn invalid() -> Error {
    Error::new(
        "invalid_address",
        "This is not a server address. Enter an address such as desk.example.com or \
         https://desk.example.com:8765.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(typed: &str) -> std::result::Result<String, String> {
        Server::parse(typed, false)
            .map(|server| server.as_str().to_owned())
            .map_err(|error| error.code.into_owned())
    }

    #[test]
    fn an_address_without_a_scheme_is_encrypted_except_on_this_computer() {
        assert_eq!(parse("desk.example.com").unwrap(), "https://desk.example.com");
        assert_eq!(parse(" desk.example.com:8765/ ").unwrap(), "https://desk.example.com:8765");
        assert_eq!(parse("localhost:8765").unwrap(), "http://localhost:8765");
        assert_eq!(parse("127.0.0.1:8765").unwrap(), "http://127.0.0.1:8765");
        assert_eq!(parse("[::1]:8765").unwrap(), "http://[::1]:8765");
        assert_eq!(parse("https://127.0.0.1").unwrap(), "https://127.0.0.1");
        // The port that was typed, also where it is the usual one of another scheme.
        assert_eq!(parse("localhost:443").unwrap(), "http://localhost:443");
        assert_eq!(parse("localhost").unwrap(), "http://localhost:8765");
        assert_eq!(parse("::1").unwrap(), "http://[::1]:8765");
        assert_eq!(parse("localhost.").unwrap(), "http://localhost:8765");
        assert_eq!(parse("desk.example.com.:8443").unwrap(), "https://desk.example.com:8443");
        assert_eq!(parse("2001:db8::5").unwrap(), "https://[2001:db8::5]");
    }

    #[test]
    fn a_path_is_cut_off() {
        for pasted in [
            "https://desk.example.com/hotel/#/conversations/7",
            "https://desk.example.com?x=1",
            "HTTPS://Desk.Example.com#x",
            "desk.example.com/auth/login/",
        ] {
            assert_eq!(parse(pasted).unwrap(), "https://desk.example.com", "{pasted}");
        }
    }

    #[test]
    fn https_comes_first_then_http_on_a_private_network_at_the_usual_ports() {
        let servers = |typed: &str, is_private| {
            let servers = Typed::parse(typed).unwrap().servers(is_private);
            servers.iter().map(|it| it.as_str().to_owned()).collect::<Vec<_>>().join(" ")
        };
        for (typed, is_private, expected) in [
            ("desk.example.com", false, "https://desk.example.com https://desk.example.com:8765"),
            (
                "192.168.1.5",
                true,
                "https://192.168.1.5 https://192.168.1.5:8765 http://192.168.1.5:8765 http://192.168.1.5",
            ),
            ("localhost:443", true, "https://localhost http://localhost:443"),
            ("::1", true, "https://[::1] https://[::1]:8765 http://[::1]:8765 http://[::1]"),
            (
                "https://desk.example.com",
                true,
                "https://desk.example.com https://desk.example.com:8765",
            ),
            (
                "http://desk.example.com",
                true,
                "http://desk.example.com:8765 http://desk.example.com",
            ),
            ("http://desk.example.com:80", false, "http://desk.example.com"),
            ("https://desk.example.com:8443", true, "https://desk.example.com:8443"),
        ] {
            assert_eq!(servers(typed, is_private), expected, "{typed}");
        }
    }

    #[test]
    fn a_redirect_is_followed_to_https_of_the_same_host_alone() {
        let server = Server::parse("http://desk.example.com:8765", true).unwrap();
        let to = |location| server.redirected(location).map(|it| it.as_str().to_owned());
        assert_eq!(to("https://desk.example.com/auth/me/").unwrap(), "https://desk.example.com");
        assert_eq!(to("https://desk.example.com:8443/").unwrap(), "https://desk.example.com:8443");
        for elsewhere in
            ["https://evil.example/", "http://desk.example.com/", "/login", "//evil.example"]
        {
            assert_eq!(to(elsewhere), None, "{elsewhere}");
        }
    }

    #[tokio::test]
    async fn private_hosts_are_known_by_their_addresses() {
        for (typed, expected) in [
            ("localhost", true),
            ("10.0.0.5", true),
            ("[fd00::5]:8765", true),
            ("reception.local", true),
            ("8.8.8.8", false),
            ("[2001:db8::5]", false),
            ("no-such-host.invalid", false),
        ] {
            assert_eq!(Typed::parse(typed).unwrap().is_private().await, expected, "{typed}");
        }
    }

    #[test]
    fn plain_http_elsewhere_needs_a_word() {
        assert_eq!(parse("http://localhost:8765").unwrap(), "http://localhost:8765");
        assert_eq!(parse("http://192.168.1.5:8765").unwrap_err(), "plain_http");
        assert_eq!(parse("http://127.0.0.1.example.com").unwrap_err(), "plain_http");
        assert!(Server::parse("http://192.168.1.5:8765", true).is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "",
            " ",
            "https://",
            "ftp://desk.example.com",
            "file:///etc/passwd",
            "desk example",
            "https://ana:secret@desk.example.com",
            "javascript:alert(1)",
            "desk.example.com:0",
            "desk.example.com:65536",
            "desk.example.com:443:443",
            "https:///etc/passwd",
        ] {
            assert_eq!(parse(wrong).unwrap_err(), "invalid_address", "{wrong}");
        }
    }

    #[test]
    fn no_proxy_stands_before_what_is_near() {
        let server = |address| Server::parse(address, true).unwrap();
        // A shared server is looked for before anybody can have compared its certificate.
        for near in [
            "localhost:8765",
            "http://127.0.0.1:8765",
            "https://192.168.1.5:8766",
            "https://10.0.0.5",
            "https://169.254.7.7",
            "https://[fd00::5]:8766",
            "https://[fe80::5]",
            "https://Reception-PC.local:8766",
        ] {
            assert!(server(near).is_near(), "{near}");
        }
        for far in ["https://desk.example.com", "https://8.8.8.8", "https://[2001:db8::5]"] {
            assert!(!server(far).is_near(), "{far}");
        }
        let pinned = server("https://desk.example.com").with_trust(Trust::Pinned("0".repeat(64)));
        assert!(pinned.is_near());
    }

    #[test]
    fn a_path_never_leaves_the_server() {
        let server = Server::parse("https://desk.example.com", false).unwrap();
        let url = |path| server.url(path).map(String::from);
        assert_eq!(
            url("/chat/conversations/?status=all&q=J%C3%B6rg").unwrap(),
            "https://desk.example.com/chat/conversations/?status=all&q=J%C3%B6rg"
        );
        for wrong in [
            "",
            "chat/",
            "//evil.example/",
            "/\\evil.example/",
            "https://evil.example/",
            "/../x",
            "/chat/%2e%2e/",
            "/chat#x",
            "/chat?x#y",
            "/chat?a b",
            "/chat\n",
            "/@evil.example",
        ] {
            assert_eq!(url(wrong).unwrap_err().code, "invalid_path", "{wrong:?}");
        }
    }
}
