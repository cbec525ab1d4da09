//! Who may do what, and what follows. Pure: every fact comes from the [`Working`] set.

use crate::protocol::{
    ClosedConversation, CommandError, ConversationStatus, Id, Message, MessageGuest, MessageType,
    NewConversation, PersonType, Read, Timestamp, Transferred, preview,
};

use super::{
    Answer, Change, ConversationState, CreatedRow, Event, EventKind, GuestMessage, KnownText,
    MessageRow, Refused, StaffState, Working,
};

/// The time of a batch and the next free ids; the one writer hands them out.
#[derive(Debug)]
pub struct Moment {
    /// The time now.
    pub now: Timestamp,
    /// The id of the next message.
    pub next_message_id: Id,
    /// The id of the next conversation.
    pub next_conversation_id: Id,
    /// The position of the next event.
    pub next_seq: i64,
}

fn take(next: &mut i64) -> i64 {
    let id = *next;
    *next += 1;
    id
}

/// Carries out one change on what is loaded. [`Change::Create`] and [`Change::GuestMessage`] name
/// guests, which takes looking up: the writer does that and calls [`new_conversation`],
/// [`staff_text`] and [`guest_text`].
///
/// # Errors
/// The first of the contract's checks that fails.
pub fn apply(
    working: &mut Working,
    moment: &mut Moment,
    change: &Change,
) -> Result<Answer, Refused> {
    match change {
        Change::Text { staff, conversation_id, content, client_id } => {
            if let Some(known) = client_id
                .as_ref()
                .and_then(|client_id| working.known_texts.get(&(*staff, client_id.clone())))
            {
                return known_text(known, *conversation_id, content, client_id.clone());
            }
            access(working, *staff, *conversation_id)?;
            staff_text(working, moment, *staff, *conversation_id, content, client_id.clone())
        }
        Change::MarkRead { staff, conversation_id, message_id } => {
            access(working, *staff, *conversation_id)?;
            mark_read(working, moment, *staff, *conversation_id, *message_id)?;
            Ok(Answer::MarkedRead { conversation_id: *conversation_id })
        }
        Change::Subscribe { staff, conversation_id } => {
            access(working, *staff, *conversation_id)?;
            Ok(Answer::Subscribed { conversation_id: *conversation_id })
        }
        Change::Unsubscribe { staff, conversation_id } => {
            access(working, *staff, *conversation_id)?;
            Ok(Answer::Unsubscribed { conversation_id: *conversation_id })
        }
        Change::Typing { staff, conversation_id, is_typing } => {
            access(working, *staff, *conversation_id)?;
            Ok(Answer::Typing { conversation_id: *conversation_id, is_typing: *is_typing })
        }
        Change::Resume { staff, resume } => {
            let (subscribe, denied) = resume
                .conversation_ids
                .iter()
                .copied()
                .partition(|id| access(working, *staff, *id).is_ok());
            Ok(Answer::Resume { resume: resume.clone(), subscribe, denied })
        }
        Change::Close { staff, conversation_id } => {
            access(working, *staff, *conversation_id)?;
            close(working, moment, *conversation_id)?;
            Ok(Answer::Closed { conversation_id: *conversation_id })
        }
        Change::Reopen { staff, conversation_id } => {
            access(working, *staff, *conversation_id)?;
            reopen(working, moment, *conversation_id)?;
            Ok(Answer::Conversation { id: *conversation_id, created: false })
        }
        Change::Transfer { staff, conversation_id, department } => {
            access(working, *staff, *conversation_id)?;
            transfer(working, moment, *conversation_id, department)?;
            Ok(Answer::Conversation { id: *conversation_id, created: false })
        }
        // Both take looking up, which the writer does: see above.
        Change::Create { .. } | Change::GuestMessage(_) => Err(CommandError::Unavailable.into()),
    }
}

/// The conversation exists in the person's property, and in one of their departments.
fn access(working: &Working, staff: Id, conversation_id: Id) -> Result<(), CommandError> {
    let (person, conversation) =
        match (working.staff.get(&staff), working.conversations.get(&conversation_id)) {
            (Some(person), Some(conversation))
                if person.property_id == conversation.property_id =>
            {
                (person, conversation)
            }
            _ => return Err(CommandError::ConversationNotFound),
        };
    if person.departments.contains(&conversation.department_id) {
        Ok(())
    } else {
        Err(CommandError::AccessDenied)
    }
}

/// A `client_id` that was used before: the same answer again, or a refusal.
fn known_text(
    known: &KnownText,
    conversation_id: Id,
    content: &str,
    client_id: Option<String>,
) -> Result<Answer, Refused> {
    if known.conversation_id != conversation_id || known.content != content {
        return Err(CommandError::ClientIdReused.into());
    }
    Ok(Answer::Stored {
        message_id: known.message_id,
        conversation_id,
        created_at: known.created_at,
        client_id,
        duplicate: true,
        conversation_created: false,
    })
}

fn person(working: &Working, staff: Id) -> Result<&StaffState, CommandError> {
    working.staff.get(&staff).ok_or(CommandError::ConversationNotFound)
}

fn conversation(working: &mut Working, id: Id) -> Result<&mut ConversationState, CommandError> {
    working.conversations.get_mut(&id).ok_or(CommandError::ConversationNotFound)
}

/// Stores a staff member's text; whoever calls has checked that they may.
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
) -> Result<Answer, Refused> {
    let sender_name = person(working, staff)?.name.clone();
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
        deliver_through: conversation(working, conversation_id)?.reply_gateway_id,
    };
    store_message(working, moment, row, sender_name)
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
) -> Result<Answer, Refused> {
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
        deliver_through: None,
    };
    store_message(working, moment, row, sender_name)
}

fn store_message(
    working: &mut Working,
    moment: &mut Moment,
    row: MessageRow,
    sender_name: String,
) -> Result<Answer, Refused> {
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
    let message = Message {
        id: row.id,
        conversation_id: row.conversation_id,
        sender_type: if by_guest { PersonType::Guest } else { PersonType::Staff },
        sender_id: row.staff_id,
        sender_name,
        message_type: MessageType::Text,
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
    };
    let answer = Answer::Stored {
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
        let stored = (row.id, row.conversation_id);
        working.external.insert((gateway, external_id.clone()), stored);
    }
    let conversation_id = row.conversation_id;
    working.writes.delivers |= row.deliver_through.is_some();
    working.writes.messages.push(row);
    publish(working, moment, conversation_id, EventKind::Message(Box::new(message)))?;
    Ok(answer)
}

/// Adds an event of the conversation's department, and has the conversation written back.
fn publish(
    working: &mut Working,
    moment: &mut Moment,
    conversation_id: Id,
    kind: EventKind,
) -> Result<(), CommandError> {
    let state = conversation(working, conversation_id)?;
    let event = Event {
        seq: take(&mut moment.next_seq),
        property_id: state.property_id,
        conversation_id,
        department_id: state.department_id,
        at: moment.now,
        kind,
    };
    working.writes.touch(conversation_id);
    working.writes.events.push(event);
    Ok(())
}

fn mark_read(
    working: &mut Working,
    moment: &mut Moment,
    staff: Id,
    conversation_id: Id,
    message_id: Option<Id>,
) -> Result<(), CommandError> {
    let reader_name = person(working, staff)?.name.clone();
    let before = working.read_marks.get(&(staff, conversation_id)).copied().unwrap_or(0);
    let state = conversation(working, conversation_id)?;
    let mark = message_id.unwrap_or(Id::MAX).min(state.last_message_id);
    if mark <= before {
        return Ok(());
    }
    state.staff_read_id = state.staff_read_id.max(mark);
    let read = Read {
        conversation_id,
        guest_name: state.guest_name.clone(),
        department: state.department.clone(),
        reader_type: PersonType::Staff,
        reader_id: Some(staff),
        reader_name,
        message_id: mark,
        read_at: moment.now,
    };
    working.read_marks.insert((staff, conversation_id), mark);
    working.writes.read_marks.push((staff, conversation_id, mark));
    publish(working, moment, conversation_id, EventKind::Read(read))
}

fn closed(state: &ConversationState, now: Timestamp) -> ClosedConversation {
    ClosedConversation {
        id: state.id,
        guest_name: state.guest_name.clone(),
        department: state.department.clone(),
        status: state.status,
        updated_at: now,
        erased: None,
    }
}

fn close(
    working: &mut Working,
    moment: &mut Moment,
    conversation_id: Id,
) -> Result<(), CommandError> {
    let state = conversation(working, conversation_id)?;
    if state.status == ConversationStatus::Closed {
        return Ok(());
    }
    state.status = ConversationStatus::Closed;
    state.waiting_since = None;
    state.updated_at = moment.now;
    state.closed_at = Some(moment.now);
    let data = closed(state, moment.now);
    let place = (state.guest_id, state.department_id);
    working.active.insert(place, None);
    publish(working, moment, conversation_id, EventKind::Closed(data))
}

fn reopen(working: &mut Working, moment: &mut Moment, conversation_id: Id) -> Result<(), Refused> {
    let state = conversation(working, conversation_id)?;
    if state.status == ConversationStatus::Active {
        return Ok(());
    }
    let place = (state.guest_id, state.department_id);
    vacant(working, place)?;
    let state = conversation(working, conversation_id)?;
    state.status = ConversationStatus::Active;
    state.updated_at = moment.now;
    state.closed_at = None;
    let data = closed(state, moment.now);
    working.active.insert(place, Some(conversation_id));
    publish(working, moment, conversation_id, EventKind::Reopened(data))?;
    Ok(())
}

/// The guest has no active conversation with the department.
fn vacant(working: &Working, place: (Id, Id)) -> Result<(), Refused> {
    match working.active.get(&place) {
        Some(Some(conversation_id)) => {
            Err(Refused::ConversationExists { conversation_id: *conversation_id })
        }
        _ => Ok(()),
    }
}

fn transfer(
    working: &mut Working,
    moment: &mut Moment,
    conversation_id: Id,
    department: &str,
) -> Result<(), Refused> {
    let state = conversation(working, conversation_id)?;
    let (guest_id, from_id, property_id) = (state.guest_id, state.department_id, state.property_id);
    if state.status == ConversationStatus::Closed {
        return Err(CommandError::ConversationClosed.into());
    }
    let to_id = *working
        .departments
        .get(&(property_id, department.to_owned()))
        .ok_or(Refused::DepartmentNotFound)?;
    if to_id == from_id {
        return Ok(());
    }
    vacant(working, (guest_id, to_id))?;
    let state = conversation(working, conversation_id)?;
    state.updated_at = moment.now;
    let data = Transferred {
        id: conversation_id,
        guest_name: state.guest_name.clone(),
        department: department.to_owned(),
        from_department: state.department.clone(),
        status: state.status,
        updated_at: moment.now,
    };
    let kind = EventKind::Transferred { data, to_department_id: to_id };
    publish(working, moment, conversation_id, kind)?;
    let state = conversation(working, conversation_id)?;
    state.department_id = to_id;
    department.clone_into(&mut state.department);
    let newest = (state.last_message_id > 0).then_some(state.last_message_id);
    let arrived = new_conversation_kind(state, newest, state.last_message_preview.clone());
    working.active.insert((guest_id, from_id), None);
    working.active.insert((guest_id, to_id), Some(conversation_id));
    publish(working, moment, conversation_id, arrived)?;
    Ok(())
}

fn new_conversation_kind(
    state: &ConversationState,
    message_id: Option<Id>,
    last_message_preview: String,
) -> EventKind {
    let data = NewConversation {
        id: state.id,
        guest_name: state.guest_name.clone(),
        department: state.department.clone(),
        conversation_type: state.conversation_type.clone(),
        status: state.status,
        created_at: state.created_at,
        last_message_preview,
        room_number: state.room_number.clone(),
    };
    EventKind::NewConversation { data, message_id }
}

/// Puts a new conversation into the working set and tells its department. `first` is the text that
/// will be its first message: the next one to be stored.
///
/// # Errors
/// [`Refused::ConversationExists`].
pub fn new_conversation(
    working: &mut Working,
    moment: &mut Moment,
    mut state: ConversationState,
    first: Option<&str>,
    created_by: Option<Id>,
    client_id: Option<String>,
) -> Result<Id, Refused> {
    let place = (state.guest_id, state.department_id);
    vacant(working, place)?;
    let id = take(&mut moment.next_conversation_id);
    state.id = id;
    let kind = new_conversation_kind(
        &state,
        first.map(|_| moment.next_message_id),
        first.map(preview).unwrap_or_default(),
    );
    if let (Some(staff), Some(client_id)) = (created_by, &client_id) {
        working.creations.insert((staff, client_id.clone()), id);
    }
    working.writes.created.push(CreatedRow { id, created_by, client_id });
    working.active.insert(place, Some(id));
    working.conversations.insert(id, state);
    publish(working, moment, id, kind)?;
    Ok(id)
}
