//! Commands other than texts that wait for their acknowledgment.
//!
//! Acknowledgments and refusals name a conversation but not a command: at most one command of each
//! conversation is under way, so that an answer can only mean that one. Typing is never acknowledged but may
//! be refused, and waits for nothing: it is under way beside the others, and a refusal means the older one.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use frontdesk_server::protocol::{Acknowledgment, Command, Id};
use tokio::{sync::oneshot, time::Instant};

use crate::error::{Error, Result};

/// A command without an answer for this long has failed; whoever gave it may give it again.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Most commands that may wait; a person does not reach it.
const MAX_COMMANDS: usize = 500;

/// Hears how a command ended; `None`: there is no acknowledgment to wait for.
pub(crate) type Answer = oneshot::Sender<Result<Option<Acknowledgment>>>;

#[derive(Debug)]
struct Waiting {
    command: Command,
    conversation_id: Id,
    /// `None`: nobody wants to know.
    answer: Option<Answer>,
    expires: Instant,
    under_way: bool,
}

/// The queue of unanswered commands, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    commands: VecDeque<Waiting>,
}

impl Pending {
    /// Adds a command about a conversation.
    pub(crate) fn add(
        &mut self,
        command: Command,
        about: Id,
        answer: Option<Answer>,
        now: Instant,
    ) {
        self.push(Waiting {
            command,
            conversation_id: about,
            answer,
            expires: now + ANSWER_WITHIN,
            under_way: false,
        });
    }

    /// Typing went out.
    pub(crate) fn typed(&mut self, command: Command, about: Id, now: Instant) {
        self.push(Waiting {
            command,
            conversation_id: about,
            answer: None,
            expires: now + ANSWER_WITHIN,
            under_way: true,
        });
    }

    /// The next command that may go, marked as under way.
    pub(crate) fn next(&mut self) -> Option<Command> {
        let mut busy = HashSet::new();
        let waiting = self
            .commands
            .iter_mut()
            .filter(|waiting| !waiting.is_typing())
            .find(|waiting| busy.insert(waiting.conversation_id) && !waiting.under_way)?;
        waiting.under_way = true;
        Some(waiting.command.clone())
    }

    /// The server carried out a command.
    pub(crate) fn acknowledged(&mut self, how: &Acknowledgment) {
        let is_it = |waiting: &Waiting| answers(how, &waiting.command);
        let Some(index) = self.under_way(is_it) else { return };
        let Some(waiting) = self.commands.remove(index) else { return };
        // The server answers in order: what was typed before it was not refused.
        let mut place = 0..;
        self.commands.retain(|older| {
            let is_older = place.next().is_some_and(|place| place < index);
            !(is_older && older.is_typing() && older.conversation_id == waiting.conversation_id)
        });
        waiting.end(Ok(Some(how.clone())));
    }

    /// The server refused the command about this conversation. Returns the command.
    pub(crate) fn refused(&mut self, about: Id, error: Error) -> Option<Command> {
        let index = self.under_way(|waiting| waiting.conversation_id == about)?;
        let waiting = self.commands.remove(index)?;
        let command = waiting.command.clone();
        waiting.end(Err(error));
        Some(command)
    }

    /// The connection is gone: what was under way goes again, but for what was typed.
    pub(crate) fn connection_lost(&mut self) {
        self.commands.retain(|waiting| !waiting.is_typing());
        for waiting in &mut self.commands {
            waiting.under_way = false;
        }
    }

    /// Gives everything up: what it was about is not there any more.
    pub(crate) fn give_up(&mut self) {
        for waiting in self.commands.drain(..) {
            waiting.end(Err(offline()));
        }
    }

    /// Gives up what has waited too long at `now`, with a connection or without. Returns whether something
    /// was under way: its answer, should it come yet, would be taken for that of the next.
    pub(crate) fn expire(&mut self, now: Instant, connected: bool) -> bool {
        let mut owes = false;
        while let Some(index) = self.commands.iter().position(|waiting| waiting.expires <= now) {
            if let Some(waiting) = self.commands.remove(index) {
                owes |= waiting.under_way && !waiting.is_typing();
                waiting.end(Err(if connected {
                    Error::new("timeout", "The server did not answer within 10 seconds.")
                } else {
                    offline()
                }));
            }
        }
        owes
    }

    /// When the next command expires.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.commands.iter().map(|waiting| waiting.expires).min()
    }

    fn under_way(&self, is_it: impl Fn(&Waiting) -> bool) -> Option<usize> {
        self.commands.iter().position(|waiting| waiting.under_way && is_it(waiting))
    }

    fn push(&mut self, waiting: Waiting) {
        if self.commands.len() < MAX_COMMANDS {
            self.commands.push_back(waiting);
        } else {
            waiting.end(Err(Error::new("busy", "The server is busy. Try again in a moment.")));
        }
    }
}

impl Waiting {
    fn is_typing(&self) -> bool {
        matches!(self.command, Command::Typing { .. })
    }

    /// Nobody listens any more when the window was reloaded meanwhile.
    fn end(self, result: Result<Option<Acknowledgment>>) {
        if let Some(answer) = self.answer {
            let _ = answer.send(result);
        }
    }
}

/// Whether this is what a command is acknowledged with.
fn answers(acknowledgment: &Acknowledgment, command: &Command) -> bool {
    match (acknowledgment, command) {
        (
            Acknowledgment::MarkedRead { conversation_id, .. },
            Command::MarkRead { conversation_id: about, .. },
        )
        | (
            Acknowledgment::Subscribed { conversation_id, .. },
            Command::SubscribeConversation { conversation_id: about },
        )
        | (
            Acknowledgment::Unsubscribed { conversation_id, .. },
            Command::UnsubscribeConversation { conversation_id: about },
        )
        | (
            Acknowledgment::ConversationClosed { conversation_id, .. },
            Command::CloseConversation { conversation_id: about },
        ) => conversation_id == about,
        _ => false,
    }
}

fn offline() -> Error {
    Error::new("offline", "There is no connection to the server.")
}

#[cfg(test)]
mod tests {
    use frontdesk_server::protocol::Timestamp;

    use super::*;

    fn mark_read(conversation_id: Id) -> Command {
        Command::MarkRead { conversation_id, message_id: None }
    }

    fn close(conversation_id: Id) -> Command {
        Command::CloseConversation { conversation_id }
    }

    type Answered = oneshot::Receiver<Result<Option<Acknowledgment>>>;

    fn marked_read(conversation_id: Id) -> Acknowledgment {
        Acknowledgment::MarkedRead { conversation_id, timestamp: Timestamp::from_millis(0) }
    }

    fn add(pending: &mut Pending, command: Command, about: Id) -> Answered {
        let (answer, answered) = oneshot::channel();
        pending.add(command, about, Some(answer), Instant::now());
        answered
    }

    #[test]
    fn one_command_of_a_conversation_is_under_way() {
        let mut pending = Pending::default();
        let mut read = add(&mut pending, mark_read(1), 1);
        let mut closed = add(&mut pending, close(1), 1);
        let _other = add(&mut pending, mark_read(2), 2);
        assert_eq!(pending.next(), Some(mark_read(1)));
        assert_eq!(pending.next(), Some(mark_read(2)));
        assert_eq!(pending.next(), None);
        pending.acknowledged(&marked_read(1));
        assert_eq!(read.try_recv().unwrap(), Ok(Some(marked_read(1))));
        assert_eq!(pending.next(), Some(close(1)));
        assert!(closed.try_recv().is_err());
        assert_eq!(pending.refused(1, Error::signed_out()), Some(close(1)));
        assert_eq!(closed.try_recv().unwrap(), Err(Error::signed_out()));
    }

    #[test]
    fn an_answer_to_something_else_settles_nothing() {
        let mut pending = Pending::default();
        let mut read = add(&mut pending, mark_read(1), 1);
        pending.acknowledged(&marked_read(1));
        assert!(read.try_recv().is_err(), "it was not under way");
        pending.next();
        pending.acknowledged(&Acknowledgment::ConversationClosed {
            conversation_id: 1,
            timestamp: Timestamp::from_millis(0),
        });
        pending.acknowledged(&marked_read(2));
        assert!(read.try_recv().is_err());
    }

    #[test]
    fn what_was_under_way_goes_again_until_it_expires() {
        let mut pending = Pending::default();
        let mut read = add(&mut pending, mark_read(1), 1);
        pending.next();
        pending.connection_lost();
        assert_eq!(pending.next(), Some(mark_read(1)));
        let expiry = pending.next_expiry().unwrap();
        assert!(!pending.expire(expiry - Duration::from_millis(1), true));
        assert!(read.try_recv().is_err());
        assert!(pending.expire(expiry, true), "its answer may come yet");
        assert_eq!(read.try_recv().unwrap().unwrap_err().code, "timeout");
        assert_eq!(pending.next_expiry(), None);
    }

    #[test]
    fn a_refused_typing_is_nobodys_elses_refusal() {
        let mut pending = Pending::default();
        let now = Instant::now();
        let typing = Command::Typing { conversation_id: 1, is_typing: true };
        pending.typed(typing.clone(), 1, now);
        let mut read = add(&mut pending, mark_read(1), 1);
        assert_eq!(pending.next(), Some(mark_read(1)), "it does not wait for the typing");
        assert_eq!(pending.refused(1, Error::signed_out()), Some(typing.clone()));
        assert!(read.try_recv().is_err());
        pending.acknowledged(&marked_read(1));
        assert!(read.try_recv().unwrap().is_ok());

        // What was typed before an acknowledged command was not refused, and what expires is quiet.
        pending.typed(typing.clone(), 1, now);
        let _read = add(&mut pending, mark_read(1), 1);
        pending.next();
        pending.acknowledged(&marked_read(1));
        assert_eq!(pending.refused(1, Error::signed_out()), None);
        pending.typed(typing, 1, now);
        assert!(!pending.expire(pending.next_expiry().unwrap(), true));
        assert_eq!(pending.next_expiry(), None);
    }
}
