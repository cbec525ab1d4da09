//! Tells what was committed: each acknowledgment first, then its events, in commit order.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{
    chat::{Answer, Event, Refused},
    clock::Clock,
    hub::{Connection, Hub, Waking},
    protocol::{Acknowledgment, CommandError, Frame},
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
        let Done { reply, result, events: own } = done;
        let own = events.get(own).unwrap_or_default();
        match reply {
            Reply::Connection { connection, sent } => {
                let result = result.and_then(|answer| self.take_effect(&connection, answer));
                self.metrics.count_command(sent.command, result.as_ref().err());
                match result {
                    Ok(Some(answer)) => connection.send(&Frame::Acknowledgment(answer)),
                    Ok(None) => {}
                    Err(refused) => {
                        let error = match refused {
                            Refused::Command(error) => error,
                            // No command can be refused with these.
                            _ => CommandError::Unavailable,
                        };
                        connection.send(&Frame::Error(sent.named.error(error)));
                    }
                }
                self.publish(own, waking);
            }
            // A task that waits for its answer may look at connections at once: it is told last.
            Reply::Caller(caller) => {
                self.publish(own, waking);
                // The caller may have gone: what was stored is stored.
                drop(caller.send(result));
            }
        }
    }

    fn publish(&self, events: &[Event], waking: &mut Waking) {
        for event in events {
            self.hub.publish(event, waking);
        }
    }

    /// Makes the answer true for the connection that asked, at this very place in the order. Returns
    /// its acknowledgment, if it has one.
    fn take_effect(
        &self,
        connection: &Arc<Connection>,
        answer: Answer,
    ) -> Result<Option<Acknowledgment>, Refused> {
        let timestamp = self.clock.now();
        Ok(Some(match answer {
            Answer::Stored(stored) => Acknowledgment::Received {
                message_id: stored.message_id,
                conversation_id: stored.conversation_id,
                timestamp: stored.created_at,
                client_id: stored.client_id,
                duplicate: stored.duplicate.then_some(true),
            },
            Answer::MarkedRead { conversation_id } => {
                Acknowledgment::MarkedRead { conversation_id, timestamp }
            }
            Answer::Subscribed { conversation_id } => {
                self.hub.subscribe(connection, conversation_id, timestamp)?;
                return Ok(None);
            }
            Answer::Unsubscribed { conversation_id } => {
                self.hub.unsubscribe(connection, conversation_id, timestamp);
                return Ok(None);
            }
            Answer::Closed { conversation_id } => {
                Acknowledgment::ConversationClosed { conversation_id, timestamp }
            }
            // The hub acknowledges what changes groups; typing is not acknowledged.
            Answer::Typing { conversation_id, is_typing } => {
                self.hub.typing(connection, conversation_id, is_typing);
                return Ok(None);
            }
            // The hub says more than one thing to it.
            Answer::Resume { resume, subscribe, denied } => {
                self.hub.resume(connection, &self.epoch, &resume, &subscribe, denied, timestamp)?;
                return Ok(None);
            }
            // No command ends so.
            Answer::Conversation { .. }
            | Answer::Deliveries
            | Answer::Reports { .. }
            | Answer::Retried => return Ok(None),
        }))
    }
}
