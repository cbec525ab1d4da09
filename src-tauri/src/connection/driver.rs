//! Keeps a socket under the [`Link`]: heartbeat, reconnecting, and the end of the sign-in.

use std::{pin::pin, sync::Arc, time::Duration};

use frontdesk_server::clock::Clock;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    ConnectionState, News, Push, Request,
    backoff::Backoff,
    link::{Effect, Link},
    network_watch,
    socket::{self, Ended, Socket},
};
use crate::{
    api::Api,
    keychain::Token,
    outbox::{Keeping, Store},
};

/// How often the socket's pulse is felt.
const PULSE: Duration = Duration::from_secs(1);

/// The server pings every 25 s: after this silence something is wrong, and it is asked.
const SILENCE: Duration = Duration::from_secs(30);

/// While the window is visible, the server is asked after this silence: with [`PONG_WITHIN`] and two pulses, a server
/// that hangs is detected within 15 s.
const SILENCE_IN_SIGHT: Duration = Duration::from_secs(7);

/// So long it has for the answer to a ping, and the socket to take a frame.
const PONG_WITHIN: Duration = Duration::from_secs(5);

/// The wall clock got this much ahead of the program's own: the computer slept.
const SLEPT_MS: i64 = 5_000;

/// A connection lost for so long is `Offline` on the screen.
const OFFLINE_AFTER: Duration = Duration::from_secs(10);

/// The task behind a [`super::Connection`].
pub(super) struct Driver {
    api: Api,
    token: Token,
    news: mpsc::Sender<News>,
    store: Arc<Store>,
    link: Link,
    backoff: Backoff,
    state: ConnectionState,
    /// When the screen changes to `Offline`.
    offline_at: Option<Instant>,
    /// Somebody wants to connect now.
    wants_now: bool,
    /// Whether the window is visible; assumed until the page reports it.
    is_in_sight: bool,
    /// The computer has slept, and the server has not answered since.
    is_in_doubt: bool,
}

/// Nobody wants the connection any more.
struct Stopped;

fn reconnecting(reason: Option<String>) -> ConnectionState {
    ConnectionState::Reconnecting { since: Clock::System.now().as_millis(), reason }
}

impl Driver {
    pub(super) fn new(
        api: Api,
        token: Token,
        link: Link,
        store: Arc<Store>,
        news: mpsc::Sender<News>,
    ) -> Self {
        Self {
            api,
            token,
            news,
            store,
            link,
            backoff: Backoff::default(),
            state: reconnecting(None),
            offline_at: Some(Instant::now() + OFFLINE_AFTER),
            wants_now: false,
            is_in_sight: true,
            is_in_doubt: false,
        }
    }

    /// Runs until the sign-in ends or nobody holds the handle any more.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let _stopped = self.keep_connected(&mut requests).await;
    }

    async fn keep_connected(
        &mut self,
        requests: &mut mpsc::Receiver<Request>,
    ) -> Result<(), Stopped> {
        // What waits to be sent is shown before there is a connection.
        self.carry_out(None).await?;
        loop {
            let (api, token) = (self.api.clone(), self.token.clone());
            // Boxed: it is large, and lives for a moment only.
            let opening = Box::pin(async move { socket::open(&api, &token).await });
            // `None`: somebody wants to connect now, and this attempt may hang.
            let opened = self.meanwhile(requests, opening).await?;
            let ended = match opened {
                Some(Ok(socket)) => self.talk(requests, socket).await?,
                Some(Err(ended)) => ended,
                None => continue,
            };
            self.link.closed(ended == Ended::DepartmentsChanged);
            let why = match &ended {
                Ended::Lost(why) => why.clone(),
                Ended::OtherCertificate(error) => Some(error.message.clone()),
                Ended::DepartmentsChanged | Ended::SignedOut(_) => None,
            };
            self.lost(why).await?;
            if let Ended::OtherCertificate(failure) = &ended {
                self.tell(News::Push(Push::CertificateChanged { failure: failure.clone() }))
                    .await?;
            }
            self.carry_out(None).await?;
            let pause = match ended {
                Ended::SignedOut(message) => {
                    return self.news.send(News::SignedOut(message)).await.map_err(|_| Stopped);
                }
                Ended::DepartmentsChanged => self.backoff.next_pause_but_the_first(rand::random()),
                Ended::Lost(_) | Ended::OtherCertificate(_) => {
                    self.backoff.next_pause(rand::random())
                }
            };
            let network = async {
                tokio::select! {
                    () = tokio::time::sleep(pause) => false,
                    () = network_watch::new_address() => true,
                }
            };
            let has_new_network = self.meanwhile(requests, network).await?;
            if has_new_network.unwrap_or(true) {
                self.backoff.reset();
            }
        }
    }

    /// Serves the window while `something` without a socket goes on. `None`: somebody wants to connect now.
    async fn meanwhile<T>(
        &mut self,
        requests: &mut mpsc::Receiver<Request>,
        something: impl Future<Output = T>,
    ) -> Result<Option<T>, Stopped> {
        let mut something = pin!(something);
        loop {
            if std::mem::take(&mut self.wants_now) {
                return Ok(None);
            }
            tokio::select! {
                done = &mut something => return Ok(Some(done)),
                request = requests.recv() => self.serve(request.ok_or(Stopped)?).await?,
                () = until(self.link.next_tick()) => self.link.tick(Instant::now()),
                () = until(self.offline_at) => self.offline().await?,
            }
            self.carry_out(None).await?;
        }
    }

    /// Talks over an open socket until it ends.
    async fn talk(
        &mut self,
        requests: &mut mpsc::Receiver<Request>,
        socket: Socket,
    ) -> Result<Ended, Stopped> {
        self.link.opened();
        let mut pulse = tokio::time::interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut line = Line { socket, heart: Heart::new() };
        loop {
            if let Some(ended) = self.carry_out(Some(&mut line)).await? {
                return Ok(ended);
            }
            if std::mem::take(&mut self.wants_now) && !line.ask().await {
                return Ok(Ended::Lost(None));
            }
            tokio::select! {
                message = line.socket.next() => {
                    line.heart.heard();
                    if self.link.is_live() && std::mem::take(&mut self.is_in_doubt) {
                        self.tell(News::Up).await?;
                    }
                    match message {
                        Some(Ok(Message::Text(text))) => {
                            self.link.frame(text.as_str(), Instant::now());
                            if self.link.is_live() {
                                self.connected();
                            }
                        }
                        Some(Ok(Message::Close(close))) => {
                            return Ok(socket::why_closed(close.as_ref()));
                        }
                        Some(Ok(_)) => {}
                        Some(Err(error)) => {
                            tracing::info!(%error, "the connection broke");
                            return Ok(Ended::Lost(None));
                        }
                        None => return Ok(Ended::Lost(None)),
                    }
                }
                request = requests.recv() => self.serve(request.ok_or(Stopped)?).await?,
                () = until(self.link.next_tick()) => self.link.tick(Instant::now()),
                () = until(self.offline_at) => self.offline().await?,
                _ = pulse.tick() => match line.heart.beat(self.silence()) {
                    Beat::Fine => {}
                    Beat::Ask { has_slept } => {
                        if has_slept && !std::mem::replace(&mut self.is_in_doubt, true) {
                            self.tell(News::Down).await?;
                        }
                        if !line.ask().await {
                            return Ok(Ended::Lost(None));
                        }
                    }
                    Beat::Dead => {
                        tracing::info!("the server has stopped responding");
                        return Ok(Ended::Lost(None));
                    }
                },
            }
        }
    }

    fn silence(&self) -> Duration {
        if self.is_in_sight { SILENCE_IN_SIGHT } else { SILENCE }
    }

    async fn serve(&mut self, request: Request) -> Result<(), Stopped> {
        let now = Instant::now();
        match request {
            Request::Text(text, answer) => {
                let queued = self.link.send_text(text, now);
                self.save().await;
                let _ = answer.send(queued);
            }
            Request::Retry(client_id) => self.link.retry_text(&client_id, now),
            Request::Withdraw(client_id, answer) => {
                let withdrawn = self.link.withdraw_text(&client_id);
                if self.save().await == Some(Keeping::Memory) {
                    // It must not come back after a restart.
                    self.store.discard().await;
                }
                let _ = answer.send(withdrawn);
            }
            Request::Command(command, answer) => self.link.command(command, answer, now),
            Request::Open(conversation_id) => self.link.set_open(conversation_id),
            Request::Follow(conversations) => self.link.set_followed(conversations, now),
            Request::ReconnectNow => self.wants_now = true,
            Request::InSight(is_in_sight) => self.is_in_sight = is_in_sight,
            Request::TellAll => {
                if !self.link.is_live() {
                    self.tell_state().await?;
                }
                self.link.tell_all();
            }
        }
        Ok(())
    }

    /// Writes the texts down, if they changed, before anybody hears of it.
    async fn save(&mut self) -> Option<Keeping> {
        let texts = self.link.take_unsaved()?;
        let keeping = self.store.save(texts).await;
        self.link.set_keeping(keeping);
        Some(keeping)
    }

    /// Does what the link wants; without a socket there is nothing to write. Says when the socket is no
    /// good any more, after everything else is told: the link does not say it twice.
    async fn carry_out(&mut self, mut line: Option<&mut Line>) -> Result<Option<Ended>, Stopped> {
        self.save().await;
        let mut ended = None;
        for effect in self.link.take_effects() {
            match effect {
                Effect::Send(frame) => {
                    if ended.is_none()
                        && let Some(line) = line.as_mut()
                        && !line.write(Message::text(frame)).await
                    {
                        ended = Some(Ended::Lost(None));
                    }
                }
                Effect::Ask => {
                    if ended.is_none()
                        && let Some(line) = line.as_mut()
                        && !line.ask().await
                    {
                        ended = Some(Ended::Lost(None));
                    }
                }
                Effect::Push(push) => self.tell(News::Push(push)).await?,
                Effect::Event(frame) => self.tell(News::Event(frame)).await?,
                Effect::CaughtUp(at) => self.tell(News::CaughtUp(at)).await?,
                Effect::Lost(at) => self.tell(News::Lost(at)).await?,
                Effect::Reconnect => ended = Some(Ended::Lost(None)),
            }
        }
        Ok(ended)
    }

    /// The connection is there, and nothing is missing.
    fn connected(&mut self) {
        self.backoff.reset();
        self.state = ConnectionState::Connected;
        self.offline_at = None;
    }

    /// The connection is gone, or did not come about. Before it was ever there, and while the screen says
    /// `Offline`, only another reason is news.
    async fn lost(&mut self, why: Option<String>) -> Result<(), Stopped> {
        self.is_in_doubt = false;
        self.tell(News::Down).await?;
        match &mut self.state {
            ConnectionState::Connected => {
                self.state = reconnecting(why);
                self.offline_at = Some(Instant::now() + OFFLINE_AFTER);
            }
            ConnectionState::Reconnecting { reason, .. }
            | ConnectionState::Offline { reason, .. } => {
                if *reason == why {
                    return Ok(());
                }
                *reason = why;
            }
        }
        self.tell_state().await
    }

    /// It has been gone for a while.
    async fn offline(&mut self) -> Result<(), Stopped> {
        self.offline_at = None;
        if let ConnectionState::Reconnecting { since, reason } = &mut self.state {
            self.state = ConnectionState::Offline { since: *since, reason: reason.take() };
            self.tell_state().await?;
        }
        Ok(())
    }

    async fn tell_state(&self) -> Result<(), Stopped> {
        self.tell(News::Push(Push::Connection { connection: self.state.clone() })).await
    }

    async fn tell(&self, news: News) -> Result<(), Stopped> {
        self.news.send(news).await.map_err(|_| Stopped)
    }
}

/// Feels whether the server is still there.
struct Heart {
    heard_at: Instant,
    asked_at: Option<Instant>,
    /// Wall clock minus the program's own, which stands still while the computer sleeps.
    started: (i64, Instant),
    slept_ms: i64,
}

enum Beat {
    Fine,
    Ask { has_slept: bool },
    Dead,
}

impl Heart {
    fn new() -> Self {
        let now = Instant::now();
        let started = (Clock::System.now().as_millis(), now);
        Self { heard_at: now, asked_at: None, started, slept_ms: 0 }
    }

    fn heard(&mut self) {
        self.heard_at = Instant::now();
        self.asked_at = None;
    }

    /// `silence`: after so long without a word, the server is asked.
    fn beat(&mut self, silence: Duration) -> Beat {
        let now = Instant::now();
        if let Some(asked_at) = self.asked_at {
            return if now - asked_at >= PONG_WITHIN { Beat::Dead } else { Beat::Fine };
        }
        let (wall, monotonic) = self.started;
        let awake_ms = i64::try_from((now - monotonic).as_millis()).unwrap_or(i64::MAX);
        let slept_ms = Clock::System.now().as_millis() - wall - awake_ms;
        let slept = slept_ms - self.slept_ms >= SLEPT_MS;
        self.slept_ms = slept_ms;
        if slept || now - self.heard_at >= silence {
            return Beat::Ask { has_slept: slept };
        }
        Beat::Fine
    }
}

/// An open socket, and whether it lives.
struct Line {
    socket: Socket,
    heart: Heart,
}

impl Line {
    /// Asks for a sign of life, unless one is waited for already. Returns whether the socket took it.
    async fn ask(&mut self) -> bool {
        if self.heart.asked_at.is_some() {
            return true;
        }
        self.heart.asked_at = Some(Instant::now());
        self.write(Message::Ping(Vec::new().into())).await
    }

    /// Returns whether the socket took it.
    async fn write(&mut self, message: Message) -> bool {
        match tokio::time::timeout(PONG_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::info!(%error, "the connection broke");
                false
            }
            Err(_elapsed) => {
                tracing::info!("the server no longer reads");
                false
            }
        }
    }
}

/// Waits until `instant`; for ever without one.
async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
