//! Tells what was committed: each acknowledgment first, then its events, in commit order.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{
    chat::{Answer, Change, Event, Refused},
    clock::Clock,
    hub::{Connection, Hub, Waking},
    protocol::{Acknowledgment, CommandError, ErrorFrame, Frame, Timestamp},
    telemetry::Metrics,
};

use super::{Committed, CommittedBatch, Done, Reply};

/// The task between the writer and the hub.
#[derive(Debug)]
pub struct Publisher {
    /// Committed batches, in order.
    pub batches: mpsc::Receiver<CommittedBatch>,
    /// Who is connected.
    pub hub: Arc<Hub>,
    /// The life of the database.
    pub epoch: Arc<str>,
    /// Where the time comes from.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Publisher {
    /// Runs until the writer is gone and everything committed was told.
    pub async fn run(mut self) {
        let mut waking = Waking::default();
        loop {
            if waking.is_empty() {
                let Some(batch) = self.batches.recv().await else { return };
                self.tell(batch, &mut waking);
            } else if let Ok(batch) = self.batches.try_recv() {
                self.tell(batch, &mut waking);
            }
            waking.wake_some();
            tokio::task::yield_now().await;
        }
    }

    fn tell(&self, CommittedBatch(committed): CommittedBatch, waking: &mut Waking) {
        match committed {
            Committed::Changes(changes, events) => {
                for done in changes {
                    self.tell_change(done, &events, waking);
                }
            }
            Committed::Effects(effects, finish) => {
                for effect in &effects {
                    self.hub.apply(effect);
                }
                finish();
            }
        }
    }

    fn tell_change(&self, done: Done, events: &[Event], waking: &mut Waking) {
        let Done { change, reply, result, events: own } = done;
        if let Reply::Connection(connection) = &reply {
            self.metrics.count_command(command_name(&change), result.as_ref().err());
            if let Ok(answer) = &result {
                self.take_effect(connection, answer);
            }
        }
        // A task that waits for its answer may look at connections at once: it is told last.
        let waiting_task = match reply {
            reply @ Reply::Connection(_) => {
                answer(reply, &change, result, Some(self.clock.now()));
                None
            }
            reply @ Reply::Caller(_) => Some((reply, result)),
        };
        for event in events.get(own).unwrap_or_default() {
            self.hub.publish(event, waking);
        }
        if let Some((reply, result)) = waiting_task {
            answer(reply, &change, result, None);
        }
    }

    /// What an answer changes for the connection that asked, at this very place in the order.
    fn take_effect(&self, connection: &Arc<Connection>, answer: &Answer) {
        match answer {
            Answer::Subscribed { conversation_id } => {
                self.hub.subscribe(connection, *conversation_id, true);
            }
            Answer::Unsubscribed { conversation_id } => {
                self.hub.subscribe(connection, *conversation_id, false);
            }
            Answer::Typing { conversation_id, is_typing } => {
                self.hub.typing(connection, *conversation_id, *is_typing);
            }
            Answer::Resume { resume, subscribe, denied } => {
                let now = self.clock.now();
                self.hub.resume(connection, &self.epoch, resume, subscribe, denied.clone(), now);
            }
            _ => {}
        }
    }
}

/// Gives an answer to whoever waits for it.
pub(super) fn answer(
    reply: Reply,
    change: &Change,
    result: Result<Answer, Refused>,
    now: Option<Timestamp>,
) {
    match reply {
        // Whoever asked may have gone: what was stored is stored.
        Reply::Caller(caller) => drop(caller.send(result)),
        Reply::Connection(connection) => match result {
            Ok(answer) => {
                if let Some(acknowledgment) = acknowledgment(answer, now.unwrap_or_default()) {
                    connection.send(&Frame::Acknowledgment(acknowledgment));
                }
            }
            Err(refused) => connection.send(&Frame::Error(error_frame(change, &refused))),
        },
    }
}

fn acknowledgment(answer: Answer, now: Timestamp) -> Option<Acknowledgment> {
    Some(match answer {
        Answer::Stored {
            message_id, conversation_id, created_at, client_id, duplicate, ..
        } => Acknowledgment::Received {
            message_id,
            conversation_id,
            timestamp: created_at,
            client_id,
            duplicate: duplicate.then_some(true),
        },
        Answer::MarkedRead { conversation_id } => {
            Acknowledgment::MarkedRead { conversation_id, timestamp: now }
        }
        Answer::Subscribed { conversation_id } => {
            Acknowledgment::Subscribed { conversation_id, timestamp: now }
        }
        Answer::Unsubscribed { conversation_id } => {
            Acknowledgment::Unsubscribed { conversation_id, timestamp: now }
        }
        Answer::Closed { conversation_id } => {
            Acknowledgment::ConversationClosed { conversation_id, timestamp: now }
        }
        // Typing is not acknowledged; the hub answers a resume itself; the rest comes over HTTP.
        Answer::Typing { .. } | Answer::Resume { .. } | Answer::Conversation { .. } => return None,
    })
}

fn error_frame(change: &Change, refused: &Refused) -> ErrorFrame {
    let error = match refused {
        Refused::Command(error) => *error,
        // No command can be refused with these.
        _ => CommandError::Unavailable,
    };
    let (conversation_id, client_id) = match change {
        Change::Text { conversation_id, client_id, .. } => {
            (Some(*conversation_id), client_id.clone())
        }
        Change::MarkRead { conversation_id, .. }
        | Change::Subscribe { conversation_id, .. }
        | Change::Unsubscribe { conversation_id, .. }
        | Change::Typing { conversation_id, .. }
        | Change::Close { conversation_id, .. }
        | Change::Reopen { conversation_id, .. }
        | Change::Transfer { conversation_id, .. } => (Some(*conversation_id), None),
        Change::Resume { .. } | Change::Create { .. } | Change::GuestMessage(_) => (None, None),
    };
    ErrorFrame { message: error.to_string(), code: Some(error.code()), conversation_id, client_id }
}

const fn command_name(change: &Change) -> &'static str {
    match change {
        Change::Text { .. } => "text",
        Change::MarkRead { .. } => "mark_read",
        Change::Subscribe { .. } => "subscribe_conversation",
        Change::Unsubscribe { .. } => "unsubscribe_conversation",
        Change::Typing { .. } => "typing",
        Change::Resume { .. } => "resume",
        Change::Close { .. } => "close_conversation",
        Change::Reopen { .. } => "reopen",
        Change::Transfer { .. } => "transfer",
        Change::Create { .. } => "create",
        Change::GuestMessage(_) => "gateway_message",
    }
}
