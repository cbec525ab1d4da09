//! Passes on what the connection tells: to the window, and to the desktop's notifications.

use std::sync::{Arc, Mutex, atomic::Ordering};

use frontdesk_server::protocol::{Conversation, Id, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{Desk, lock};
use crate::{
    api::Api,
    connection::{Backoff, News, Push},
    error::{Error, Result},
    keychain::Token,
    notify::{Notification, Notifier, Part},
};

/// Most pages of conversations that are looked through after events were lost; 100 are on each.
const MAX_PAGES: usize = 20;

/// A page of `GET /chat/conversations/`.
#[derive(Debug, Deserialize)]
struct Page {
    results: Vec<Conversation>,
    next_cursor: Option<String>,
}

/// Who hears the news.
pub(super) trait Audience: Send + Sync + 'static {
    /// Tells the window.
    fn push(&self, push: Push);

    /// Shows a notification.
    fn show(&self, notification: Notification);

    /// Whether the person looks at the window, and whether they want quiet.
    fn attention(&self) -> (bool, bool);

    /// The server does not accept this proof any more.
    fn signed_out(self: Arc<Self>, token: Token, reason: String);
}

impl Audience for Desk {
    fn push(&self, push: Push) {
        Self::push(self, push);
    }

    fn show(&self, notification: Notification) {
        self.shown.show(notification);
    }

    fn attention(&self) -> (bool, bool) {
        (self.looking.load(Ordering::Relaxed), self.preferences().quiet)
    }

    fn signed_out(self: Arc<Self>, token: Token, reason: String) {
        // On its own: it ends the task that calls it.
        tauri::async_runtime::spawn(async move { self.end_session(&token, reason).await });
    }
}

/// Tells the news of one connection.
pub(super) struct Teller<A> {
    audience: Arc<A>,
    /// The server, and the proof of whose news they are.
    from: (Api, Token),
    notifier: Mutex<Notifier>,
    part: Part,
    /// The person takes part in another conversation.
    took_part: Notify,
    /// There may be a gap to be filled, and a way to do it.
    looks_again: Notify,
}

impl<A> std::fmt::Debug for Teller<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Teller")
    }
}

impl<A: Audience> Teller<A> {
    pub(super) fn new(
        audience: Arc<A>,
        from: (Api, Token),
        notifier: Notifier,
        part: Part,
    ) -> Self {
        let (took_part, looks_again) = (Notify::new(), Notify::new());
        Self { audience, from, notifier: Mutex::new(notifier), part, took_part, looks_again }
    }

    /// Tells until the connection ends.
    pub(super) fn start(self: Arc<Self>, news: mpsc::Receiver<News>, stop: &CancellationToken) {
        let telling = Arc::clone(&self).pass_on(news);
        tokio::spawn(stop.clone().run_until_cancelled_owned(telling));
        tokio::spawn(stop.clone().run_until_cancelled_owned(self.fill_gaps()));
    }

    /// The person wrote in a conversation.
    pub(super) fn takes_part(&self, conversation_id: Id) {
        lock(&self.notifier).takes_part(conversation_id);
        self.took_part.notify_one();
    }

    async fn pass_on(self: Arc<Self>, mut news: mpsc::Receiver<News>) {
        loop {
            let due = lock(&self.notifier).next_due();
            tokio::select! {
                told = news.recv() => match told {
                    Some(told) => self.hear(told),
                    None => return,
                },
                () = self.took_part.notified() => {}
                () = until(due) => {
                    let due = lock(&self.notifier).due(Instant::now());
                    for notification in due {
                        self.audience.show(notification);
                    }
                }
            }
            let unsaved = lock(&self.notifier).take_unsaved();
            if let Some(ids) = unsaved {
                self.part.write(ids).await;
            }
        }
    }

    fn hear(&self, news: News) {
        match news {
            News::Push(push) => self.audience.push(push),
            News::Event(frame) => {
                let (looking, quiet) = self.audience.attention();
                let decided = lock(&self.notifier).event(&frame, looking, quiet, Instant::now());
                if let Some(notification) = decided {
                    self.audience.show(notification);
                }
            }
            News::CaughtUp(at) => {
                lock(&self.notifier).caught_up(at);
                self.looks_again.notify_one();
            }
            News::Lost(at) => {
                lock(&self.notifier).lost(at);
                self.looks_again.notify_one();
            }
            News::SignedOut(reason) => {
                Arc::clone(&self.audience).signed_out(self.from.1.clone(), reason);
            }
        }
    }

    /// Looks for what events were lost about, as often as it takes.
    async fn fill_gaps(self: Arc<Self>) {
        let mut backoff = Backoff::default();
        loop {
            let gap = lock(&self.notifier).gap();
            let Some(gap) = gap else {
                self.looks_again.notified().await;
                continue;
            };
            match self.latest(gap.since).await {
                Ok(conversations) => {
                    let (looking, quiet) = self.audience.attention();
                    for conversation in &conversations {
                        let missed =
                            lock(&self.notifier).missed(conversation, gap.since, looking, quiet);
                        if let Some(notification) = missed {
                            self.audience.show(notification);
                        }
                    }
                    lock(&self.notifier).filled(gap);
                    backoff.reset();
                }
                Err(error) => {
                    tracing::info!(%error, "what was missed is asked for again");
                    let pause = backoff.next_pause(rand::random());
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.looks_again.notified() => {}
                    }
                }
            }
        }
    }

    /// The conversations in which something happened since then.
    async fn latest(&self, since: Timestamp) -> Result<Vec<Conversation>> {
        let (api, token) = &self.from;
        let mut path = "/chat/conversations/?status=active&limit=100".to_owned();
        let mut latest = Vec::new();
        for _ in 0..MAX_PAGES {
            let page = api.call(Method::GET, &path, None, Some(token)).await?;
            let page: Page = serde_json::from_value(page).map_err(Error::internal)?;
            let oldest = page.results.last();
            let older = oldest.is_none_or(|it| it.last_message_at.unwrap_or(it.created_at) < since);
            latest.extend(page.results);
            let Some(cursor) = page.next_cursor.filter(|_| !older) else { break };
            path = format!("/chat/conversations/?status=active&limit=100&cursor={cursor}");
        }
        Ok(latest)
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
