//! A chat socket written by hand, byte by byte: for what no WebSocket library would send.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Person, soon};

/// An opcode of RFC 6455 (5.2).
pub const TEXT: u8 = 0x1;
/// See [`TEXT`].
pub const CLOSE: u8 = 0x8;
/// See [`TEXT`].
pub const PING: u8 = 0x9;

/// A connection to `/ws/chat/` whose handshake is over.
#[derive(Debug)]
pub struct RawSocket {
    stream: TcpStream,
}

/// A masked frame with this first byte (final bit, reserved bits, opcode).
pub fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first_byte];
    match payload.len() {
        length @ ..126 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        length @ ..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The head of a handshake of this person, with these headers and those that every request needs.
pub fn head(person: &Person, headers: &str) -> String {
    format!(
        "GET /ws/chat/ HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{headers}\r\n",
        person.host(),
        person.token.as_deref().unwrap()
    )
}

/// The headers of a handshake as RFC 6455 wants them.
pub const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

impl RawSocket {
    pub async fn open(person: &Person) -> Self {
        let (stream, answer) = Self::answer(person, HANDSHAKE).await;
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        Self { stream }
    }

    /// What is answered to a handshake with these headers: status line and headers.
    pub async fn answer(person: &Person, headers: &str) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(person.host()).await.unwrap();
        stream.write_all(head(person, headers).as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(soon("an answer to the handshake", stream.read_u8()).await.unwrap());
        }
        (stream, String::from_utf8(answer).unwrap())
    }

    /// Writes all of it before anything is read.
    pub async fn write(&mut self, bytes: &[u8]) {
        soon("bytes to be taken", self.stream.write_all(bytes)).await.unwrap();
    }

    /// Reads to the end of the connection: the text frames, and the code of the close frame; 1006 where the
    /// connection ended without one.
    pub async fn rest(mut self) -> (Vec<Value>, u16) {
        let mut texts = Vec::new();
        loop {
            match soon("a frame", self.read_frame()).await {
                Ok((TEXT, payload)) => texts.push(serde_json::from_slice(&payload).unwrap()),
                Ok((CLOSE, payload)) => {
                    return (texts, u16::from_be_bytes([payload[0], payload[1]]));
                }
                Ok(_) => {}
                Err(_) => return (texts, 1006),
            }
        }
    }

    async fn read_frame(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let first = self.stream.read_u8().await?;
        let length = match self.stream.read_u8().await? {
            126 => usize::from(self.stream.read_u16().await?),
            127 => usize::try_from(self.stream.read_u64().await?).unwrap(),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await?;
        Ok((first & 0xf, payload))
    }
}
