//! Where the server is: what a person types, and what becomes of it.

use std::net::IpAddr;

use reqwest::Url;

use crate::{
    error::{Error, Result},
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

    /// Reads an address as a person types it. Without a scheme it means `https`, on this computer `http`.
    ///
    /// # Errors
    /// `invalid_address`, or `plain_http` for an unencrypted address elsewhere unless
    /// `accept_plain_http`.
    pub(crate) fn parse(typed: &str, accept_plain_http: bool) -> Result<Self> {
        let typed = typed.trim();
        let url = if typed.contains("://") {
            Url::parse(typed)
        } else {
            Url::parse(&format!("https://{typed}"))
        };
        let mut origin = url.map_err(|_| invalid())?;
        let is_bare = matches!(origin.path(), "" | "/")
            && origin.query().is_none()
            && origin.fragment().is_none()
            && origin.username().is_empty()
            && origin.password().is_none();
        if !is_bare || origin.host_str().is_none_or(str::is_empty) {
            return Err(invalid());
        }
        let on_loopback = is_loopback(&origin);
        if !typed.contains("://") && on_loopback {
            origin.set_scheme("http").map_err(|()| invalid())?;
        }
        match origin.scheme() {
            "https" => {}
            "http" if on_loopback || accept_plain_http => {}
            "http" => {
                return Err(Error::new(
                    "plain_http",
                    "This address is not encrypted (http). Anyone on the network can read \
                     passwords and guest messages. Use https if you can.",
                ));
            }
            _ => return Err(invalid()),
        }
        Ok(Self { origin, trust: Trust::System })
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

    /// Host and port, where what is said there is encrypted.
    pub(crate) fn place(&self) -> Option<(String, u16)> {
        let place = (host(&self.origin)?, self.origin.port_or_known_default()?);
        (self.origin.scheme() == "https").then_some(place)
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

fn is_loopback(url: &Url) -> bool {
    host(url).is_some_and(|host| {
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// Whether the host is one of a local network: by a private address, or a name of mDNS.
fn is_in_the_house(url: &Url) -> bool {
    host(url).is_some_and(|host| match host.parse() {
        Ok(IpAddr::V4(address)) => address.is_private() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_unique_local() || address.is_unicast_link_local(),
        Err(_) => host.trim_end_matches('.').ends_with(".local"),
    })
}

/// The host in lower case, without the brackets of IPv6.
fn host(url: &Url) -> Option<String> {
    Some(url.host_str()?.trim_matches(['[', ']']).to_ascii_lowercase())
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
            "https://desk.example.com/hotel",
            "https://ana:secret@desk.example.com",
            "https://desk.example.com?x=1",
            "https://desk.example.com#x",
            "javascript:alert(1)",
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
