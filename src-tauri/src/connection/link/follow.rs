//! Conversations that are subscribed to beside those that the window opens.

use frontdesk_server::protocol::{Command, Id};
use tokio::time::Instant;

use super::Link;

impl Link {
    /// The server does not let this person follow a conversation.
    pub(super) fn unfollow(&mut self, conversation_id: Id) {
        self.followed.remove(&conversation_id);
        self.following.remove(&conversation_id);
    }

    /// Asks for what is followed now and was not before, and the other way round, at the pace that the server
    /// allows. Returns when there is more to ask for.
    pub(super) fn follow(&mut self, now: Instant) -> Option<Instant> {
        let ended: Vec<_> = self.following.difference(&self.followed).copied().collect();
        for id in ended {
            self.following.remove(&id);
            if !self.subscribed.contains(&id) {
                let unsubscribe = Command::UnsubscribeConversation { conversation_id: id };
                self.pending.add(unsubscribe, id, None, now);
            }
        }
        let added: Vec<_> = self.followed.difference(&self.following).copied().collect();
        for id in added {
            if !self.subscribed.contains(&id) {
                if let Err(later) = self.pace.take(now) {
                    return Some(later);
                }
                let subscribe = Command::SubscribeConversation { conversation_id: id };
                self.pending.add(subscribe, id, None, now);
            }
            self.following.insert(id);
        }
        None
    }
}
