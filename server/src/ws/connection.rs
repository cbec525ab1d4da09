//! One WebSocket: reads commands, writes what its queue holds, tells what was missed.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::{FutureExt, SinkExt, StreamExt};
use governor::clock::MonotonicClock;

use crate::{
    app::App,
    chat::{Action, Change},
    hub::{Connection, Outgoing, Replay, encode},
    journal::Written,
    protocol::{CloseCode, Command, CommandError, ErrorFrame, Frame, Id},
    store::{
        StoreError,
        events::{self, Audience},
    },
};

use super::{
    Joined,
    limits::{Limits, Verdict},
};

/// How often a ping goes out (contract 1.1).
const PING_INTERVAL: Duration = Duration::from_secs(25);

/// A connection that says nothing for so long is closed (contract 1.1).
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A reader that takes nothing for so long is too slow.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a closing connection may take to say goodbye.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(900);

/// How long a socket stays open for a client that cannot be read any more.
const LAST_LOOK: Duration = Duration::from_millis(200);

/// Events in one page of a replay.
const REPLAY_PAGE: u32 = 200;

/// Why a connection ends.
enum End {
    /// The client is gone, or the socket broke.
    Gone,
    /// The server closes it.
    Close(CloseCode),
    /// The server drops it: it takes nothing, so it cannot even be told why.
    Drop(CloseCode),
}

/// How far a replay has come.
enum Step {
    /// Nothing is missing any more: the connection is live.
    Live,
    /// This is still to be told.
    Missing(Replay),
}

/// The task of one connection.
struct Task {
    app: App,
    connection: Arc<Connection>,
    socket: WebSocket,
    limits: Limits,
    /// When the client last said anything.
    heard: Instant,
}

/// Runs a socket to its end.
pub(super) async fn run(socket: WebSocket, joined: Joined) {
    let (app, connection) = (joined.app.clone(), Arc::clone(&joined.connection));
    tracing::debug!(connection = connection.id, staff = connection.staff.id, "connected");
    let limits = Limits::new(app.config.commands_per_second, MonotonicClock);
    let mut task = Task {
        app: app.clone(),
        connection: Arc::clone(&connection),
        socket,
        limits,
        heard: Instant::now(),
    };
    let Err(end) = Box::pin(task.serve()).await;
    drop(joined);
    let code = match end {
        End::Gone => None,
        End::Close(code) | End::Drop(code) => Some(code),
    };
    if code == Some(CloseCode::TooSlow) {
        app.metrics.count_slow_reader();
    }
    if let End::Close(code) = end {
        farewell(&mut task.socket, code).await;
    }
    let code = code.map(CloseCode::number);
    tracing::debug!(connection = connection.id, staff = connection.staff.id, code, "disconnected");
}

/// Says why, and waits a moment for the client to have read it.
async fn farewell(socket: &mut WebSocket, code: CloseCode) {
    let reason = Utf8Bytes::from_static(code.reason());
    let close = Message::Close(Some(CloseFrame { code: code.number(), reason }));
    let goodbye = async {
        socket.send(close).await.ok()?;
        while let Some(incoming) = socket.next().await {
            if incoming.is_err() {
                // It is still sending what nobody reads: it gets a moment to see why.
                tokio::time::sleep(LAST_LOOK).await;
                break;
            }
        }
        Some(())
    };
    // A client that does not answer is left to the operating system.
    let _ = tokio::time::timeout(FAREWELL_TIMEOUT, goodbye).await;
}

impl Task {
    /// Serves the connection to its end.
    async fn serve(&mut self) -> Result<Infallible, End> {
        let mut step = Step::Live;
        let mut next_ping = Instant::now() + PING_INTERVAL;
        let mut timer = pin!(tokio::time::sleep(PING_INTERVAL));
        loop {
            if let Some(asked) = self.write_queue().await? {
                step = asked;
            }
            if let Step::Missing(replay) = step {
                step = self.tell_missed(replay).await?;
                continue;
            }
            tokio::select! {
                incoming = self.socket.next() => self.receive(incoming).await?,
                () = self.connection.queue.ready() => {}
                () = &mut timer => {
                    let now = Instant::now();
                    if now.duration_since(self.heard) >= SILENCE_MAX {
                        return Err(End::Gone);
                    }
                    if now >= next_ping {
                        next_ping = now + PING_INTERVAL;
                        let ping = VecDeque::from([Message::Ping(axum::body::Bytes::new())]);
                        self.write(ping).await?;
                    }
                    let next = next_ping.min(self.heard + SILENCE_MAX);
                    timer.as_mut().reset(next.into());
                }
            }
        }
    }

    /// Writes everything that waits, at once. Returns where a `resume` puts the connection, if there
    /// was one.
    async fn write_queue(&mut self) -> Result<Option<Step>, End> {
        let (outgoing, closing) = self.connection.queue.take();
        let mut messages = VecDeque::with_capacity(outgoing.len());
        let mut step = None;
        for each in outgoing {
            match each {
                Outgoing::Frame(frame) => messages.push_back(Message::Text(frame)),
                Outgoing::Replay(replay) => step = Some(Step::Missing(replay)),
                Outgoing::Live => step = Some(Step::Live),
            }
        }
        if !messages.is_empty() {
            self.write(messages).await?;
        }
        closing.map_or(Ok(step), |code| Err(End::Close(code)))
    }

    /// Writes messages and flushes. A reader that stands still is given up, at once when the
    /// connection has to close anyway.
    async fn write(&mut self, messages: VecDeque<Message>) -> Result<(), End> {
        let socket = &mut self.socket;
        let mut writing = pin!(async move {
            for message in messages {
                socket.feed(message).await.map_err(|_| End::Gone)?;
            }
            socket.flush().await.map_err(|_| End::Gone)
        });
        if let Some(done) = writing.as_mut().now_or_never() {
            return done;
        }
        let queue = &self.connection.queue;
        tokio::select! {
            done = &mut writing => done,
            code = queue.must_close() => {
                // What was begun may still come to its end, so that the close frame can follow.
                match tokio::time::timeout(FAREWELL_TIMEOUT, writing).await {
                    Ok(Ok(())) => Err(End::Close(code)),
                    _ => Err(End::Drop(code)),
                }
            }
            () = tokio::time::sleep(WRITE_TIMEOUT) => Err(End::Drop(CloseCode::TooSlow)),
        }
    }

    /// Takes one message from the client.
    async fn receive(&mut self, incoming: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let Some(incoming) = incoming else { return Err(End::Gone) };
        self.heard = Instant::now();
        match incoming {
            Ok(Message::Text(text)) => self.command(&text).await,
            Ok(Message::Binary(_)) => Err(End::Close(CloseCode::Unsupported)),
            Ok(Message::Ping(_) | Message::Pong(_)) => Ok(()),
            // The answer to a close frame goes out with the next write.
            Ok(Message::Close(_)) => {
                let _ = self.socket.flush().now_or_never();
                Err(End::Gone)
            }
            Err(error) => Err(why_unreadable(error)),
        }
    }

    async fn command(&mut self, text: &str) -> Result<(), End> {
        let parsed = Command::parse(text);
        let verdict = self.limits.judge();
        if verdict != Verdict::Accept {
            self.app.metrics.count_refusal("rate_limited");
            let mut error = ErrorFrame::from(CommandError::RateLimited);
            (error.conversation_id, error.client_id) = match parsed {
                Ok(command) => command.names(),
                Err(refusal) => (refusal.conversation_id, refusal.client_id),
            };
            self.connection.send(&Frame::Error(error));
            if verdict == Verdict::Close {
                // What was accepted before is answered before: once this is told, so are they.
                let all_before = self
                    .app
                    .journal
                    .write(|_| Box::pin(async { Ok::<_, StoreError>(Written::quiet(())) }));
                if all_before.await.is_err() {
                    tracing::debug!(connection = self.connection.id, "closed without answers");
                }
                self.connection.queue.close(CloseCode::Policy);
            }
            return Ok(());
        }
        match parsed {
            Ok(command) => {
                let name = command.name();
                let change = change(self.connection.staff.id, command);
                self.app.journal.submit_for(Arc::clone(&self.connection), name, change).await;
            }
            Err(refusal) => {
                self.app.metrics.count_refusal("unreadable");
                self.connection.send(&Frame::Error(refusal.into()));
            }
        }
        Ok(())
    }

    /// Takes the commands that are there already, then tells one page of what was missed; goes live
    /// when nothing is missing any more.
    async fn tell_missed(&mut self, replay: Replay) -> Result<Step, End> {
        while let Some(incoming) = self.socket.next().now_or_never() {
            self.receive(incoming).await?;
        }
        let Task { app, connection, .. } = &*self;
        let (up_to, conversations) = app.hub.replay_bounds(connection);
        let now = app.clock.now();
        if replay.after_seq >= up_to {
            let is_live = app.hub.go_live(connection, &app.epoch, &replay, now);
            return Ok(if is_live { Step::Live } else { Step::Missing(replay) });
        }
        let staff = &self.connection.staff;
        let audience = Audience {
            property_id: staff.property.id,
            departments: staff.departments.iter().map(|department| department.id).collect(),
            conversations,
        };
        let bounds = (replay.after_seq, up_to);
        let page = match events::replay(&self.app.store, &audience, bounds, REPLAY_PAGE).await {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, connection = self.connection.id, "replay failed");
                // The client comes back and asks again.
                return Err(End::Close(CloseCode::GoingAway));
            }
        };
        if page.pruned_seq > replay.after_seq {
            let is_live = self.app.hub.resync(&self.connection, &self.app.epoch, &replay, now);
            return Ok(if is_live { Step::Live } else { Step::Missing(replay) });
        }
        let page = page.events;
        // The acknowledgments of what happened up to `up_to` wait in the queue: they go first.
        if let Some(newer) = self.write_queue().await? {
            return Ok(newer);
        }
        let is_last = page.len() < usize::try_from(REPLAY_PAGE).unwrap_or(usize::MAX);
        let reached = if is_last { up_to } else { page.last().map_or(up_to, |event| event.seq) };
        let frames = page
            .iter()
            .map(|event| {
                let subscribed = audience.conversations.contains(&event.conversation_id);
                Message::Text(encode(&event.frame(subscribed)))
            })
            .collect();
        self.write(frames).await?;
        Ok(Step::Missing(Replay { after_seq: reached, ..replay }))
    }
}

/// What a command of this staff member asks of the journal.
fn change(staff: Id, command: Command) -> Change {
    let (conversation_id, action) = match command {
        Command::Text { conversation_id, content, client_id } => {
            (conversation_id, Action::Text { content, client_id })
        }
        Command::MarkRead { conversation_id, message_id } => {
            (conversation_id, Action::MarkRead { message_id })
        }
        Command::SubscribeConversation { conversation_id } => (conversation_id, Action::Subscribe),
        Command::UnsubscribeConversation { conversation_id } => {
            (conversation_id, Action::Unsubscribe)
        }
        Command::Typing { conversation_id, is_typing } => {
            (conversation_id, Action::Typing { is_typing })
        }
        Command::CloseConversation { conversation_id } => (conversation_id, Action::Close),
        Command::Resume(resume) => return Change::Resume { staff, resume },
    };
    Change::Conversation { staff, conversation_id, action }
}

/// What a frame that cannot be read means for the connection.
fn why_unreadable(error: axum::Error) -> End {
    use tungstenite::error::{CapacityError, Error};
    match error.into_inner().downcast::<Error>().map(|error| *error) {
        Ok(Error::Capacity(CapacityError::MessageTooLong { .. })) => End::Close(CloseCode::TooBig),
        Ok(Error::Utf8(_)) => End::Close(CloseCode::InvalidText),
        _ => End::Gone,
    }
}
