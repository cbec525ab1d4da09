//! How conversations begin, end, begin again and change hands.

use crate::protocol::{
    ClosedConversation, CommandError, ConversationStatus, GuestInfo, GuestUpdate, Id, Line,
    LineKind, NewConversation, TransferDetail, Transferred, preview,
};

use super::{
    ConversationState, CreatedRow, EventKind, Moment, Refused, Working, lines,
    rules::{conversation, publish, take},
};

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
    working.writes.created.push(CreatedRow { id, created_by, client_id });
    working.active.insert(place, Some(id));
    working.conversations.insert(id, state);
    publish(working, moment, id, kind)?;
    Ok(id)
}

pub(super) fn close(
    working: &mut Working,
    moment: &mut Moment,
    (staff, conversation_id): (Id, Id),
) -> Result<(), CommandError> {
    let state = conversation(working, conversation_id)?;
    if state.status == ConversationStatus::Closed {
        return Ok(());
    }
    let line = lines::record(working, moment, (staff, conversation_id), LineKind::Closed)?;
    let state = conversation(working, conversation_id)?;
    state.status = ConversationStatus::Closed;
    state.waiting_since = None;
    state.undelivered_since = None;
    state.settled_id = state.last_message_id;
    working.writes.marked.insert(conversation_id);
    let state = conversation(working, conversation_id)?;
    state.updated_at = moment.now;
    state.closed_at = Some(moment.now);
    let data = closed(state, line);
    let place = (state.guest_id, state.department_id);
    working.active.insert(place, None);
    publish(working, moment, conversation_id, EventKind::Closed(data))
}

pub(super) fn reopen(
    working: &mut Working,
    moment: &mut Moment,
    (staff, conversation_id): (Id, Id),
) -> Result<(), Refused> {
    let state = conversation(working, conversation_id)?;
    if state.status == ConversationStatus::Active {
        return Ok(());
    }
    if state.is_anonymised {
        return Err(Refused::Anonymised);
    }
    let place = (state.guest_id, state.department_id);
    vacant(working, place)?;
    let waiting_since = working.unanswered.get(&conversation_id).copied().flatten();
    let line = lines::record(working, moment, (staff, conversation_id), LineKind::Reopened)?;
    let state = conversation(working, conversation_id)?;
    state.status = ConversationStatus::Active;
    state.waiting_since = waiting_since;
    state.updated_at = moment.now;
    state.closed_at = None;
    let data = ClosedConversation {
        room_number: Some(state.room_number.clone()),
        waiting_since: Some(waiting_since),
        ..closed(state, line)
    };
    working.active.insert(place, Some(conversation_id));
    publish(working, moment, conversation_id, EventKind::Reopened(data))?;
    Ok(())
}

pub(super) fn transfer(
    working: &mut Working,
    moment: &mut Moment,
    (staff, conversation_id): (Id, Id),
    department: &str,
    note: Option<String>,
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
    let detail = TransferDetail {
        from_department: conversation(working, conversation_id)?.department.clone(),
        department: department.to_owned(),
        note,
    };
    let line = lines::record_transfer(working, moment, (staff, conversation_id), detail, to_id)?;
    let state = conversation(working, conversation_id)?;
    state.updated_at = moment.now;
    let data = Transferred {
        id: conversation_id,
        guest_name: state.guest_name.clone(),
        department: department.to_owned(),
        from_department: state.department.clone(),
        status: state.status.into(),
        updated_at: moment.now,
        line: Some(line),
        waiting_since: Some(state.waiting_since),
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

/// The guest has no active conversation with the department.
fn vacant(working: &Working, place: (Id, Id)) -> Result<(), Refused> {
    match working.active.get(&place) {
        Some(Some(conversation_id)) => {
            Err(Refused::ConversationExists { conversation_id: *conversation_id })
        }
        _ => Ok(()),
    }
}

/// Tells the department that the guest of this conversation has changed.
///
/// # Errors
/// [`CommandError::ConversationNotFound`]: it is not loaded.
pub fn guest_changed(
    working: &mut Working,
    moment: &mut Moment,
    conversation_id: Id,
    guest: GuestInfo,
) -> Result<(), CommandError> {
    let data = GuestUpdate {
        conversation_id,
        guest_name: guest.name.clone(),
        department: conversation(working, conversation_id)?.department.clone(),
        guest_info: guest,
        at: moment.now,
    };
    publish(working, moment, conversation_id, EventKind::Guest(data))
}

/// The event for a conversation that has just been closed or reopened.
fn closed(state: &ConversationState, line: Line) -> ClosedConversation {
    ClosedConversation {
        id: state.id,
        guest_name: state.guest_name.clone(),
        department: state.department.clone(),
        status: state.status.into(),
        updated_at: state.updated_at,
        erased: None,
        room_number: None,
        line: Some(line),
        waiting_since: None,
    }
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
        status: state.status.into(),
        created_at: state.created_at,
        last_message_preview,
        room_number: state.room_number.clone(),
        waiting_since: Some(state.waiting_since),
    };
    EventKind::NewConversation { data, message_id }
}
