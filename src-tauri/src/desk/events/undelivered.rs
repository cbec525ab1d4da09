//! Finds out which of the answers that were not delivered the person wrote.

use std::sync::Arc;

use frontdesk_server::protocol::{
    Conversation, ConversationUpdate, DeliveryState, DeliveryUpdate, Frame, Id, Message, PersonType,
};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::{Audience, EventForwarder, MAX_LOOKUPS, Page};
use crate::{
    attention::{About, Input, NotDelivered},
    error::Result,
};

/// Messages of a conversation that are searched for the person's own: those that failed stand after the guest's last
/// message.
const NEWEST: usize = 50;

/// A page of `GET /chat/conversations/{id}/messages/`.
#[derive(Debug, Deserialize)]
struct Messages {
    results: Vec<Message>,
}

impl<A: Audience> EventForwarder<A> {
    /// Reads the author of a message that was not delivered and was written before this program started.
    pub(super) async fn look_up(self: Arc<Self>, mut lookups: mpsc::Receiver<DeliveryUpdate>) {
        while let Some(delivery) = lookups.recv().await {
            let (conversation, message) = (delivery.conversation_id, delivery.message_id);
            let path = format!(
                "/chat/conversations/{conversation}/messages/?after={}&limit=1",
                message - 1
            );
            let found = match self.get::<Messages>(&path).await {
                Ok(page) => page.results.into_iter().find(|it| it.id == message),
                Err(error) => {
                    tracing::info!(%error, "who wrote the message is not known");
                    None
                }
            };
            if found.is_some_and(|it| self.is_own(&it)) {
                self.audience.apply(self.generation, Input::OwnMessage(message));
                let data = ConversationUpdate::Delivery(delivery);
                let frame = Frame::ConversationUpdate { seq: None, data };
                self.audience.apply(self.generation, Input::Frame(&frame));
            }
        }
    }

    /// Reads the person's answers that could not be delivered, the newest of each conversation, and the event at which
    /// the list of their conversations was read. Of more than [`MAX_LOOKUPS`] conversations only the first are read.
    pub(super) async fn not_delivered(&self) -> Result<(i64, Vec<NotDelivered>)> {
        let path =
            format!("/chat/conversations/?status=active&not_reached=true&limit={MAX_LOOKUPS}");
        let page: Page = self.get(&path).await?;
        if page.next_cursor.is_some() {
            tracing::warn!(
                "too many conversations have an answer that was not delivered: not all are signalled"
            );
        }
        let mut answers = Vec::new();
        // Servers of before ignore what is asked for, and do not name this time.
        for conversation in page.results.iter().filter(|it| it.undelivered_since.is_some()) {
            if let Some(message_id) = self.own_failed(conversation.id).await? {
                answers.push(NotDelivered { about: about(conversation), message_id });
            }
        }
        Ok((page.seq, answers))
    }

    /// The newest message of the person in this conversation that could not be delivered.
    async fn own_failed(&self, conversation_id: Id) -> Result<Option<Id>> {
        let path = format!("/chat/conversations/{conversation_id}/messages/?limit={NEWEST}");
        let messages = match self.get::<Messages>(&path).await {
            Ok(page) => page.results,
            // Gone, or transferred away, since the list was read.
            Err(error) if matches!(error.status(), Some(403 | 404)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let has_failed = |message: &Message| {
            let state = message.delivery.as_ref().and_then(|delivery| delivery.state.known());
            matches!(state, Some(DeliveryState::Failed | DeliveryState::None))
        };
        let failed = messages.iter().rfind(|message| self.is_own(message) && has_failed(message));
        Ok(failed.map(|message| message.id))
    }

    fn is_own(&self, message: &Message) -> bool {
        message.sender_type == PersonType::Staff && message.sender_id == Some(self.me)
    }
}

fn about(conversation: &Conversation) -> About {
    About {
        conversation_id: conversation.id,
        guest_name: conversation.guest_info.name.clone(),
        room_number: conversation.guest_info.room_number.clone(),
        department: conversation.department.clone(),
        preview: String::new(),
        waiting_since: None,
    }
}
