//! Passes on what the connection tells: to the window, and to the desktop's notifications.

use std::sync::{Arc, atomic::Ordering};

use frontdesk_server::protocol::{Conversation, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use tokio::{sync::mpsc, time::Instant};

use super::{Desk, lock};
use crate::{
    connection::{News, Push},
    error::{Error, Result},
    notify::Notification,
    tray,
};

/// Most pages of conversations that are looked through after events were lost; 100 are on each.
const MAX_PAGES: usize = 20;

/// A page of `GET /chat/conversations/`.
#[derive(Debug, Deserialize)]
struct Page {
    results: Vec<Conversation>,
    next_cursor: Option<String>,
}

/// Runs until the connection ends.
pub(super) async fn pass_on(desk: Arc<Desk>, mut news: mpsc::Receiver<News>, connection: u64) {
    loop {
        let due = lock(&desk.notifier).next_due();
        tokio::select! {
            told = news.recv() => match told {
                Some(told) => desk.hear(told, connection).await,
                None => return,
            },
            () = until(due) => {
                let due = lock(&desk.notifier).due(Instant::now());
                for notification in due {
                    desk.notify(notification);
                }
            }
        }
    }
}

impl Desk {
    async fn hear(self: &Arc<Self>, news: News, connection: u64) {
        match news {
            News::Push(push) => self.push(push),
            News::Event(frame) => {
                let (looking, quiet) = self.attention();
                let decided = lock(&self.notifier).event(&frame, looking, quiet, Instant::now());
                if let Some(notification) = decided {
                    self.notify(notification);
                }
            }
            News::CaughtUp(at) => lock(&self.notifier).caught_up(at),
            News::Lost(at) => {
                let since = lock(&self.notifier).lost(at);
                if let Some(since) = since
                    && let Err(error) = self.catch_up(since).await
                {
                    tracing::warn!(%error, "new conversations may not have been told");
                }
            }
            News::SignedOut(reason) => self.signed_out(connection, reason).await,
        }
    }

    /// Events were lost: what began meanwhile is in the lists, the newest activity first.
    async fn catch_up(self: &Arc<Self>, since: Timestamp) -> Result<()> {
        let (api, token) = self.api().await?;
        let mut path = "/chat/conversations/?status=active&limit=100".to_owned();
        for _ in 0..MAX_PAGES {
            let page = api.call(Method::GET, &path, None, Some(&token)).await?;
            let page: Page = serde_json::from_value(page).map_err(Error::internal)?;
            let (looking, quiet) = self.attention();
            for conversation in &page.results {
                let missed = lock(&self.notifier).missed(conversation, since, looking, quiet);
                if let Some(notification) = missed {
                    self.notify(notification);
                }
            }
            let oldest = page.results.last();
            let older = oldest.is_none_or(|it| it.last_message_at.unwrap_or(it.created_at) < since);
            let Some(cursor) = page.next_cursor.filter(|_| !older) else { break };
            path = format!("/chat/conversations/?status=active&limit=100&cursor={cursor}");
        }
        Ok(())
    }

    /// Whether the person looks at the window, and whether they want quiet.
    fn attention(&self) -> (bool, bool) {
        (self.looking.load(Ordering::Relaxed), self.preferences().quiet)
    }

    fn notify(self: &Arc<Self>, notification: Notification) {
        let desk = Arc::clone(self);
        let conversation_id = notification.conversation_id;
        self.shown.show(notification, move || {
            tray::bring_forward(&desk.app);
            desk.push(Push::OpenConversation { conversation_id });
        });
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
