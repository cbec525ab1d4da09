//! What the server's acknowledgments and refusals change.

use frontdesk_server::protocol::{Acknowledgment, Command, ErrorCode, ErrorFrame, Resumed};
use tokio::time::Instant;

use super::{ConnectionState, Effect, Link, Phase, Push};

impl Link {
    pub(super) fn acknowledged(&mut self, acknowledgment: &Acknowledgment, now: Instant) {
        match acknowledgment {
            Acknowledgment::Received { client_id, .. } => {
                if let Some(client_id) = client_id {
                    self.outbox.acknowledged(client_id);
                    self.outbox_changed = true;
                }
            }
            Acknowledgment::MarkedRead { .. }
            | Acknowledgment::Subscribed { .. }
            | Acknowledgment::Unsubscribed { .. }
            | Acknowledgment::ConversationClosed { .. } => {
                self.pending.acknowledged(acknowledgment);
            }
            Acknowledgment::Resuming { .. } => self.phase = Phase::Replaying,
            Acknowledgment::Resumed(resumed) => {
                self.last_seq = self.last_seq.max(Some(resumed.seq));
                self.caught_up(resumed, now);
                self.effects.push(Effect::CaughtUp(resumed.timestamp));
            }
            Acknowledgment::ResyncRequired(resumed) => {
                self.last_seq = Some(resumed.seq);
                self.reread = true;
                self.caught_up(resumed, now);
                self.effects.push(Effect::Lost(resumed.timestamp));
            }
        }
    }

    fn caught_up(&mut self, resumed: &Resumed, now: Instant) {
        self.phase = Phase::Live;
        self.set_epoch(&resumed.epoch);
        self.caught_up_at = resumed.timestamp;
        self.online = resumed.online.iter().map(|it| (it.user_id, it.clone())).collect();
        for denied in &resumed.denied {
            self.subscribed.remove(denied);
            self.unfollow(*denied);
            self.named.remove(denied);
        }
        self.follow_what_was_opened(now);
        let connected = Push::Connection { connection: ConnectionState::Connected };
        self.effects.push(Effect::Push(connected));
        if std::mem::take(&mut self.reread) {
            self.effects.push(Effect::Push(Push::Resync));
        }
    }

    /// The life of the database. What waits for another one goes nowhere.
    fn set_epoch(&mut self, epoch: &str) {
        if self.epoch.as_deref().is_some_and(|known| known != epoch) {
            self.pending.give_up();
        }
        self.epoch = Some(epoch.to_owned());
        if self.outbox.set_epoch(epoch) {
            self.outbox_changed = true;
            let text = "The server's data was replaced. Messages that were waiting have not \
                been sent: check each of them before you try again.";
            self.effects.push(Effect::Push(Push::Notice { text: text.to_owned() }));
        }
    }

    /// Conversations that were opened or left while `resume` was under way.
    fn follow_what_was_opened(&mut self, now: Instant) {
        let named = std::mem::take(&mut self.named);
        let wanted = &self.subscribed | &self.following;
        for id in wanted.difference(&named) {
            let subscribe = Command::SubscribeConversation { conversation_id: *id };
            self.pending.add(subscribe, *id, None, now);
        }
        for id in named.difference(&wanted) {
            let unsubscribe = Command::UnsubscribeConversation { conversation_id: *id };
            self.pending.add(unsubscribe, *id, None, now);
        }
    }

    pub(super) fn refused(&mut self, refusal: &ErrorFrame, now: Instant) {
        if let Some(client_id) = &refusal.client_id {
            if refusal.code.as_ref().is_some_and(|it| *it == ErrorCode::RateLimited) {
                self.pace.hold(now);
                self.outbox.put_back(client_id);
            } else {
                self.outbox.refused(client_id, refusal.clone());
            }
            self.outbox_changed = true;
            return;
        }
        let Some(conversation_id) = refusal.conversation_id else {
            if !self.is_live() {
                self.effects.push(Effect::Reconnect);
            }
            return tracing::warn!(message = refusal.message, "the server refused a frame");
        };
        let refused = self.pending.refused(conversation_id, refusal.clone().into());
        if matches!(refused, Some(Command::SubscribeConversation { .. })) {
            self.subscribed.remove(&conversation_id);
            self.unfollow(conversation_id);
        }
    }
}
