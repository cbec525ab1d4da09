//! The reference: a chat server that does nothing but broadcast.
//!
//! No storage, no accounts, no rules: tokio-tungstenite and a channel. Its frames are as long as
//! Frontdesk's, its sockets are set up the same way, and it, too, acknowledges first.

use std::{
    collections::HashMap,
    io::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Result;
use clap::ValueEnum;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast::{self, error::TryRecvError},
};
use tokio_tungstenite::{
    accept_hdr_async_with_config,
    tungstenite::{
        Message, Utf8Bytes,
        handshake::server::{Request, Response},
        protocol::WebSocketConfig,
    },
};

/// Frames that may wait for a reader, as many as in Frontdesk.
const QUEUE_FRAMES: usize = 4096;

#[derive(Default)]
struct Groups {
    senders: Mutex<HashMap<String, broadcast::Sender<Utf8Bytes>>>,
    ids: AtomicU64,
}

impl Groups {
    fn join(&self, name: String) -> (broadcast::Sender<Utf8Bytes>, broadcast::Receiver<Utf8Bytes>) {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = senders.entry(name).or_insert_with(|| broadcast::Sender::new(QUEUE_FRAMES));
        (sender.clone(), sender.subscribe())
    }
}

#[derive(Deserialize)]
struct Command<'a> {
    conversation_id: i64,
    #[serde(borrow)]
    content: &'a str,
}

/// How the reference writes frames to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Writes {
    /// Each by itself, as examples of tokio-tungstenite do.
    Single,
    /// All that wait, with one flush: what a broadcast can reach when its readers fall behind.
    Batched,
}

/// Serves until it is killed. A connection's group is the query of its address.
///
/// # Errors
/// When there is no port.
pub async fn serve(writes: Writes) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), r#"{{"event":"listening","url":"http://{address}"}}"#)?;
    let groups = Arc::new(Groups::default());
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, Arc::clone(&groups), writes));
    }
}

async fn connection(stream: TcpStream, groups: Arc<Groups>, writes: Writes) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut group = String::new();
    let config = WebSocketConfig::default().read_buffer_size(2 * 1024).write_buffer_size(16 * 1024);
    let mut socket = accept_hdr_async_with_config(
        stream,
        |request: &Request, response: Response| {
            request.uri().query().unwrap_or_default().clone_into(&mut group);
            Ok(response)
        },
        Some(config),
    )
    .await?;
    let (sender, mut receiver) = groups.join(group);
    loop {
        tokio::select! {
            incoming = socket.next() => match incoming {
                Some(Ok(Message::Text(text))) => {
                    let id = groups.ids.fetch_add(1, Ordering::Relaxed);
                    let Some((acknowledgment, frame)) = answer(&text, id) else { continue };
                    socket.send(Message::text(acknowledgment)).await?;
                    if let Some(frame) = frame {
                        // At least this connection listens.
                        let _ = sender.send(frame.into());
                    }
                }
                Some(Ok(_)) => {}
                _ => return Ok(()),
            },
            frame = receiver.recv() => {
                if writes == Writes::Single {
                    // A reader that lost frames is closed, as in Frontdesk.
                    socket.send(Message::Text(frame?)).await?;
                    continue;
                }
                let mut next = frame.map_err(|_| TryRecvError::Closed);
                while let Ok(frame) = next {
                    socket.feed(Message::Text(frame)).await?;
                    next = receiver.try_recv();
                }
                socket.flush().await?;
                if next != Err(TryRecvError::Empty) {
                    return Ok(());
                }
            }
        }
    }
}

/// The acknowledgment of a command and, for a text, the frame for everybody: as long as Frontdesk's.
fn answer(text: &str, id: u64) -> Option<(String, Option<String>)> {
    const TIME: &str = "2026-01-01T12:00:00.000Z";
    let Ok(Command { conversation_id, content }) = serde_json::from_str(text) else {
        let subscribed =
            format!(r#"{{"type":"acknowledgment","status":"subscribed","timestamp":"{TIME}"}}"#);
        return Some((subscribed, None));
    };
    let acknowledgment = format!(
        r#"{{"type":"acknowledgment","status":"received","message_id":{id},"conversation_id":{conversation_id},"timestamp":"{TIME}"}}"#
    );
    let frame = format!(
        r#"{{"type":"message","seq":{id},"data":{{"id":{id},"conversation_id":{conversation_id},"department":"reception","sender_type":"staff","sender_id":1,"sender_name":"Staff 1","message_type":"text","content":"{content}","created_at":"{TIME}","is_read":false,"client_id":null,"guest_info":{{"id":1,"name":"Guest 1","room_number":"101"}}}}}}"#
    );
    Some((acknowledgment, Some(frame)))
}
