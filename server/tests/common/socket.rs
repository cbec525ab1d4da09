//! The WebSocket client of one person.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{HeaderValue, Request, StatusCode},
        protocol::frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

use super::soon;

/// One connection to `/ws/chat/`.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// A request for a socket, to be given its proof.
pub fn request(host: &str, path: &str, headers: &[(&'static str, &str)]) -> Request<()> {
    let mut request = format!("ws://{host}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    request
}

impl Socket {
    /// Opens a socket; the status, where the server does not let it in.
    pub async fn open(request: Request<()>) -> Result<Self, StatusCode> {
        match Self::try_open(request).await {
            Ok(socket) => Ok(socket),
            Err(tungstenite::Error::Http(response)) => Err(response.status()),
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    /// The same over a network that may break in the middle.
    pub async fn try_open(request: Request<()>) -> Result<Self, tungstenite::Error> {
        let opened = soon("a handshake", connect_async_with_config(request, None, true)).await;
        opened.map(|(stream, _)| Self { stream })
    }

    pub async fn send(&mut self, command: Value) {
        self.send_raw(Message::text(command.to_string())).await;
    }

    pub async fn send_raw(&mut self, message: Message) {
        soon("a frame to be sent", self.stream.send(message)).await.unwrap();
    }

    /// Sends; whether the connection still took it.
    pub async fn try_send(&mut self, message: Message) -> bool {
        soon("a frame to be sent", self.stream.send(message)).await.is_ok()
    }

    /// A text frame with any bytes in it.
    pub fn text_frame(bytes: Vec<u8>) -> Message {
        Message::Frame(Frame::message(bytes, OpCode::Data(Data::Text), true))
    }

    pub async fn send_text(&mut self, conversation_id: i64, content: &str) {
        let text = json!({"type": "text", "conversation_id": conversation_id, "content": content});
        self.send(text).await;
    }

    /// A command that has nothing but its type and a conversation.
    pub async fn command(&mut self, name: &str, conversation_id: i64) {
        self.send(json!({"type": name, "conversation_id": conversation_id})).await;
    }

    /// The next frame, or the code with which the connection was closed. Without a close frame the
    /// code is 1006, as in browsers.
    pub async fn next_or_close(&mut self) -> Result<Value, u16> {
        // As a whole: a server that pings and never says it would be waited for without end.
        let coming = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Ok(serde_json::from_str(&text).unwrap());
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(frame))) => {
                        return Err(frame.map_or(1005, |frame| frame.code.into()));
                    }
                    Some(Ok(other)) => panic!("the server sent {other:?}"),
                    Some(Err(_)) | None => return Err(1006),
                }
            }
        };
        soon("a frame", coming).await
    }

    /// The next frame.
    #[track_caller]
    pub fn next(&mut self) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            self.next_or_close()
                .await
                .unwrap_or_else(|code| panic!("closed with {code}, waited for at {caller}"))
        }
    }

    /// The next frame, which must be as described.
    #[track_caller]
    pub fn expect(&mut self, is_right: impl FnOnce(&Value) -> bool) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        let next = self.next();
        async move {
            let frame = next.await;
            assert!(is_right(&frame), "at {caller}: {frame:#}");
            frame
        }
    }

    /// The next frame, which must be an acknowledgment with this status.
    #[track_caller]
    pub fn acknowledged(&mut self, status: &str) -> impl Future<Output = Value> {
        self.expect(move |frame| frame["type"] == "acknowledgment" && frame["status"] == status)
    }

    /// The next frame, which must be a `conversation_update` of this kind.
    #[track_caller]
    pub fn updated(&mut self, kind: &str) -> impl Future<Output = Value> {
        self.expect(move |frame| {
            frame["type"] == "conversation_update" && frame["data"]["type"] == kind
        })
    }

    /// The next frame, which must be of this type.
    #[track_caller]
    pub fn frame(&mut self, kind: &str) -> impl Future<Output = Value> {
        self.expect(move |frame| frame["type"] == kind)
    }

    /// The next frame, which must be an error with this code and text.
    #[track_caller]
    pub fn refused(&mut self, code: &str, message: &str) -> impl Future<Output = Value> {
        self.expect(move |frame| {
            frame["type"] == "error" && frame["code"] == code && frame["message"] == message
        })
    }

    /// Subscribes and waits for the acknowledgment.
    #[track_caller]
    pub fn subscribe(&mut self, conversation_id: i64) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            self.command("subscribe_conversation", conversation_id).await;
            let frame = self.next().await;
            assert_eq!(frame["status"], "subscribed", "at {caller}: {frame:#}");
            frame
        }
    }

    /// Everything that had been published for this connection before now. A `resume` that asks for
    /// nothing goes the way of every change, so what is before its answer was there before it.
    pub async fn everything(&mut self) -> Vec<Value> {
        self.send(
            json!({"type": "resume", "epoch": null, "last_seq": null, "conversation_ids": []}),
        )
        .await;
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            match frame["status"].as_str() {
                Some("resuming") => {}
                Some("resumed") => return frames,
                _ => frames.push(frame),
            }
        }
    }

    /// Nothing has come that was not read.
    #[track_caller]
    pub fn nothing_more(&mut self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let frames = self.everything().await;
            assert!(frames.is_empty(), "at {caller}: {frames:#?}");
        }
    }

    /// Reads to the end: what still came, and the close code.
    pub async fn rest(&mut self) -> (Vec<Value>, u16) {
        let mut frames = Vec::new();
        loop {
            match self.next_or_close().await {
                Ok(frame) => frames.push(frame),
                Err(code) => return (frames, code),
            }
        }
    }

    /// The code with which the server closes the connection.
    pub async fn close_code(&mut self) -> u16 {
        self.rest().await.1
    }

    /// The same, of a server that ends a session: within the second that the contract gives it (1.1).
    #[track_caller]
    pub fn ended_at_once(&mut self) -> impl Future<Output = u16> {
        let caller = std::panic::Location::caller();
        async move {
            let ending = tokio::time::timeout(Duration::from_secs(1), self.close_code());
            ending.await.unwrap_or_else(|_| panic!("open for more than a second, at {caller}"))
        }
    }

    /// Closes from this side, and waits until the server has said goodbye too.
    pub async fn leave(mut self) {
        // The server may have been faster.
        let _ = soon("a goodbye", self.stream.close(None)).await;
        while let Some(Ok(_)) = soon("a goodbye", self.stream.next()).await {}
    }
}
