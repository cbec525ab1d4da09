//! Texts that the server has not acknowledged.
//!
//! Each is repeated after every reconnect until it is acknowledged or refused; its `client_id` keeps the
//! server from storing it twice. The order inside a conversation is kept by having at most one text of
//! each conversation under way. A refused one stays, out of the others' way, until its writer tries it
//! again or takes it back.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use frontdesk_server::protocol::{ErrorFrame, Id, Timestamp};
use serde::Serialize;
use tokio::time::Instant;

use crate::error::{Error, Result};

/// Most texts that may stand here at once.
pub(crate) const MAX_TEXTS: usize = 1_000;

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
    /// Under way for longer than [`ANSWER_WITHIN`].
    pub(crate) overdue: bool,
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
    /// Handed over and never answered, perhaps on a connection that broke: it may have been stored.
    tried: bool,
    /// When it was handed over.
    since: Instant,
}

/// The queue of unacknowledged texts, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    entries: VecDeque<Entry>,
}

impl Outbox {
    /// Adds a text of a new `client_id`.
    ///
    /// # Errors
    /// `outbox_full` when [`MAX_TEXTS`] stand here.
    pub(crate) fn add(&mut self, text: Text, now: Instant) -> Result<()> {
        if self.entries.len() >= MAX_TEXTS {
            return Err(Error::new(
                "outbox_full",
                format!("{MAX_TEXTS} messages wait to be sent already. Wait for the connection."),
            ));
        }
        self.entries.push_back(Entry { text, tried: false, since: now });
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
            entry.tried = true;
            entry.since = now;
        }
    }

    /// The server asked for patience: the text goes again later, before the others of its conversation.
    pub(crate) fn put_back(&mut self, client_id: &str) {
        if let Some(entry) = self.entry(client_id) {
            entry.text.progress = Progress::Waiting;
        }
    }

    /// The server has it.
    pub(crate) fn acknowledged(&mut self, client_id: &str) {
        self.entries.retain(|entry| entry.text.client_id != client_id);
    }

    /// The server does not want it.
    pub(crate) fn refused(&mut self, client_id: &str, error: ErrorFrame) {
        if let Some(entry) = self.entry(client_id) {
            entry.text.progress = Progress::NotSent { error };
            entry.text.overdue = false;
            entry.tried = false;
        }
    }

    /// Queues a refused text again.
    pub(crate) fn retry(&mut self, client_id: &str) {
        if let Some(entry) = self.entry(client_id)
            && matches!(entry.text.progress, Progress::NotSent { .. })
        {
            entry.text.progress = Progress::Waiting;
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

    /// Takes a text back.
    ///
    /// # Errors
    /// `already_sent` when the server may have it. One that is not here is taken back already.
    pub(crate) fn withdraw(&mut self, client_id: &str) -> Result<()> {
        if self.entry(client_id).is_some_and(|entry| entry.tried) {
            return Err(Error::new("already_sent", "The message is on its way already."));
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
mod tests {
    use frontdesk_server::protocol::CommandError;

    use super::*;

    fn text(client_id: &str, conversation_id: Id) -> Text {
        Text {
            client_id: client_id.to_owned(),
            conversation_id,
            content: "Coming!".to_owned(),
            created_at: Timestamp::from_millis(0),
            progress: Progress::Waiting,
            overdue: false,
        }
    }

    fn outbox(texts: &[(&str, Id)]) -> Outbox {
        let mut outbox = Outbox::default();
        for (client_id, conversation_id) in texts {
            outbox.add(text(client_id, *conversation_id), Instant::now()).unwrap();
        }
        outbox
    }

    fn refusal() -> ErrorFrame {
        let error = CommandError::ConversationClosed;
        ErrorFrame {
            message: error.to_string(),
            code: Some(error.code()),
            conversation_id: None,
            client_id: None,
        }
    }

    fn next(outbox: &Outbox) -> Option<&str> {
        outbox.next().map(|text| text.client_id.as_str())
    }

    #[test]
    fn a_conversation_has_one_text_under_way() {
        let mut outbox = outbox(&[("a1", 1), ("a2", 1), ("b1", 2)]);
        let now = Instant::now();
        assert_eq!(next(&outbox), Some("a1"));
        outbox.handed_over("a1", now);
        assert_eq!(next(&outbox), Some("b1"));
        outbox.handed_over("b1", now);
        assert_eq!(next(&outbox), None);
        outbox.acknowledged("a1");
        assert_eq!(next(&outbox), Some("a2"));
    }

    #[test]
    fn everything_unanswered_goes_again_in_its_order() {
        let mut outbox = outbox(&[("a1", 1), ("a2", 1)]);
        outbox.handed_over("a1", Instant::now());
        outbox.connection_lost();
        assert_eq!(next(&outbox), Some("a1"));
        // Refused for haste: it stays before the other.
        outbox.handed_over("a1", Instant::now());
        outbox.put_back("a1");
        assert_eq!(next(&outbox), Some("a1"));
    }

    #[test]
    fn a_refused_text_stays_out_of_the_others_way() {
        let mut outbox = outbox(&[("a1", 1), ("a2", 1)]);
        outbox.handed_over("a1", Instant::now());
        outbox.refused("a1", refusal());
        assert_eq!(next(&outbox), Some("a2"));
        assert_eq!(outbox.texts()[0].progress, Progress::NotSent { error: refusal() });
        outbox.retry("a1");
        assert_eq!(next(&outbox), Some("a1"));
        outbox.handed_over("a1", Instant::now());
        outbox.refused("a1", refusal());
        outbox.withdraw("a1").unwrap();
        assert_eq!(outbox.texts().len(), 1);
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut outbox = outbox(&[("a1", 1)]);
        let now = Instant::now();
        for number in 1..MAX_TEXTS {
            outbox.add(text(&format!("more{number}"), 1), now).unwrap();
        }
        assert_eq!(outbox.add(text("last", 1), now).unwrap_err().code, "outbox_full");
        outbox.acknowledged("a1");
        outbox.add(text("last", 1), now).unwrap();
    }

    #[test]
    fn only_what_the_server_cannot_have_is_taken_back() {
        let mut outbox = outbox(&[("a1", 1), ("a2", 1)]);
        outbox.withdraw("a2").unwrap();
        outbox.handed_over("a1", Instant::now());
        assert_eq!(outbox.withdraw("a1").unwrap_err().code, "already_sent");
        outbox.connection_lost();
        assert_eq!(outbox.withdraw("a1").unwrap_err().code, "already_sent");
        assert_eq!(outbox.texts().len(), 1);
    }

    #[test]
    fn a_missing_answer_is_told_once() {
        let mut outbox = outbox(&[("a1", 1)]);
        let start = Instant::now();
        assert_eq!(outbox.next_overdue(), None);
        outbox.handed_over("a1", start);
        let due = start + ANSWER_WITHIN;
        assert_eq!(outbox.next_overdue(), Some(due));
        assert!(!outbox.mark_overdue(due - Duration::from_millis(1)));
        assert!(outbox.mark_overdue(due));
        assert!(outbox.texts()[0].overdue);
        assert!(!outbox.mark_overdue(due));
        assert_eq!(outbox.next_overdue(), None);
    }

    #[test]
    fn the_interface_gets_one_flat_object() {
        let mut outbox = outbox(&[("a1", 1)]);
        outbox.refused("a1", refusal());
        let wire = serde_json::to_value(&outbox.texts()[0]).unwrap();
        assert_eq!(wire["state"], "not_sent");
        assert_eq!(wire["error"]["code"], "conversation_closed");
        assert_eq!(wire["created_at"], "1970-01-01T00:00:00.000Z");
    }
}
