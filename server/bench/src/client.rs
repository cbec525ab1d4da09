//! The load: the same WebSocket clients for every server.
//!
//! Each text carries its sender, its number and the moment it was sent; whoever receives it checks
//! that nothing is missing, doubled or out of order, and how long it took.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{FutureExt, SinkExt, StreamExt, future::try_join_all};
use tokio::{net::TcpStream, sync::watch, time::MissedTickBehavior};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message, client::IntoClientRequest, http::HeaderValue, protocol::WebSocketConfig,
    },
};

use crate::settings::{CONTENT_BYTES, PATIENCE, Settings};

/// One connection to a server.
pub type Socket = WebSocketStream<TcpStream>;

/// Opens a connection.
///
/// # Errors
/// When the server does not let it in.
pub async fn connect(address: SocketAddr, path: &str, token: &str) -> Result<Socket> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut request = format!("ws://{address}{path}").into_client_request()?;
    let bearer = HeaderValue::from_str(&format!("Bearer {token}"))?;
    request.headers_mut().insert("authorization", bearer);
    let config = WebSocketConfig::default().read_buffer_size(16 * 1024).write_buffer_size(0);
    let (socket, _) = client_async_with_config(request, stream, Some(config))
        .await
        .context("the handshake was refused")?;
    Ok(socket)
}

/// Subscribes a connection and waits for the acknowledgment.
///
/// # Errors
/// When it is refused.
pub async fn subscribe(socket: &mut Socket, conversation_id: i64) -> Result<()> {
    let command =
        format!(r#"{{"type":"subscribe_conversation","conversation_id":{conversation_id}}}"#);
    socket.send(Message::text(command)).await?;
    loop {
        let Some(frame) = socket.next().await else { bail!("closed while subscribing") };
        let frame = frame?;
        let Ok(text) = frame.to_text() else { continue };
        ensure!(!text.starts_with(r#"{"type":"error"#), "subscribing was refused: {text}");
        if text.starts_with(r#"{"type":"acknowledgment"#) {
            return Ok(());
        }
    }
}

/// How a sender sends.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// The next message when the last one is acknowledged.
    ClosedLoop,
    /// So many a second, come what may.
    PerSecond(u32),
}

/// Whose messages reach a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hears {
    /// Every sender's.
    Everyone,
    /// Its own.
    Itself,
}

/// One connection of a load and the conversation it writes to.
#[derive(Debug)]
pub struct Participant {
    /// The connection.
    pub socket: Socket,
    /// The conversation.
    pub conversation_id: i64,
}

/// What a load showed.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Acknowledged messages a second.
    pub acknowledged_per_second: f64,
    /// Frames that arrived, a second.
    pub delivered_per_second: f64,
    /// From sending a message to a receiver having it, in milliseconds.
    pub delivery_p50_ms: f64,
    /// The same for the slowest hundredth.
    pub delivery_p99_ms: f64,
    /// From sending a message to its acknowledgment, in milliseconds.
    pub acknowledgment_p50_ms: f64,
    /// Acknowledged messages in all, those of the warm-up included.
    pub acknowledged: f64,
}

/// What the connections of one load share.
struct Shared {
    started: Instant,
    measured_from: Instant,
    measured_to: Instant,
    hears: Hears,
    pace: Pace,
    senders: usize,
    sending: AtomicUsize,
    sent: Vec<AtomicU32>,
    all_sent: watch::Sender<bool>,
}

/// What one connection saw.
#[derive(Default)]
struct Tally {
    acknowledged: u32,
    delivered: u32,
    delivery_us: Vec<u32>,
    acknowledgment_us: Vec<u32>,
}

/// Has the first `senders` of the connections write for the settings' time; returns once every frame
/// has arrived everywhere.
///
/// # Errors
/// When a frame is lost, doubled or out of order, a command is refused or a connection closes.
pub async fn run(
    participants: Vec<Participant>,
    senders: usize,
    pace: Pace,
    hears: Hears,
    settings: Settings,
) -> Result<(Vec<Participant>, Outcome)> {
    let started = Instant::now();
    let measured_from = started + settings.warm_up;
    let shared = Arc::new(Shared {
        started,
        measured_from,
        measured_to: measured_from + settings.measured,
        hears,
        pace,
        senders,
        sending: AtomicUsize::new(senders),
        sent: (0..senders).map(|_| AtomicU32::new(0)).collect(),
        all_sent: watch::Sender::new(false),
    });
    let tasks = participants.into_iter().enumerate().map(|(index, participant)| {
        let connection = Connection {
            index,
            participant,
            all_sent: shared.all_sent.subscribe(),
            shared: Arc::clone(&shared),
            next: vec![0; senders],
            sent: 0,
            sent_at: Instant::now(),
            tally: Tally::default(),
        };
        tokio::spawn(connection.run())
    });
    let mut back = Vec::new();
    let mut total = Tally::default();
    for finished in try_join_all(tasks).await? {
        let (participant, tally) = finished?;
        back.push(participant);
        total.acknowledged += tally.acknowledged;
        total.delivered += tally.delivered;
        total.delivery_us.extend(tally.delivery_us);
        total.acknowledgment_us.extend(tally.acknowledgment_us);
    }
    let seconds = settings.measured.as_secs_f64();
    let (delivery_p50_ms, delivery_p99_ms) = quantiles_ms(total.delivery_us);
    let acknowledged = f64::from(u32::try_from(total.acknowledgment_us.len())?);
    let (acknowledgment_p50_ms, _) = quantiles_ms(total.acknowledgment_us);
    let outcome = Outcome {
        acknowledged_per_second: f64::from(total.acknowledged) / seconds,
        delivered_per_second: f64::from(total.delivered) / seconds,
        delivery_p50_ms,
        delivery_p99_ms,
        acknowledgment_p50_ms,
        acknowledged,
    };
    Ok((back, outcome))
}

/// The median and the 99th hundredth of durations in microseconds, as milliseconds.
#[must_use]
pub fn quantiles_ms(mut micros: Vec<u32>) -> (f64, f64) {
    micros.sort_unstable();
    let at = |hundredth: usize| {
        let index = micros.len() * hundredth / 100;
        micros.get(index).map_or(0.0, |value| f64::from(*value) / 1000.0)
    };
    (at(50), at(99))
}

struct Connection {
    index: usize,
    participant: Participant,
    shared: Arc<Shared>,
    all_sent: watch::Receiver<bool>,
    /// Which message of each sender comes next.
    next: Vec<u32>,
    sent: u32,
    sent_at: Instant,
    tally: Tally,
}

impl Connection {
    async fn run(mut self) -> Result<(Participant, Tally)> {
        let is_sender = self.index < self.shared.senders;
        let mut tick = tokio::time::interval(match self.shared.pace {
            Pace::PerSecond(rate) if is_sender => Duration::from_secs(1) / rate,
            _ => Duration::from_secs(3600),
        });
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let paced = is_sender && matches!(self.shared.pace, Pace::PerSecond(_));
        if is_sender && !paced {
            self.send().await?;
        }
        let mut sending = is_sender;
        let deadline = tokio::time::Instant::from_std(self.shared.measured_to + PATIENCE);
        let mut too_late = pin!(tokio::time::sleep_until(deadline));
        loop {
            if *self.all_sent.borrow() && self.has_all() {
                return Ok((self.participant, self.tally));
            }
            tokio::select! {
                frame = self.participant.socket.next() => {
                    self.take(frame).await?;
                    while let Some(frame) = self.participant.socket.next().now_or_never() {
                        self.take(frame).await?;
                    }
                }
                _ = tick.tick(), if paced && sending => self.send().await?,
                _ = self.all_sent.changed() => {}
                () = &mut too_late => bail!(
                    "connection {} still misses frames: {:?} of {:?}",
                    self.index, self.next, self.shared.sent,
                ),
            }
            let over = Instant::now() >= self.shared.measured_to;
            if sending && over && self.acknowledged_all() {
                sending = false;
                self.finish_sending();
            }
        }
    }

    fn acknowledged_all(&self) -> bool {
        usize::try_from(self.sent).is_ok_and(|sent| sent == self.tally.acknowledgment_us.len())
    }

    fn finish_sending(&self) {
        if let Some(sent) = self.shared.sent.get(self.index) {
            sent.store(self.sent, Ordering::SeqCst);
        }
        if self.shared.sending.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.shared.all_sent.send_replace(true);
        }
    }

    fn has_all(&self) -> bool {
        let everyone = self.shared.hears == Hears::Everyone;
        self.next.iter().zip(&self.shared.sent).enumerate().all(|(sender, (next, sent))| {
            (!everyone && sender != self.index) || *next == sent.load(Ordering::SeqCst)
        })
    }

    async fn send(&mut self) -> Result<()> {
        let now = Instant::now();
        let micros = now.duration_since(self.shared.started).as_micros();
        let mark = format!("#@{:04} {:08} {micros:010} ", self.index, self.sent);
        let command = format!(
            r#"{{"type":"text","conversation_id":{},"content":"{mark:x<CONTENT_BYTES$}"}}"#,
            self.participant.conversation_id,
        );
        self.sent_at = now;
        self.sent += 1;
        self.participant.socket.send(Message::text(command)).await?;
        Ok(())
    }

    async fn take(
        &mut self,
        frame: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<()> {
        let Some(frame) = frame else { bail!("connection {} was closed", self.index) };
        let frame = frame?;
        let text = match &frame {
            Message::Text(text) => text.as_str(),
            Message::Close(reason) => bail!("connection {} was closed: {reason:?}", self.index),
            _ => return Ok(()),
        };
        let now = Instant::now();
        let counts = (self.shared.measured_from..self.shared.measured_to).contains(&now);
        if text.starts_with(r#"{"type":"acknowledgment"#) {
            let micros = now.duration_since(self.sent_at).as_micros();
            self.tally.acknowledgment_us.push(u32::try_from(micros)?);
            self.tally.acknowledged += u32::from(counts);
            if matches!(self.shared.pace, Pace::ClosedLoop) && now < self.shared.measured_to {
                self.send().await?;
            }
        } else if let Some(mark) = text.find("#@") {
            let (sender, number, micros) = read_mark(text, mark).context("a frame is damaged")?;
            let next = self.next.get_mut(sender).context("a frame of nobody")?;
            ensure!(
                number == *next,
                "connection {}: message {number} of {sender} came instead of {next}",
                self.index,
            );
            *next += 1;
            self.tally.delivered += u32::from(counts);
            if counts {
                let sent_at = self.shared.started + Duration::from_micros(micros);
                let took = now.saturating_duration_since(sent_at).as_micros();
                self.tally.delivery_us.push(u32::try_from(took)?);
            }
        } else {
            ensure!(!text.starts_with(r#"{"type":"error"#), "a command was refused: {text}");
        }
        Ok(())
    }
}

/// Sender, number and time of a text.
fn read_mark(text: &str, mark: usize) -> Option<(usize, u32, u64)> {
    let sender = text.get(mark + 2..mark + 6)?.parse().ok()?;
    let number = text.get(mark + 7..mark + 15)?.parse().ok()?;
    let micros = text.get(mark + 16..mark + 26)?.parse().ok()?;
    Some((sender, number, micros))
}
