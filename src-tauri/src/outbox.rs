//! Texts that the server has not acknowledged.
//!
//! Each is repeated after every reconnect until it is acknowledged or refused; its `client_id` keeps the
//! server from storing it twice. The order inside a conversation is kept by having at most one text of
//! each conversation under way. A refused one stays, out of the others' way, until its writer tries it
//! again or takes it back. So does one of another life of the database: its conversation may be another
//! guest's there.
//!
//! [`Outbox`] is the queue, without a disk; [`Store`] keeps it over the end of the program.

mod file;
mod store;

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use frontdesk_server::protocol::{ErrorFrame, Id, Timestamp};
use serde::Serialize;
use tokio::time::Instant;

pub(crate) use file::Kept;
#[cfg(test)]
pub(crate) use file::OutboxFile;
pub(crate) use store::{Keeping, Opened, Store, forget, open};

use crate::error::{Error, Result};

/// Most texts that may stand here at once.
pub(crate) const MAX_TEXTS: usize = 1_000;

/// Most bytes that they may have together: all of it is written anew at each change.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// After this long without an answer the screen says so.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What somebody wrote to a guest, as the interface shows it until it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Text {
    pub(crate) client_id: String,
    pub(crate) conversation_id: Id,
    pub(crate) content: String,
    pub(crate) created_at: Timestamp,
    #[serde(flatten)]
    pub(crate) progress: Progress,
    /// The life of the database whose conversation it is; `None`: that of the first connection to come.
    #[serde(skip)]
    pub(crate) epoch: Option<String>,
    /// Handed over and never answered, perhaps on a connection that broke: the server may have it.
    pub(crate) may_have_arrived: bool,
    /// Under way for longer than [`ANSWER_WITHIN`].
    pub(crate) overdue: bool,
}

impl Text {
    /// Something that was written just now.
    pub(crate) fn new(
        client_id: String,
        conversation_id: Id,
        content: String,
        created_at: Timestamp,
    ) -> Self {
        Self {
            client_id,
            conversation_id,
            content,
            created_at,
            progress: Progress::Waiting,
            epoch: None,
            may_have_arrived: false,
            overdue: false,
        }
    }
}

impl Text {
    fn refuse(&mut self, error: ErrorFrame) {
        self.progress = Progress::NotSent { error };
        self.overdue = false;
        self.may_have_arrived = false;
    }
}

fn another_database(text: &Text) -> ErrorFrame {
    ErrorFrame {
        message: "The server's data was replaced after this was written. Make sure that it is for this guest \
                  before you try again."
            .to_owned(),
        code: None,
        conversation_id: Some(text.conversation_id),
        client_id: Some(text.client_id.clone()),
    }
}

impl From<Kept> for Text {
    fn from(kept: Kept) -> Self {
        let progress = match kept.refused {
            Some(error) => Progress::NotSent { error },
            None => Progress::Waiting,
        };
        let text = Self::new(kept.client_id, kept.conversation_id, kept.content, kept.created_at);
        let epoch = Some(kept.epoch);
        Self { progress, epoch, may_have_arrived: kept.may_have_arrived, ..text }
    }
}

impl From<&Text> for Kept {
    fn from(text: &Text) -> Self {
        let refused = match &text.progress {
            Progress::NotSent { error } => Some(error.clone()),
            Progress::Waiting | Progress::Sending => None,
        };
        Self {
            client_id: text.client_id.clone(),
            conversation_id: text.conversation_id,
            content: text.content.clone(),
            created_at: text.created_at,
            epoch: text.epoch.clone().unwrap_or_default(),
            may_have_arrived: text.may_have_arrived,
            refused,
        }
    }
}

/// How far a text has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum Progress {
    /// Not handed to the server on this connection.
    Waiting,
    /// Handed over; no answer yet.
    Sending,
    /// Refused.
    NotSent {
        /// Why.
        error: ErrorFrame,
    },
}

#[derive(Debug)]
struct Entry {
    text: Text,
    /// When it was handed over.
    since: Instant,
}

/// The queue of unacknowledged texts, the oldest first.
#[derive(Debug)]
pub(crate) struct Outbox {
    entries: VecDeque<Entry>,
    /// What is kept is not what stands here.
    unsaved: bool,
    keeping: Keeping,
}

impl Outbox {
    /// What was left, the oldest first. Nobody knows any more whether it was under way.
    pub(crate) fn new(left: Vec<Kept>, keeping: Keeping) -> Self {
        let since = Instant::now();
        let entries = left.into_iter().map(|kept| Entry { text: kept.into(), since }).collect();
        Self { entries, unsaved: false, keeping }
    }

    /// Adds what was left elsewhere. Where both have a text, this one is newer.
    pub(crate) fn take_up(&mut self, left: Vec<Kept>) {
        let since = Instant::now();
        for kept in left {
            self.unsaved = true;
            match self.entry(&kept.client_id) {
                Some(entry) => entry.text = kept.into(),
                None => self.entries.push_back(Entry { text: kept.into(), since }),
            }
        }
    }

    /// What has to be written down, unless it is already.
    pub(crate) fn take_unsaved(&mut self) -> Option<Vec<Kept>> {
        std::mem::take(&mut self.unsaved)
            .then(|| self.entries.iter().map(|entry| Kept::from(&entry.text)).collect())
    }

    /// What becomes of the texts when the program ends.
    pub(crate) fn keeping(&self) -> Keeping {
        self.keeping
    }

    /// It was tried to write them down. Returns whether that is news.
    pub(crate) fn set_keeping(&mut self, keeping: Keeping) -> bool {
        std::mem::replace(&mut self.keeping, keeping) != keeping
    }

    /// Adds a text of a new `client_id`.
    ///
    /// # Errors
    /// `outbox_full` when [`MAX_TEXTS`] stand here, or [`MAX_BYTES`] would.
    pub(crate) fn add(&mut self, text: Text, now: Instant) -> Result<()> {
        if self.entries.len() >= MAX_TEXTS {
            return Err(Error::new(
                "outbox_full",
                format!(
                    "{MAX_TEXTS} messages are already waiting to be sent. Wait until the \
                     connection is back."
                ),
            ));
        }
        let bytes = self.entries.iter().map(|entry| entry.text.content.len()).sum::<usize>();
        if bytes + text.content.len() > MAX_BYTES {
            return Err(Error::new(
                "outbox_full",
                "The messages that are waiting to be sent are too long in total. Wait until \
                 the connection is back.",
            ));
        }
        self.entries.push_back(Entry { text, since: now });
        self.unsaved = true;
        Ok(())
    }

    /// The next text that may go: the oldest of a conversation that has none under way.
    pub(crate) fn next(&self) -> Option<&Text> {
        let mut busy = HashSet::new();
        self.entries.iter().map(|entry| &entry.text).find(|text| match text.progress {
            Progress::Waiting => busy.insert(text.conversation_id),
            Progress::Sending => {
                busy.insert(text.conversation_id);
                false
            }
            Progress::NotSent { .. } => false,
        })
    }

    /// The text was handed to the server.
    pub(crate) fn handed_over(&mut self, client_id: &str, now: Instant) {
        if let Some(entry) = self.entry(client_id) {
            entry.text.progress = Progress::Sending;
            entry.since = now;
            let is_first = !std::mem::replace(&mut entry.text.may_have_arrived, true);
            self.unsaved |= is_first;
        }
    }

    /// The server asked for patience: the text goes again later, before the others of its conversation.
    pub(crate) fn put_back(&mut self, client_id: &str) {
        if let Some(entry) = self.entry(client_id) {
            entry.text.progress = Progress::Waiting;
        }
    }

    /// The database lives the life of this name. Texts of another one go nowhere before their writer has looked:
    /// where their conversation was, another guest may be. Returns whether there are any that would have gone.
    pub(crate) fn set_epoch(&mut self, epoch: &str) -> bool {
        let mut strangers = false;
        for Entry { text, .. } in &mut self.entries {
            match &text.epoch {
                Some(known) if known == epoch => {}
                Some(_) if matches!(text.progress, Progress::NotSent { .. }) => {}
                Some(_) => {
                    text.refuse(another_database(text));
                    (strangers, self.unsaved) = (true, true);
                }
                None => {
                    text.epoch = Some(epoch.to_owned());
                    self.unsaved = true;
                }
            }
        }
        strangers
    }

    /// The server has it.
    pub(crate) fn acknowledged(&mut self, client_id: &str) {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.text.client_id != client_id);
        self.unsaved |= self.entries.len() < before;
    }

    /// The server does not want it.
    pub(crate) fn refused(&mut self, client_id: &str, error: ErrorFrame) {
        if let Some(entry) = self.entry(client_id) {
            entry.text.refuse(error);
            self.unsaved = true;
        }
    }

    /// Queues a refused text again, for the database that is there now.
    pub(crate) fn retry(&mut self, client_id: &str, epoch: Option<&str>) {
        if let Some(entry) = self.entry(client_id)
            && matches!(entry.text.progress, Progress::NotSent { .. })
        {
            entry.text.progress = Progress::Waiting;
            entry.text.epoch = epoch.map(str::to_owned);
            self.unsaved = true;
        }
    }

    /// The connection is gone: everything unanswered waits again.
    pub(crate) fn connection_lost(&mut self) {
        for entry in &mut self.entries {
            if entry.text.progress == Progress::Sending {
                entry.text.progress = Progress::Waiting;
                entry.text.overdue = false;
            }
        }
    }

    /// Withdraws a text.
    ///
    /// # Errors
    /// `already_sent` when the server may have it. A text that is not in the outbox counts as
    /// withdrawn.
    pub(crate) fn withdraw(&mut self, client_id: &str) -> Result<()> {
        if self.entry(client_id).is_some_and(|entry| entry.text.may_have_arrived) {
            return Err(Error::new(
                "already_sent",
                "This message is already being sent and can no longer be withdrawn.",
            ));
        }
        self.acknowledged(client_id);
        Ok(())
    }

    /// Marks the texts whose answer is overdue at `now`. Returns whether there is a new one.
    pub(crate) fn mark_overdue(&mut self, now: Instant) -> bool {
        let mut news = false;
        for entry in &mut self.entries {
            if entry.due().is_some_and(|due| due <= now) {
                entry.text.overdue = true;
                news = true;
            }
        }
        news
    }

    /// When the next text becomes overdue.
    pub(crate) fn next_overdue(&self) -> Option<Instant> {
        self.entries.iter().filter_map(Entry::due).min()
    }

    /// All that stands here, the oldest first.
    pub(crate) fn texts(&self) -> Vec<Text> {
        self.entries.iter().map(|entry| entry.text.clone()).collect()
    }

    fn entry(&mut self, client_id: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.text.client_id == client_id)
    }
}

impl Entry {
    /// When the answer is overdue, unless the screen says so already.
    fn due(&self) -> Option<Instant> {
        let waits = self.text.progress == Progress::Sending && !self.text.overdue;
        waits.then(|| self.since + ANSWER_WITHIN)
    }
}

#[cfg(test)]
mod tests;
