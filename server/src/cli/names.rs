//! Origins, hosts and filters on the command line, as what they are later compared with.

use frontdesk_server::{
    admin::{Choice, CountryChoice},
    is_own_path,
    protocol::Id,
    region::{CountryCode, TimeZoneName},
};
use reqwest::Url;
use tracing_subscriber::filter::LevelFilter;

/// An origin as browsers write it: in lower case, without a final slash or the scheme's own port.
pub(super) fn origin(text: &str) -> Result<String, String> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && names_a_host_only(url))
        .map(|url| url.origin().ascii_serialization())
        .ok_or_else(|| "must be a scheme and a host, such as https://desk.hotel.example".to_owned())
}

/// A name or an address as browsers write it in `Host`, without the port.
pub(super) fn host(text: &str) -> Result<String, String> {
    Url::parse(&format!("http://{text}"))
        .ok()
        .filter(|url| names_a_host_only(url) && !is_more_than_a_host(text))
        .and_then(|url| url.host_str().map(|host| host.trim_end_matches('.').to_owned()))
        .ok_or_else(|| {
            "must be a host name without scheme and port, such as desk.hotel.example".to_owned()
        })
}

/// A path below which a server is found: without its final slash, empty for the root.
pub(super) fn public_path(text: &str) -> Result<String, String> {
    let inner = text.trim_matches('/');
    let is_part = |part: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !part.is_empty() && !matches!(part, "." | "..") && part.bytes().all(is_plain)
    };
    if text.is_empty() || (!inner.is_empty() && !inner.split('/').all(is_part)) {
        return Err("write a path of letters and digits, such as /desk/".to_owned());
    }
    if inner.split('/').next().is_some_and(is_own_path) {
        return Err(format!("{text} is a path of the server itself; choose another one"));
    }
    Ok(if inner.is_empty() { String::new() } else { format!("/{inner}") })
}

/// Whether there is nothing else in it, and no wildcard in the name.
fn names_a_host_only(url: &Url) -> bool {
    let is_name = |host: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
        !host.is_empty() && host.bytes().all(is_part)
    };
    url.host_str().is_some_and(is_name)
        && url.path() == "/"
        && (url.query(), url.fragment()) == (None, None)
        && (url.username(), url.password()) == ("", None)
}

/// Whether a port or a path follows; `Url` says nothing of a scheme's own port.
fn is_more_than_a_host(text: &str) -> bool {
    let after_address = text.rsplit(']').next().unwrap_or_default();
    after_address.contains([':', '/'])
}

/// A filter of the log. A word alone would be taken for a part of the program of which all is logged,
/// and of nothing else: a level that is misspelt.
pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let is_level = |part: &str| !part.is_empty() && part.parse::<LevelFilter>().is_ok();
    let is_understood = |part: &str| part.contains(['=', '[']) || is_level(part);
    if text.split(',').all(|part| is_understood(part.trim())) {
        return Ok(text.to_owned());
    }
    Err("must be a level (error, warn, info, debug, trace, off), or a list of modules \
        and levels such as info,frontdesk_server::delivery=debug"
        .to_owned())
}

/// A time zone by its IANA name.
pub(super) fn time_zone(text: &str) -> Result<TimeZoneName, String> {
    TimeZoneName::read(text).map_err(|error| error.to_string())
}

/// A country by its code, or `none`.
pub(super) fn country(text: &str) -> Result<CountryChoice, String> {
    if text.trim().eq_ignore_ascii_case("none") {
        return Ok(CountryChoice::None);
    }
    let code = CountryCode::read(text).map_err(|error| format!("{error}, or none"))?;
    Ok(CountryChoice::Country(code))
}

/// A URL, or `none`.
pub(super) fn url(text: &str) -> Result<Choice<String>, String> {
    let text = text.trim();
    let is_none = text.eq_ignore_ascii_case("none");
    Ok(if is_none { Choice::None } else { Choice::Value(text.to_owned()) })
}

/// The id of a gateway, or `none`.
pub(super) fn gateway(text: &str) -> Result<Choice<Id>, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("none") {
        return Ok(Choice::None);
    }
    let id = text.parse().ok().filter(|id| *id > 0).map(Choice::Value);
    id.ok_or_else(|| "must be the id of a gateway, or none".to_owned())
}

/// The hash of an entry of the audit log.
pub(super) fn audit_hash(text: &str) -> Result<String, String> {
    let hash = text.trim().to_ascii_lowercase();
    if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(hash)
    } else {
        Err("must be the 64 hexadecimal digits that `audit verify` printed".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for (text, expected) in [
            ("https://desk.example", Some("https://desk.example")),
            ("https://desk.example/", Some("https://desk.example")),
            ("HTTPS://Desk.Example", Some("https://desk.example")),
            ("https://desk.example:443", Some("https://desk.example")),
            ("http://desk.example:8080", Some("http://desk.example:8080")),
            ("https://hôtel.example", Some("https://xn--htel-vqa.example")),
            ("http://[::1]:8765", Some("http://[::1]:8765")),
            ("https://desk.example/path", None),
            ("https://desk.example?a", None),
            ("https://desk.example#a", None),
            ("https://me@desk.example", None),
            ("https://*.example", None),
            ("ftp://desk.example", None),
            ("desk.example", None),
            ("localhost:8765", None),
            ("nonsense", None),
            ("*", None),
            ("null", None),
            ("", None),
        ] {
            assert_eq!(origin(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_path_is_one_that_the_server_does_not_have_itself() {
        for (text, expected) in [
            ("/", Some("")),
            ("/desk/", Some("/desk")),
            ("/desk", Some("/desk")),
            ("desk", Some("/desk")),
            ("/hotels/aurora-1/", Some("/hotels/aurora-1")),
            ("", None),
            ("/desk//x", None),
            ("/../desk", None),
            ("/de sk/", None),
            ("/desk?a", None),
            ("/d%C3%A9sk", None),
            ("https://desk.example/desk", None),
            ("/chat/", None),
            ("/guests", None),
            ("/assets/", None),
            ("/healthz", None),
        ] {
            assert_eq!(public_path(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_host_is_a_name_and_nothing_else() {
        for (text, expected) in [
            ("desk.example", Some("desk.example")),
            ("Desk.Example.", Some("desk.example")),
            ("hôtel.example", Some("xn--htel-vqa.example")),
            ("192.168.0.1", Some("192.168.0.1")),
            ("[fd00::5]", Some("[fd00::5]")),
            ("desk.example:80", None),
            ("desk.example:8765", None),
            ("[fd00::5]:80", None),
            ("https://desk.example", None),
            ("desk.example/", None),
            ("desk.example/path", None),
            ("me@desk.example", None),
            ("*.example", None),
            ("two words", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(host(text).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_filter_that_would_log_nothing_is_refused() {
        for text in
            ["info", "off", "WARN", "info,frontdesk_server::delivery=debug", "info,[request]=debug"]
        {
            assert_eq!(log_filter(text).as_deref(), Ok(text));
        }
        for text in ["nonsense", "x", "inof", "", "info,", "info,hyper"] {
            assert!(log_filter(text).is_err(), "{text}");
        }
    }
}
