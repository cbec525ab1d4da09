//! Commands other than texts that wait for their acknowledgment.
//!
//! Acknowledgments and refusals name a conversation but not a command: at most one command of each
//! conversation is under way, so that an answer can only mean that one.

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
    answer: Answer,
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
    pub(crate) fn add(&mut self, command: Command, about: Id, answer: Answer, now: Instant) {
        if self.commands.len() >= MAX_COMMANDS {
            let _ = answer.send(Err(Error::new("busy", "Too much waits for the server already.")));
            return;
        }
        self.commands.push_back(Waiting {
            command,
            conversation_id: about,
            answer,
            expires: now + ANSWER_WITHIN,
            under_way: false,
        });
    }

    /// The next command that may go, marked as under way.
    pub(crate) fn next(&mut self) -> Option<Command> {
        let mut busy = HashSet::new();
        let waiting = self
            .commands
            .iter_mut()
            .find(|waiting| busy.insert(waiting.conversation_id) && !waiting.under_way)?;
        waiting.under_way = true;
        Some(waiting.command.clone())
    }

    /// The server carried out the command of this name about this conversation.
    pub(crate) fn acknowledged(&mut self, name: &str, about: Id, how: &Acknowledgment) {
        let is_it =
            |waiting: &Waiting| waiting.conversation_id == about && waiting.command.name() == name;
        self.settle(is_it, Ok(Some(how.clone())));
    }

    /// The server refused the command about this conversation. Returns the command.
    pub(crate) fn refused(&mut self, about: Id, error: Error) -> Option<Command> {
        self.settle(|waiting| waiting.conversation_id == about, Err(error))
    }

    /// The connection is gone: what was under way goes again.
    pub(crate) fn connection_lost(&mut self) {
        for waiting in &mut self.commands {
            waiting.under_way = false;
        }
    }

    /// Gives up what has waited too long at `now`, with a connection or without.
    pub(crate) fn expire(&mut self, now: Instant, connected: bool) {
        while let Some(index) = self.commands.iter().position(|waiting| waiting.expires <= now) {
            if let Some(waiting) = self.commands.remove(index) {
                let error = if connected {
                    Error::new("timeout", "The server did not answer within 10 seconds.")
                } else {
                    Error::new("offline", "There is no connection to the server.")
                };
                let _ = waiting.answer.send(Err(error));
            }
        }
    }

    /// When the next command expires.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.commands.iter().map(|waiting| waiting.expires).min()
    }

    fn settle(
        &mut self,
        is_it: impl Fn(&Waiting) -> bool,
        result: Result<Option<Acknowledgment>>,
    ) -> Option<Command> {
        let index = self.commands.iter().position(|waiting| waiting.under_way && is_it(waiting))?;
        let waiting = self.commands.remove(index)?;
        // Nobody listens any more when the window was reloaded meanwhile.
        let _ = waiting.answer.send(result);
        Some(waiting.command)
    }
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
        pending.add(command, about, answer, Instant::now());
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
        pending.acknowledged("mark_read", 1, &marked_read(1));
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
        pending.acknowledged("mark_read", 1, &marked_read(1));
        assert!(read.try_recv().is_err(), "it was not under way");
        pending.next();
        pending.acknowledged("close_conversation", 1, &marked_read(1));
        pending.acknowledged("mark_read", 2, &marked_read(2));
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
        pending.expire(expiry - Duration::from_millis(1), true);
        assert!(read.try_recv().is_err());
        pending.expire(expiry, true);
        assert_eq!(read.try_recv().unwrap().unwrap_err().code, "timeout");
        assert_eq!(pending.next_expiry(), None);
    }
}
