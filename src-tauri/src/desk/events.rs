//! Passes on what comes from one connection: to the window, and to the attention rule. Reads what the rule needs and
//! events do not say.

mod undelivered;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use frontdesk_server::protocol::{
    Conversation, ConversationUpdate, DeliveryState, DeliveryUpdate, Frame, Id, Timestamp, User,
};
use reqwest::Method;
use serde::Deserialize;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::Desk;
use crate::{
    alerts::Generation,
    api::Api,
    attention::{self, Input},
    connection::{Backoff, News, Push},
    error::{Error, Result},
    keychain::Token,
};

/// Most pages of waiting conversations that are read; 200 are on each.
const MAX_PAGES: usize = 25;

/// Failed deliveries whose author may have to be looked up at once. Beyond that, they are looked up no more: the rows
/// show what was not delivered.
const MAX_LOOKUPS: usize = 32;

/// A page of `GET /chat/conversations/`.
#[derive(Debug, Deserialize)]
struct Page {
    results: Vec<Conversation>,
    next_cursor: Option<String>,
    seq: i64,
}

#[derive(Debug, Deserialize)]
struct Departments {
    results: Vec<Department>,
}

#[derive(Debug, Deserialize)]
struct Department {
    slug: String,
    name: String,
}

/// What comes from a connection goes here.
pub(super) trait Audience: Send + Sync + 'static {
    /// For the window.
    fn push(&self, push: Push);

    /// For the attention rule.
    fn apply(&self, generation: Generation, input: Input<'_>);

    /// It is so late on the server; `is_exact`: just now.
    fn sync_clock(&self, at: Timestamp, is_exact: bool);

    /// What departments are called, by slug.
    fn name_departments(&self, generation: Generation, names: BTreeMap<String, String>);

    /// Whether it is known that the person wrote this message.
    fn is_own_message(&self, message_id: Id) -> bool;

    /// The hotel's own choice of how often its people are reminded, where they have not chosen themselves.
    fn set_default_repeat(&self, generation: Generation, minutes: u8);

    /// The server does not accept this proof any more.
    fn signed_out(self: Arc<Self>, token: Token, reason: String);
}

impl Audience for Desk {
    fn push(&self, push: Push) {
        Self::push(self, push);
    }

    fn apply(&self, generation: Generation, input: Input<'_>) {
        self.alerts.apply_for(generation, input);
    }

    fn sync_clock(&self, at: Timestamp, is_exact: bool) {
        self.alerts.sync_clock(at, is_exact);
    }

    fn name_departments(&self, generation: Generation, names: BTreeMap<String, String>) {
        self.alerts.name_departments(generation, names);
    }

    fn is_own_message(&self, message_id: Id) -> bool {
        self.alerts.is_own_message(message_id)
    }

    fn set_default_repeat(&self, generation: Generation, minutes: u8) {
        Self::set_default_repeat(self, generation, minutes);
    }

    fn signed_out(self: Arc<Self>, token: Token, reason: String) {
        // On its own: it ends the task that calls it.
        tauri::async_runtime::spawn(async move { self.end_session(&token, reason).await });
    }
}

/// Passes on what comes from one connection.
pub(super) struct EventForwarder<A> {
    audience: Arc<A>,
    /// The server, and whose connection it is.
    api: Api,
    token: Token,
    me: Id,
    generation: Generation,
    /// The list of those who wait has to be read (again).
    reads_list: Notify,
    lookups: mpsc::Sender<DeliveryUpdate>,
}

impl<A> std::fmt::Debug for EventForwarder<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EventForwarder")
    }
}

impl<A: Audience> EventForwarder<A> {
    /// Passes everything on until `stop` is cancelled.
    pub(super) fn start(
        audience: Arc<A>,
        (api, token): (Api, Token),
        me: Id,
        generation: Generation,
        news: mpsc::Receiver<News>,
        stop: &CancellationToken,
    ) {
        let (lookups, looked_up) = mpsc::channel(MAX_LOOKUPS);
        let reads_list = Notify::new();
        let forwarder =
            Arc::new(Self { audience, api, token, me, generation, reads_list, lookups });
        let run = |task| tokio::spawn(stop.clone().run_until_cancelled_owned(task));
        run(futures_util::future::FutureExt::boxed(Arc::clone(&forwarder).forward(news)));
        run(futures_util::future::FutureExt::boxed(Arc::clone(&forwarder).read_lists()));
        run(futures_util::future::FutureExt::boxed(forwarder.look_up(looked_up)));
    }

    async fn forward(self: Arc<Self>, mut news: mpsc::Receiver<News>) {
        let mut is_first = true;
        while let Some(next) = news.recv().await {
            match next {
                News::Push(push) => self.audience.push(push),
                News::Event(frame) => self.on_event(&frame),
                News::CaughtUp(at) => {
                    self.audience.sync_clock(at, true);
                    self.connection(attention::Connection::Connected);
                    if std::mem::take(&mut is_first) {
                        self.reads_list.notify_one();
                    }
                }
                News::Lost(at) => {
                    is_first = false;
                    self.audience.sync_clock(at, true);
                    self.connection(attention::Connection::Resync);
                    self.reads_list.notify_one();
                }
                News::Down => self.connection(attention::Connection::Lost),
                News::Up => self.connection(attention::Connection::Connected),
                News::SignedOut(reason) => {
                    Arc::clone(&self.audience).signed_out(self.token.clone(), reason);
                }
            }
        }
    }

    fn connection(&self, connection: attention::Connection) {
        self.audience.apply(self.generation, Input::Connection(connection));
    }

    fn on_event(&self, frame: &Frame) {
        if let Some(at) = happened_at(frame) {
            self.audience.sync_clock(at, false);
        }
        self.audience.apply(self.generation, Input::Frame(frame));
        if let Frame::ConversationUpdate { data: ConversationUpdate::Delivery(delivery), .. } =
            frame
            && matches!(delivery.state.known(), Some(DeliveryState::Failed | DeliveryState::None))
            && !self.audience.is_own_message(delivery.message_id)
            && self.lookups.try_send(delivery.clone()).is_err()
        {
            tracing::warn!("too many failed deliveries at once: not all are signalled");
        }
    }

    /// Reads who waits and which answers were not delivered, as often as it takes.
    async fn read_lists(self: Arc<Self>) {
        let mut backoff = Backoff::default();
        loop {
            self.reads_list.notified().await;
            while let Err(error) = self.read_list().await {
                tracing::info!(%error, "what needs attention is asked for again");
                tokio::time::sleep(backoff.next_pause(rand::random())).await;
            }
            backoff.reset();
        }
    }

    async fn read_list(&self) -> Result<()> {
        let (user, waiting, names) = tokio::join!(
            self.get::<User>("/auth/me/"),
            self.waiting(),
            self.get::<Departments>("/departments/")
        );
        let departments: BTreeSet<_> = user?.departments.into_iter().collect();
        let (seq, conversations) = waiting?;
        // First, because the list may cause a notification, which says the department's name.
        match names {
            Ok(departments) => {
                let names = departments.results.into_iter().map(|it| (it.slug, it.name));
                self.audience.name_departments(self.generation, names.collect());
            }
            Err(error) => tracing::info!(%error, "departments are shown by their slugs"),
        }
        self.audience.apply(self.generation, Input::Departments(departments));
        self.audience.apply(self.generation, Input::List { seq, conversations: &conversations });
        let (seq, answers) = self.not_delivered().await?;
        self.audience.apply(self.generation, Input::NotDelivered { seq, answers: &answers });
        match self.get::<serde_json::Value>("/setup/").await {
            Ok(setup) => {
                if let Some(minutes) = default_repeat(&setup) {
                    self.audience.set_default_repeat(self.generation, minutes);
                }
            }
            Err(error) => tracing::info!(%error, "the hotel's own default is not known"),
        }
        Ok(())
    }

    /// Everyone who waits, and the newest event that is in the first page.
    async fn waiting(&self) -> Result<(i64, Vec<Conversation>)> {
        const FIRST: &str = "/chat/conversations/?status=active&waiting=true&limit=200";
        let mut page: Page = self.get(FIRST).await?;
        let (seq, mut waiting) = (page.seq, page.results);
        for _ in 1..MAX_PAGES {
            let Some(cursor) = page.next_cursor else { break };
            page = self.get(&format!("{FIRST}&cursor={cursor}")).await?;
            waiting.append(&mut page.results);
        }
        Ok((seq, waiting))
    }

    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.api.call(Method::GET, path, None, Some(&self.token)).await?;
        serde_json::from_value(answer).map_err(Error::internal)
    }
}

/// What `GET /setup/` says about how often the people of a demo hotel are reminded at first: not at all, unless it
/// says otherwise.
fn default_repeat(setup: &serde_json::Value) -> Option<u8> {
    let demo = setup.get("demo").filter(|demo| demo.is_object())?;
    let minutes = demo.get("repeat_minutes").and_then(serde_json::Value::as_u64).unwrap_or(0);
    let minutes = u8::try_from(minutes).ok()?;
    attention::Preferences::REPEATS.contains(&minutes).then_some(minutes)
}

/// When the event happened, where the frame says so.
fn happened_at(frame: &Frame) -> Option<Timestamp> {
    match frame {
        Frame::Message { data, .. } => Some(data.created_at),
        Frame::ConversationUpdate { data, .. } => match data {
            ConversationUpdate::NewMessage(message) => Some(message.last_message_at),
            ConversationUpdate::Closed(it) | ConversationUpdate::Reopened(it) => {
                Some(it.updated_at)
            }
            ConversationUpdate::Transferred(it) => Some(it.updated_at),
            ConversationUpdate::Read(it) => Some(it.read_at),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
