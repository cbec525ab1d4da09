//! What violates the WebSocket protocol (RFC 6455): the client gets to know why its connection ends, and what it
//! sent before is answered.

use serde_json::json;

use crate::common::{
    House, Person, RawSocket,
    raw_socket::{CLOSE, HANDSHAKE, PING, TEXT, frame},
};

/// The final bit of a frame's first byte.
const FINAL: u8 = 0x80;

/// A house, somebody in it, and the frame of a text that they send.
async fn desk() -> (House, Person, Vec<u8>) {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let conversation = house.conversation("reception").await;
    let text = json!({"type": "text", "conversation_id": conversation, "content": "Hello"});
    (house, ana, frame(FINAL | TEXT, text.to_string().as_bytes()))
}

#[tokio::test]
async fn a_frame_that_breaks_the_rules_closes_the_connection_after_what_came_before_is_answered() {
    let (_house, ana, text) = desk().await;
    // The same frame without a mask.
    let unmasked = [FINAL | TEXT, 2, b'{', b'}'].to_vec();
    let command = b"{\"type\":\"dance\"}";
    for (what, violation, code) in [
        ("the first reserved bit", frame(FINAL | 0x40 | TEXT, command), 1002),
        ("the second reserved bit", frame(FINAL | 0x20 | TEXT, command), 1002),
        ("the third reserved bit", frame(FINAL | 0x10 | TEXT, command), 1002),
        ("no mask", unmasked, 1002),
        ("an unknown opcode for data", frame(FINAL | 0x3, command), 1002),
        ("an unknown opcode for control", frame(FINAL | 0xb, b""), 1002),
        ("a ping of 126 bytes", frame(FINAL | PING, &[0; 126]), 1002),
        ("a close frame of 126 bytes", frame(FINAL | CLOSE, &[0; 126]), 1002),
        ("a ping in pieces", frame(PING, b""), 1002),
        ("the rest of nothing", frame(FINAL, command), 1002),
        ("a text within a text", [frame(TEXT, b"{"), frame(FINAL | TEXT, b"}")].concat(), 1002),
        ("a close frame of one byte", frame(FINAL | CLOSE, &[3]), 1002),
        ("a frame of bytes", frame(FINAL | 0x2, command), 1003),
        ("bytes that are not UTF-8", frame(FINAL | TEXT, &[b'"', 0xff, b'"']), 1007),
        ("a frame that is too big", frame(FINAL | TEXT, &[b'x'; 64 * 1024 + 1]), 1009),
    ] {
        let mut socket = RawSocket::open(&ana).await;
        socket.write(&[text.clone(), violation].concat()).await;
        let (frames, closed) = socket.rest().await;
        assert_eq!(closed, code, "{what}");
        assert_eq!(frames[0]["status"], "received", "{what}: {frames:?}");
    }
}

#[tokio::test]
async fn a_client_that_still_sends_gets_to_know_that_its_frame_was_too_big() {
    let (_house, ana, text) = desk().await;
    // Far more than the server reads before it closes: the system would reset the connection.
    let big = [text, frame(FINAL | TEXT, &vec![b'x'; 2 * 1024 * 1024])].concat();
    for attempt in 0..10 {
        let mut socket = RawSocket::open(&ana).await;
        socket.write(&big).await;
        let (frames, code) = socket.rest().await;
        assert_eq!((frames[0]["status"].as_str(), code), (Some("received"), 1009), "{attempt}");
    }
}

#[tokio::test]
async fn another_version_of_the_protocol_is_answered_with_the_one_that_is_spoken() {
    let house = House::start().await;
    let versions = [
        HANDSHAKE.replace(": 13", ": 8"),
        HANDSHAKE.replace(": 13", ": 14"),
        HANDSHAKE.replace(": 13", ": "),
        HANDSHAKE.replace("Sec-WebSocket-Version: 13\r\n", ""),
        "Connection: Upgrade\r\nUpgrade: h2c\r\n".to_owned(),
        String::new(),
    ];
    for headers in versions {
        let (_, answer) = RawSocket::answer(&house.admin, &headers).await;
        let answer = answer.to_lowercase();
        assert!(answer.starts_with("http/1.1 426"), "{headers}{answer}");
        for header in ["sec-websocket-version: 13", "upgrade: websocket", "connection: upgrade"] {
            assert!(answer.contains(&format!("\r\n{header}\r\n")), "{headers}{answer}");
        }
    }
    let (_, answer) = RawSocket::answer(&house.admin, HANDSHAKE).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
}

#[tokio::test]
async fn the_key_of_a_handshake_is_sixteen_bytes() {
    let house = House::start().await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for wrong in [
        "",
        "Sec-WebSocket-Key: \r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSBpcyBsb25n\r\n",
        "Sec-WebSocket-Key: not Base64 at all!!==\r\n",
        &key.repeat(2),
    ] {
        let headers = HANDSHAKE.replace(key, wrong);
        let (_, answer) = RawSocket::answer(&house.admin, &headers).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{wrong}{answer}");
    }
}
