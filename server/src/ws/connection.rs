//! One WebSocket: reads commands, writes what its queue holds, tells what was missed.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::poll_fn,
    num::NonZeroU32,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use governor::clock::MonotonicClock;

use crate::{
    app::App,
    chat::{Action, Change},
    hub::{Connection, Outgoing, Replay},
    journal::{Sent, Written},
    property_turns::Turn,
    protocol::{CloseCode, Command, CommandError, Id},
    store::{
        StoreError,
        events::{self, Audience},
    },
};

use super::{
    Joined, RESUME_WEIGHT,
    limits::{Limits, Verdict},
};

/// How often a ping goes out (contract 1.1).
const PING_INTERVAL: Duration = Duration::from_secs(25);

/// A connection that says nothing for so long is closed (contract 1.1).
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A reader that takes nothing of what is live for so long is too slow. What was missed waits for its
/// reader as long as any silence may last.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// This many conversations that a `resume` names count as one more command.
const CONVERSATIONS_PER_COMMAND: usize = 100;

/// How long a closing connection may take to say goodbye.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(900);

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
    /// When the client last showed a sign of life: it said something, or took what it had to wait for.
    heard: Instant,
    next_ping: Instant,
    /// Nothing more is read: the client sent a frame for which the connection closes.
    reads_no_more: bool,
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
        next_ping: Instant::now() + PING_INTERVAL,
        reads_no_more: false,
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

/// Sends the close frame, and waits for the client's own. What a client sends that cannot be read any more, the
/// listener discards (`listen::held`), so that the close frame arrives.
async fn farewell(socket: &mut WebSocket, code: CloseCode) {
    let reason = Utf8Bytes::from_static(code.reason());
    let close = Message::Close(Some(CloseFrame { code: code.number(), reason }));
    let goodbye = async {
        socket.send(close).await.ok()?;
        while let Some(Ok(_)) = socket.next().await {}
        Some(())
    };
    // A client that does not answer is left to the operating system.
    let _ = tokio::time::timeout(FAREWELL_TIMEOUT, goodbye).await;
}

impl Task {
    /// Serves the connection to its end.
    async fn serve(&mut self) -> Result<Infallible, End> {
        let mut step = Step::Live;
        let mut timer = pin!(tokio::time::sleep(PING_INTERVAL));
        loop {
            self.write_queue(&mut step).await?;
            if let Step::Missing(replay) = step {
                self.feel_pulse().await?;
                step = Box::pin(self.tell_missed(replay)).await?;
                continue;
            }
            tokio::select! {
                incoming = self.socket.next(), if !self.reads_no_more => self.receive(incoming).await?,
                () = self.connection.queue.ready() => {}
                () = &mut timer => {
                    self.feel_pulse().await?;
                    timer.as_mut().reset(self.next_ping.min(self.heard + SILENCE_MAX).into());
                }
            }
        }
    }

    /// Ends a connection that has been silent for too long, and pings one that is due.
    async fn feel_pulse(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if now.duration_since(self.heard) >= SILENCE_MAX {
            return Err(End::Gone);
        }
        if now >= self.next_ping {
            self.next_ping = now + PING_INTERVAL;
            let ping = VecDeque::from([Message::Ping(axum::body::Bytes::new())]);
            self.write(ping, WRITE_TIMEOUT).await?;
        }
        Ok(())
    }

    /// Writes everything that waits, at once. What happened to subscriptions or by a `resume` meanwhile
    /// changes where the connection stands.
    async fn write_queue(&mut self, step: &mut Step) -> Result<(), End> {
        let (outgoing, closing) = self.connection.queue.take();
        let is_empty = outgoing.is_empty();
        let mut messages = VecDeque::with_capacity(outgoing.len());
        for each in outgoing {
            match each {
                Outgoing::Frame(frame) => messages.push_back(Message::Text(frame)),
                Outgoing::Replay(replay) => *step = Step::Missing(replay),
                Outgoing::Live => *step = Step::Live,
                Outgoing::Subscription { acknowledgment, conversation_id, since } => {
                    messages.push_back(Message::Text(acknowledgment));
                    if let Step::Missing(replay) = step {
                        replay.subscription(conversation_id, since);
                    }
                }
            }
        }
        if !messages.is_empty() {
            let patience = match step {
                Step::Live => WRITE_TIMEOUT,
                Step::Missing(_) => SILENCE_MAX,
            };
            self.write(messages, patience).await?;
        }
        if !is_empty {
            self.connection.queue.written();
        }
        closing.map_or(Ok(()), |code| Err(End::Close(code)))
    }

    /// Writes messages and flushes. A reader that takes nothing for as long as `patience` is given up, at
    /// once when the connection has to close anyway.
    async fn write(&mut self, messages: VecDeque<Message>, patience: Duration) -> Result<(), End> {
        let connection = Arc::clone(&self.connection);
        let mut writing = pin!(self.write_all(messages, patience));
        if let Some(done) = writing.as_mut().now_or_never() {
            return done;
        }
        tokio::select! {
            done = &mut writing => done,
            code = connection.queue.must_close() => {
                // What was begun may still come to its end, so that the close frame can follow.
                match tokio::time::timeout(FAREWELL_TIMEOUT, writing).await {
                    Ok(Ok(())) => Err(End::Close(code)),
                    _ => Err(End::Drop(code)),
                }
            }
        }
    }

    async fn write_all(
        &mut self,
        messages: VecDeque<Message>,
        patience: Duration,
    ) -> Result<(), End> {
        for message in messages {
            self.step(WebSocket::poll_ready, patience).await?;
            Pin::new(&mut self.socket).start_send(message).map_err(why_unwritable)?;
        }
        self.step(WebSocket::poll_flush, patience).await
    }

    /// One step of writing. What the client says while it is waited for is carried out.
    async fn step(
        &mut self,
        step: impl Fn(Pin<&mut WebSocket>, &mut Context<'_>) -> Poll<Result<(), axum::Error>>,
        patience: Duration,
    ) -> Result<(), End> {
        let mut waited = false;
        loop {
            let (socket, reads_no_more) = (&mut self.socket, self.reads_no_more);
            let mut taken = pin!(poll_fn(|context| {
                if let Poll::Ready(written) = step(Pin::new(&mut *socket), context) {
                    return Poll::Ready(Taken::Written(written));
                }
                if reads_no_more {
                    return Poll::Pending;
                }
                Pin::new(&mut *socket).poll_next(context).map(Taken::Incoming)
            }));
            let done = match taken.as_mut().now_or_never() {
                Some(done) => done,
                None => {
                    waited = true;
                    let done = tokio::time::timeout(patience, taken).await;
                    done.map_err(|_elapsed| End::Drop(CloseCode::TooSlow))?
                }
            };
            match done {
                Taken::Written(written) => {
                    // Taking what it had to be waited for is a sign of life.
                    if waited {
                        self.heard = Instant::now();
                    }
                    return written.map_err(why_unwritable);
                }
                // Boxed, as it is rare: what an idle connection costs is the size of this task.
                Taken::Incoming(incoming) => Box::pin(self.receive(incoming)).await?,
            }
        }
    }

    /// Takes one message from the client.
    async fn receive(&mut self, incoming: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let Some(incoming) = incoming else { return Err(End::Gone) };
        self.heard = Instant::now();
        match incoming {
            Ok(Message::Text(text)) => self.command(&text).await,
            Ok(Message::Binary(_)) => {
                Box::pin(self.close_after_answers(CloseCode::Unsupported)).await
            }
            Ok(Message::Ping(_) | Message::Pong(_)) => Ok(()),
            // The answer to a close frame goes out with the next write.
            Ok(Message::Close(_)) => {
                let _ = self.socket.flush().now_or_never();
                Err(End::Gone)
            }
            Err(error) => match why_unreadable(error) {
                Some(code) => Box::pin(self.close_after_answers(code)).await,
                None => Err(End::Gone),
            },
        }
    }

    /// Reads nothing more, and closes the connection once everything that came before is answered.
    async fn close_after_answers(&mut self, code: CloseCode) -> Result<(), End> {
        self.reads_no_more = true;
        // The writer takes changes in order: once this one is written, those before it are answered.
        let all_before =
            self.app.journal.write(|_| Box::pin(async { Ok::<_, StoreError>(Written::quiet(())) }));
        if all_before.await.is_err() {
            tracing::debug!(
                connection = self.connection.id,
                "connection closed without waiting for answers"
            );
        }
        self.connection.queue.close(code);
        Ok(())
    }

    async fn command(&mut self, text: &str) -> Result<(), End> {
        let (named, command) = Command::parse(text);
        let verdict = self.limits.judge(cost(command.as_ref().ok()));
        let command = match verdict {
            Verdict::Accept => command,
            Verdict::Refuse | Verdict::Close => Err(CommandError::RateLimited),
        };
        let (command, change) = match command {
            Ok(command) => (command.name(), change(self.connection.staff.id, command)),
            Err(error) => ("unknown", Change::Refuse(error)),
        };
        let weight = match &change {
            Change::Resume { resume, .. } => Some(resume.conversation_ids.len() + RESUME_WEIGHT),
            _ => None,
        };
        let turn = match weight {
            Some(weight) => Box::pin(resume_turn(&self.app, &self.connection, weight)).await?,
            None => None,
        };
        let sent = Sent { command, named, turn };
        self.app.journal.submit_for(Arc::clone(&self.connection), sent, change).await;
        if verdict == Verdict::Close {
            Box::pin(self.close_after_answers(CloseCode::Policy)).await?;
        }
        Ok(())
    }

    /// Takes the commands that are there already, then tells one page of what was missed; goes live
    /// when nothing is missing any more.
    async fn tell_missed(&mut self, mut replay: Replay) -> Result<Step, End> {
        while !self.reads_no_more
            && let Some(incoming) = self.socket.next().now_or_never()
        {
            self.receive(incoming).await?;
        }
        let Task { app, connection, .. } = &*self;
        let (up_to, now) = (app.hub.published_seq(connection), app.clock.now());
        if replay.after_seq >= up_to {
            let is_live = app.hub.go_live(connection, &app.epoch, &replay, now);
            return Ok(if is_live { Step::Live } else { Step::Missing(replay) });
        }
        let audience = Audience {
            property_id: connection.staff.property.id,
            departments: connection.staff.departments.iter().map(|each| each.id).collect(),
            conversations: replay.subscriptions.keys().copied().collect(),
        };
        // A piece at a time, and in turn with other properties; what the client is sent waits outside.
        let turn = tokio::select! {
            turn = app.replays.take(connection.staff.property.id, 1) => turn,
            code = connection.queue.must_close() => return Err(End::Close(code)),
        };
        let page = events::replay(&app.store, &audience, (replay.after_seq, up_to)).await;
        drop(turn);
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, connection = self.connection.id, "replay failed");
                // The client reconnects and asks again.
                return Err(End::Close(CloseCode::ReplayFailed));
            }
        };
        if page.pruned_seq > replay.after_seq {
            let is_live = app.hub.resync(connection, &app.epoch, &replay, now);
            return Ok(if is_live { Step::Live } else { Step::Missing(replay) });
        }
        let asked = replay.resume;
        let mut step = Step::Missing(replay);
        // The acknowledgments of what happened up to `up_to` wait in the queue: they go first.
        self.write_queue(&mut step).await?;
        replay = match step {
            Step::Missing(replay) if replay.resume == asked => replay,
            newer => return Ok(newer),
        };
        let staff = &self.connection.staff;
        // The events go before the frames are written: a reader may take long.
        let frames = page
            .events
            .into_iter()
            .filter_map(|event| replay.tell(&event, staff).map(Message::Text));
        let frames = frames.collect();
        self.write(frames, SILENCE_MAX).await?;
        Ok(Step::Missing(Replay { after_seq: page.reached, ..replay }))
    }
}

/// What came of waiting for a step of writing.
enum Taken {
    Written(Result<(), axum::Error>),
    /// The client said something first.
    Incoming(Option<Result<Message, axum::Error>>),
}

/// As how many commands one counts (contract 1.4): a `resume` as one more for each full hundred conversations that it
/// names.
fn cost(command: Option<&Command>) -> NonZeroU32 {
    let more = match command {
        Some(Command::Resume(resume)) => resume.conversation_ids.len() / CONVERSATIONS_PER_COMMAND,
        _ => 0,
    };
    NonZeroU32::MIN.saturating_add(u32::try_from(more).unwrap_or(u32::MAX))
}

/// Waits for the turn of a `resume`, or until the connection must close.
async fn resume_turn(
    app: &App,
    connection: &Connection,
    weight: usize,
) -> Result<Option<Turn>, End> {
    tokio::select! {
        turn = app.resumes.take(connection.staff.property.id, weight) => Ok(turn),
        code = connection.queue.must_close() => Err(End::Close(code)),
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

/// The code with which a connection closes whose client sent a frame that cannot be read; `None`: the connection
/// broke.
fn why_unreadable(error: axum::Error) -> Option<CloseCode> {
    use tungstenite::error::{CapacityError, Error, ProtocolError};
    match error.into_inner().downcast::<Error>().map(|error| *error) {
        Ok(Error::Capacity(CapacityError::MessageTooLong { .. })) => Some(CloseCode::TooBig),
        Ok(Error::Utf8(_)) => Some(CloseCode::InvalidText),
        Ok(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => None,
        Ok(Error::Protocol(_)) => Some(CloseCode::Violation),
        _ => None,
    }
}

/// What a frame that cannot be written means for the connection.
fn why_unwritable(error: axum::Error) -> End {
    use tungstenite::error::Error;
    match error.into_inner().downcast::<Error>().map(|error| *error) {
        Ok(Error::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut => {
            End::Drop(CloseCode::TooSlow)
        }
        _ => End::Gone,
    }
}
