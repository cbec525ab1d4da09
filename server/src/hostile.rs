//! Where bytes of strangers meet the server first, one function for each place. Whatever they are given,
//! they return. Called by the fuzzers (`fuzz/`) and by the tests over their corpus.

use crate::{delivery, http, protocol::Command};

/// A text frame.
pub fn frame(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (named, command) = Command::parse(text);
    assert!(named.conversation_id.is_none_or(|id| id > 0));
    if let Ok(command) = command {
        // What was understood is said again in the same words.
        let again = serde_json::to_string(&command).unwrap_or_default();
        assert_eq!(Command::parse(&again).1, Ok(command), "{again}");
    }
}

/// The body of an HTTP request.
pub fn body(bytes: &[u8]) {
    http::hostile::body(bytes);
}

/// The query of an HTTP request.
pub fn query(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        http::hostile::query(text);
    }
}

/// The signature of a reply: three lines, of secret, timestamp and body, whatever is in them.
pub fn signature(bytes: &[u8]) {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let secret = String::from_utf8_lossy(next()).into_owned();
    let timestamp = String::from_utf8_lossy(next()).into_owned();
    let body = next().to_vec();
    let signature = delivery::request::signature(&secret, &timestamp, &body);
    let hex = signature.strip_prefix("sha256=").unwrap_or_default();
    assert_eq!(hex.len(), 64);
    assert!(hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    // Whatever is changed shows.
    let longer = [body.as_slice(), b" "].concat();
    assert_ne!(delivery::request::signature(&secret, &timestamp, &longer), signature);
    assert_ne!(delivery::request::signature(&format!("{secret}x"), &timestamp, &body), signature);
    assert_ne!(delivery::request::signature(&secret, &format!("{timestamp}0"), &body), signature);
}
