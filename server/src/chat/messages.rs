//! Texts of staff and guests.

use crate::protocol::{
    Channel, CommandError, ConversationStatus, Delivery, DeliveryReason, DeliveryState, Id,
    Message, MessageGuest, MessageType, PersonType, preview,
};

use super::{
    EventKind, GuestMessage, KnownText, MessageRow, Moment, NewDelivery, Refused, Stored, Working,
    rules::{conversation, person, publish, take},
};

/// What a `client_id` that was used before says to a text: the same text again is answered as the
/// first time, and another one refused. Returns `None` for a text that is new.
pub(super) fn known_text(
    working: &Working,
    staff: Id,
    conversation_id: Id,
    content: &str,
    client_id: Option<&String>,
) -> Option<Result<Stored, CommandError>> {
    let client_id = client_id?.clone();
    let known = working.known_texts.get(&(staff, client_id.clone()))?;
    if known.conversation_id != conversation_id || known.content != content {
        return Some(Err(CommandError::ClientIdReused));
    }
    Some(Ok(Stored {
        message_id: known.message_id,
        conversation_id,
        created_at: known.created_at,
        client_id: Some(client_id),
        duplicate: true,
        conversation_created: false,
    }))
}

/// Stores a staff member's text; the caller has checked that they may write it.
///
/// # Errors
/// [`CommandError::ConversationClosed`].
pub fn staff_text(
    working: &mut Working,
    moment: &mut Moment,
    staff: Id,
    conversation_id: Id,
    content: &str,
    client_id: Option<String>,
) -> Result<Stored, Refused> {
    let sender_name = person(working, staff)?.name.clone();
    let state = conversation(working, conversation_id)?;
    let channel = if state.came_through_gateway { Channel::Gateway } else { Channel::Desk };
    let delivery = NewDelivery { channel, gateway_id: state.reply_gateway_id };
    let row = MessageRow {
        id: moment.next_message_id,
        conversation_id,
        staff_id: Some(staff),
        guest_id: None,
        content: content.to_owned(),
        client_id,
        gateway_id: None,
        external_id: None,
        created_at: moment.now,
        delivery: Some(delivery),
    };
    store(working, moment, row, sender_name)
}

/// Stores a guest's message in their active conversation.
///
/// # Errors
/// [`CommandError::ConversationClosed`].
pub fn guest_text(
    working: &mut Working,
    moment: &mut Moment,
    message: &GuestMessage,
    conversation_id: Id,
) -> Result<Stored, Refused> {
    let state = conversation(working, conversation_id)?;
    let sender_name = state.guest_name.clone();
    let row = MessageRow {
        id: moment.next_message_id,
        conversation_id,
        staff_id: None,
        guest_id: Some(state.guest_id),
        content: message.content.clone(),
        client_id: None,
        gateway_id: Some(message.gateway_id),
        external_id: Some(message.external_id.clone()),
        created_at: moment.now,
        delivery: None,
    };
    store(working, moment, row, sender_name)
}

fn store(
    working: &mut Working,
    moment: &mut Moment,
    row: MessageRow,
    sender_name: String,
) -> Result<Stored, Refused> {
    let state = conversation(working, row.conversation_id)?;
    if state.status == ConversationStatus::Closed {
        return Err(CommandError::ConversationClosed.into());
    }
    let by_guest = row.guest_id.is_some();
    state.last_message_id = take(&mut moment.next_message_id);
    state.last_message_preview = preview(&row.content);
    state.active_at = state.active_at.max(moment.now);
    state.updated_at = moment.now;
    state.waiting_since = by_guest.then(|| state.waiting_since.unwrap_or(moment.now));
    let marks = state.delivery_marks();
    if by_guest {
        state.undelivered_since = None;
        state.settled_id = row.id;
    } else {
        state.undelivered_since.get_or_insert(moment.now);
        if row.has_no_way() {
            state.no_way_id.get_or_insert(row.id);
        }
    }
    let is_marked = state.delivery_marks() != marks;
    let message = Message {
        id: row.id,
        conversation_id: row.conversation_id,
        sender_type: if by_guest { PersonType::Guest } else { PersonType::Staff }.into(),
        sender_id: row.staff_id,
        sender_name,
        message_type: MessageType::Text.into(),
        content: row.content.clone(),
        created_at: row.created_at,
        is_read: false,
        client_id: row.client_id.clone(),
        department: state.department.clone(),
        guest_info: MessageGuest {
            id: state.guest_id,
            name: state.guest_name.clone(),
            room_number: state.room_number.clone(),
        },
        channel: Some(row.delivery.map_or(Channel::Gateway, |delivery| delivery.channel).into()),
        delivery: row.delivery.map(|delivery| Delivery {
            state: DeliveryState::Stored.into(),
            reason: None,
            reason_code: delivery.gateway_id.is_none().then(|| DeliveryReason::NoWay.into()),
            at: row.created_at,
        }),
        waiting_since: Some(state.waiting_since),
    };
    let stored = Stored {
        message_id: row.id,
        conversation_id: row.conversation_id,
        created_at: row.created_at,
        client_id: row.client_id.clone(),
        duplicate: false,
        conversation_created: false,
    };
    if let (Some(staff), Some(client_id)) = (row.staff_id, &row.client_id) {
        working.known_texts.insert(
            (staff, client_id.clone()),
            KnownText {
                message_id: row.id,
                conversation_id: row.conversation_id,
                content: row.content.clone(),
                created_at: row.created_at,
            },
        );
    }
    if let (Some(gateway), Some(external_id)) = (row.gateway_id, &row.external_id) {
        let ids = (row.id, row.conversation_id);
        working.external.insert((gateway, external_id.clone()), ids);
    }
    if is_marked {
        working.writes.marked.insert(row.conversation_id);
    }
    let gateway_id = row.delivery.and_then(|delivery| delivery.gateway_id);
    working.writes.to_deliver.gateways.extend(gateway_id);
    working.writes.messages.push(row);
    publish(working, moment, stored.conversation_id, EventKind::Message(Box::new(message)))?;
    Ok(stored)
}
