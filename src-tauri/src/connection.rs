//! The connection to the server: it is kept while somebody is signed in, whatever the window does.
//!
//! [`Link`] knows the protocol, [`socket`] opens sockets, [`driver`] brings the two together.

mod backoff;
mod driver;
mod link;
mod network_watch;
mod pace;
mod pending;
mod push;
mod received;
mod socket;

use std::{collections::BTreeSet, sync::Arc};

use frontdesk_server::protocol::{Acknowledgment, Command, Frame, Id, Timestamp};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

pub(crate) use backoff::Backoff;
use link::Link;
pub(crate) use link::Position;
use push::ConnectionState;
pub(crate) use push::Push;

use crate::{
    api::Api,
    error::{Error, Result},
    keychain::Token,
    outbox::{Outbox, Store, Text},
};

/// Requests of the window that may wait for the connection's task; more wait in their commands.
const REQUESTS: usize = 64;

/// What the connection tells the rest of the program.
#[derive(Debug)]
pub(crate) enum News {
    /// For the window.
    Push(Push),
    /// An event for the attention rule; a durable one once.
    Event(Box<Frame>),
    /// The connection is gone, or may be: the computer has slept.
    Down,
    /// It is there after all.
    Up,
    /// Everything up to this time of the server's was told.
    CaughtUp(Timestamp),
    /// What happened since the last [`News::CaughtUp`] cannot be told; it is this late now.
    Lost(Timestamp),
    /// The sign-in ended, and the connection with it.
    SignedOut(String),
}

/// What the window asks of the connection.
#[derive(Debug)]
enum Request {
    Text(Text, oneshot::Sender<Result<()>>),
    Withdraw(String, oneshot::Sender<Result<()>>),
    Retry(String),
    Command(Command, pending::Answer),
    Open(Option<Id>),
    Follow(BTreeSet<Id>),
    ReconnectNow,
    InSight(bool),
    TellAll,
}

/// A handle; the connection ends when the last one is dropped, or when it is told to.
#[derive(Debug)]
pub(crate) struct Connection {
    requests: mpsc::Sender<Request>,
}

impl Connection {
    /// Starts connecting, and goes on trying. What is in `outbox` goes first; what becomes of it is written to
    /// `store`. What happened since `from` is told; without it the lists have to be read again. Its news go to
    /// `news`; a slow reader of them slows the socket down. `stop` ends it.
    pub(crate) fn start(
        api: Api,
        token: Token,
        outbox: Outbox,
        from: Option<Position>,
        store: Arc<Store>,
        news: mpsc::Sender<News>,
        stop: CancellationToken,
    ) -> Self {
        let (requests, requested) = mpsc::channel(REQUESTS);
        let link = Link::new(outbox, from, Instant::now());
        let driver = driver::Driver::new(api, token, link, store, news);
        tokio::spawn(stop.run_until_cancelled_owned(driver.run(requested)));
        Self { requests }
    }

    /// Queues a text until the server has answered it. It is written down when this returns.
    pub(crate) async fn send_text(&self, text: Text) -> Result<()> {
        self.ask(|answer| Request::Text(text, answer)).await
    }

    /// Takes a queued text back.
    pub(crate) async fn withdraw(&self, client_id: String) -> Result<()> {
        self.ask(|answer| Request::Withdraw(client_id, answer)).await
    }

    /// Queues a refused text again.
    pub(crate) async fn retry(&self, client_id: String) {
        let _ = self.requests.send(Request::Retry(client_id)).await;
    }

    /// Carries out a command other than a text; returns its acknowledgment, where it has one.
    pub(crate) async fn command(&self, command: Command) -> Result<Option<Acknowledgment>> {
        self.ask(|answer| Request::Command(command, answer)).await
    }

    /// Says which conversation is on the screen.
    pub(crate) async fn set_open(&self, conversation_id: Option<Id>) {
        let _ = self.requests.send(Request::Open(conversation_id)).await;
    }

    /// Subscribes to these conversations, beside those of the window.
    pub(crate) async fn follow(&self, conversations: BTreeSet<Id>) {
        let _ = self.requests.send(Request::Follow(conversations)).await;
    }

    /// Connects now instead of after the pause between attempts. A connection that is there is checked.
    pub(crate) async fn reconnect_now(&self) {
        let _ = self.requests.send(Request::ReconnectNow).await;
    }

    /// Reports whether the window is visible: then a server that hangs is detected sooner.
    pub(crate) async fn set_in_sight(&self, is_in_sight: bool) {
        let _ = self.requests.send(Request::InSight(is_in_sight)).await;
    }

    /// Tells a window that was reloaded everything that it has to know.
    pub(crate) async fn tell_all(&self) {
        let _ = self.requests.send(Request::TellAll).await;
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T>>) -> Request,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let _ = self.requests.send(request(answer)).await;
        answered.await.unwrap_or_else(|_| Err(Error::signed_out()))
    }
}

#[cfg(test)]
mod tests;
