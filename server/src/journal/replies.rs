//! What a batch does about replies: how far they have come, and whether they have a way to their guest.

use std::collections::HashSet;

use crate::{
    chat::{
        self, Answer, DeliveryNews, DeliveryReport, LoadedDelivery, Refused, Retry, check_access,
    },
    protocol::{CommandError, DeliveryReason, Id},
    store::{StoreError, deliveries},
};

use super::batch::{Batch, Stop};

impl Batch<'_> {
    /// Brings deliveries up to date; what is not there any more is left out.
    pub(super) async fn bring_up_to_date(
        &mut self,
        news: &[(Id, DeliveryNews)],
    ) -> Result<(), Stop> {
        let ids: Vec<Id> = news.iter().map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let loaded = self.load_deliveries(&ids).await?;
        chat::bring_up_to_date(self.working, self.moment, loaded, news).map_err(Refused::from)?;
        Ok(())
    }

    async fn load_deliveries(&mut self, ids: &[Id]) -> Result<Vec<LoadedDelivery>, StoreError> {
        self.flush_if_needed().await?;
        let loaded = deliveries::load(self.writer, ids).await?;
        let conversations: HashSet<Id> =
            loaded.iter().map(|each| each.row.conversation_id).collect();
        self.load_conversations(conversations.into_iter().collect()).await?;
        Ok(loaded)
    }

    /// Notes what a gateway says of replies. Its answer names those that are not its own.
    pub(super) async fn reports(
        &mut self,
        gateway_id: Id,
        reports: &[DeliveryReport],
    ) -> Result<Answer, Stop> {
        self.flush_if_needed().await?;
        let ids: Vec<&str> = reports.iter().map(|report| report.delivery_id.as_str()).collect();
        let known = deliveries::messages_of(self.writer, gateway_id, &ids).await?;
        let (mut news, mut unknown) = (Vec::with_capacity(reports.len()), Vec::new());
        for DeliveryReport { delivery_id, news: what } in reports {
            match known.iter().find(|(id, _)| id == delivery_id) {
                Some((_, message_id)) => news.push((*message_id, what.clone())),
                None => unknown.push(delivery_id.clone()),
            }
        }
        self.bring_up_to_date(&news).await?;
        Ok(Answer::Reports { unknown })
    }

    /// Has a failed reply sent again.
    pub(super) async fn retry(&mut self, retry: &Retry) -> Result<Answer, Stop> {
        self.flush_if_needed().await?;
        let (property_id, message_id) = (retry.property_id, retry.message_id);
        let found = deliveries::conversation_of(self.writer, property_id, message_id).await?;
        let conversation_id = found.ok_or(Refused::MessageNotFound)?;
        self.load_conversations(vec![conversation_id]).await?;
        check_access(self.working, retry.staff, conversation_id).map_err(|error| match error {
            CommandError::ConversationNotFound => Refused::MessageNotFound,
            other => other.into(),
        })?;
        let loaded = self.load_deliveries(&[message_id]).await?;
        let row = loaded.first().map(|each| &each.row).ok_or(Refused::NotFailed)?;
        let gateway_id = chat::retry_through(self.working, row, retry.channel)?;
        let news = DeliveryNews::Retried { gateway_id, delivery_id: new_delivery_id() };
        let news = [(message_id, news)];
        chat::bring_up_to_date(self.working, self.moment, loaded, &news).map_err(Refused::from)?;
        Ok(Answer::Retried)
    }

    /// Whether a message of this batch to the guest, not in the database yet, has no way to them.
    pub(super) fn has_unwritten_without_way(&self, guest_id: Id) -> bool {
        let is_theirs = |conversation_id: &Id| {
            let state = self.working.conversations.get(conversation_id);
            state.is_some_and(|state| state.guest_id == guest_id)
        };
        self.working
            .writes
            .messages
            .iter()
            .any(|row| row.has_no_way() && is_theirs(&row.conversation_id))
    }

    /// The guest has written in this conversation: what waited for a way to them leaves now, if there is
    /// one.
    pub(super) async fn open_way(&mut self, guest_id: Id, conversation_id: Id) -> Result<(), Stop> {
        let state = self.working.conversations.get(&conversation_id);
        let Some(gateway_id) = state.and_then(|state| state.reply_gateway_id) else {
            return Ok(());
        };
        self.flush_if_needed().await?;
        let waiting = deliveries::without_way_to(self.writer, guest_id).await?;
        let opened =
            |id| (id, DeliveryNews::WayOpened { gateway_id, delivery_id: new_delivery_id() });
        let news: Vec<_> = waiting.into_iter().map(opened).collect();
        self.bring_up_to_date(&news).await
    }

    /// A conversation was closed: what waited in it for a way to the guest is not delivered any more.
    pub(super) async fn end_waits_for_way(&mut self, conversation_id: Id) -> Result<(), Stop> {
        self.flush_if_needed().await?;
        let waiting = deliveries::without_way(self.writer, conversation_id).await?;
        let ended = DeliveryNews::Ended(DeliveryReason::ConversationClosed);
        let news: Vec<_> = waiting.into_iter().map(|id| (id, ended.clone())).collect();
        self.bring_up_to_date(&news).await
    }
}

/// What a gateway will call a reply.
fn new_delivery_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
