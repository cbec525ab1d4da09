//! One connection of the load, over all its lives.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{Socket, connect},
    settings::CONTENT_BYTES,
};

use super::{ACTIVE, HOTELS, PER_SECOND, Shared};

/// When many connect at once, each waits for a moment of its own up to this long, as apps do.
const SPREAD: Duration = Duration::from_secs(1);
/// Then it tries again so often.
const AGAIN: Duration = Duration::from_millis(250);

/// What all of them do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nobody writes anything new.
    Listen,
    /// Those who write do.
    Write,
    /// It is over.
    Leave,
}

/// Who sits there.
#[derive(Debug)]
pub struct Place {
    pub hotel: usize,
    pub number: usize,
    pub token: String,
    pub conversation: i64,
    pub writes: bool,
}

/// One connection, and what it keeps when the connection is gone.
#[derive(Debug)]
pub struct Seat {
    pub place: Place,
    /// The ids of all messages, in the order in which they came.
    pub received: Vec<i64>,
    epoch: Option<String>,
    last_seq: Option<i64>,
    /// What is not acknowledged, and when it was sent.
    waiting: HashMap<String, Instant>,
    sent: u32,
}

/// What is looked at in a frame.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    status: Option<&'a str>,
    seq: Option<i64>,
    epoch: Option<String>,
    client_id: Option<&'a str>,
    message_id: Option<i64>,
    data: Option<Data>,
}

/// A message, whole or as the list shows it.
#[derive(Deserialize)]
struct Data {
    id: Option<i64>,
    data: Option<Update>,
}

#[derive(Deserialize)]
struct Update {
    message_id: Option<i64>,
}

impl Seat {
    pub fn new(place: Place) -> Self {
        Self {
            place,
            received: Vec::new(),
            epoch: None,
            last_seq: None,
            waiting: HashMap::new(),
            sent: 0,
        }
    }

    /// Connects as often as it takes, until it is over.
    pub async fn run(mut self, shared: Arc<Shared>) -> Result<Self> {
        let mut address = shared.address.clone();
        loop {
            let server = address.wait_for(Option::is_some).await?.context("nowhere")?;
            let share = u32::try_from(self.place.number * 7919 % 1000)?;
            tokio::time::sleep(SPREAD * share / 1000).await;
            let socket = self.connect(server).await?;
            let was_killed = |shared: &Shared| *shared.address.borrow() != Some(server);
            match self.live(socket, &shared).await {
                Ok(()) => return Ok(self),
                Err(error) if !was_killed(&shared) => {
                    // The kill may be seen here before it is known to be one.
                    let changed = tokio::time::timeout(AGAIN * 4, address.changed()).await;
                    if changed.is_err() {
                        shared.measured.disturbed(&format!("{:?}: {error:#}", self.place));
                        return Err(error);
                    }
                }
                Err(_) => {}
            }
        }
    }

    async fn connect(&self, server: SocketAddr) -> Result<Socket> {
        let mut last = None;
        // A minute; who waits longer has a reason.
        for _ in 0..240 {
            match connect(server, "/ws/chat/", &self.place.token).await {
                Ok(socket) => return Ok(socket),
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(AGAIN).await;
        }
        Err(last.context("never tried")?.context("cannot connect for a minute"))
    }

    /// One connection, until it ends: an error, unless it is over.
    async fn live(&mut self, mut socket: Socket, shared: &Shared) -> Result<()> {
        let conversations = if self.place.writes { vec![self.place.conversation] } else { vec![] };
        let resume = json!({
            "type": "resume", "epoch": self.epoch, "last_seq": self.last_seq,
            "conversation_ids": conversations,
        });
        socket.send(Message::text(resume.to_string())).await?;
        let mut phase = shared.phase.clone();
        let each = u32::try_from(HOTELS * ACTIVE)?;
        let period = Duration::from_secs(1) * each / PER_SECOND;
        let first = period * u32::try_from(self.place.number)? / each;
        let start = tokio::time::Instant::now() + first;
        let mut tick = tokio::time::interval_at(start, period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut replays, mut is_here) = (false, false);
        loop {
            let writes = self.place.writes && is_here && *phase.borrow() == Phase::Write;
            tokio::select! {
                frame = socket.next() => {
                    let frame = frame.context("the connection ended")??;
                    let text = match &frame {
                        Message::Text(text) => text.as_str(),
                        Message::Close(reason) => bail!("closed: {reason:?}"),
                        _ => continue,
                    };
                    let frame: Frame<'_> = serde_json::from_str(text)
                        .with_context(|| format!("not understood: {text}"))?;
                    match (frame.kind, frame.status) {
                        ("acknowledgment", Some("resuming")) => replays = true,
                        ("acknowledgment", Some("resumed")) => {
                            self.epoch = frame.epoch;
                            self.last_seq = self.last_seq.max(frame.seq);
                            is_here = true;
                            shared.measured.is_here();
                            self.ask_again(&mut socket).await?;
                        }
                        ("acknowledgment", Some("received")) => self.note(&frame, shared)?,
                        ("message" | "conversation_update", _) if replays => {
                            self.take(&frame, shared)?;
                        }
                        // Comes again in the replay.
                        ("message" | "conversation_update", _) => {}
                        ("user_status", _) => {}
                        _ => bail!("unexpected: {text}"),
                    }
                }
                _ = tick.tick(), if writes => {
                    self.sent += 1;
                    let client_id = format!("{}-{}", self.place.number, self.sent);
                    let command = self.text(&client_id);
                    self.waiting.insert(client_id, Instant::now());
                    shared.measured.sent();
                    socket.send(command).await?;
                }
                changed = phase.changed() => {
                    changed?;
                    match *phase.borrow() {
                        Phase::Leave => return Ok(()),
                        Phase::Listen if self.place.writes => shared.measured.has_finished(),
                        Phase::Listen | Phase::Write => {}
                    }
                }
            }
        }
    }

    fn text(&self, client_id: &str) -> Message {
        let content = format!("{client_id:x<CONTENT_BYTES$}");
        Message::text(
            json!({
                "type": "text", "conversation_id": self.place.conversation, "content": content,
                "client_id": client_id,
            })
            .to_string(),
        )
    }

    async fn ask_again(&self, socket: &mut Socket) -> Result<()> {
        let mut waiting: Vec<_> = self.waiting.keys().collect();
        waiting.sort_unstable();
        for client_id in waiting {
            socket.send(self.text(client_id)).await?;
        }
        Ok(())
    }

    fn note(&mut self, frame: &Frame<'_>, shared: &Shared) -> Result<()> {
        let client_id = frame.client_id.context("an acknowledgment of nothing")?;
        let sent_at = self.waiting.remove(client_id).context("acknowledged twice")?;
        let id = frame.message_id.context("an acknowledgment without an id")?;
        shared.measured.acknowledged(self.place.hotel, id, sent_at.elapsed());
        Ok(())
    }

    fn take(&mut self, frame: &Frame<'_>, shared: &Shared) -> Result<()> {
        let seq = frame.seq.context("an event without a place")?;
        if self.last_seq.is_some_and(|last| seq <= last) {
            bail!("{:?}: {seq} after {:?}", self.place, self.last_seq);
        }
        self.last_seq = Some(seq);
        let data = frame.data.as_ref().context("an event of nothing")?;
        let update = data.data.as_ref().and_then(|update| update.message_id);
        self.received.push(data.id.or(update).context("an event that is no message")?);
        shared.measured.received();
        Ok(())
    }
}
