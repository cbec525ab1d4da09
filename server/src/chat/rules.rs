//! Carries out what staff want of conversations. Pure: every fact comes from the [`Working`] set.

use crate::protocol::{CommandError, Id, Timestamp, check_characters};

use super::{
    Action, Answer, ConversationState, Event, EventKind, Refused, StaffState, Working, access,
    conversations, messages, reads,
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
    /// The id of the next line.
    pub next_line_id: Id,
    /// The position of the next event.
    pub next_seq: i64,
}

/// Carries out what a staff member wants of a conversation, on what is loaded. Their access is
/// checked here, before any action; only a text that is known already is answered without it.
///
/// # Errors
/// The first of the contract's checks that fails.
pub fn act(
    working: &mut Working,
    moment: &mut Moment,
    staff: Id,
    conversation_id: Id,
    action: &Action,
) -> Result<Answer, Refused> {
    if let Action::Text { content, client_id } = action
        && let Some(known) =
            messages::known_text(working, staff, conversation_id, content, client_id.as_ref())
    {
        return Ok(Answer::Stored(known?));
    }
    if let Action::Text { content, client_id } = action {
        check_characters(content, client_id.as_deref())?;
    }
    match (access::check(working, staff, conversation_id), action) {
        (Ok(()), _) => {}
        (Err(CommandError::AccessDenied), Action::Transfer { department, .. })
            if access::may_take_back(working, moment.now, (staff, conversation_id), department) => {
        }
        (Err(denied), _) => return Err(denied.into()),
    }
    Ok(match action {
        Action::Text { content, client_id } => {
            let client_id = client_id.clone();
            let stored =
                messages::staff_text(working, moment, staff, conversation_id, content, client_id)?;
            Answer::Stored(stored)
        }
        Action::MarkRead { message_id } => {
            reads::mark_read(working, moment, staff, conversation_id, *message_id)?;
            Answer::MarkedRead { conversation_id }
        }
        Action::Subscribe => Answer::Subscribed { conversation_id },
        Action::Unsubscribe => Answer::Unsubscribed { conversation_id },
        Action::Typing { is_typing } => Answer::Typing { conversation_id, is_typing: *is_typing },
        Action::Close => {
            conversations::close(working, moment, (staff, conversation_id))?;
            Answer::Closed { conversation_id }
        }
        Action::Reopen => {
            conversations::reopen(working, moment, (staff, conversation_id))?;
            Answer::Conversation { id: conversation_id, created: false }
        }
        Action::Transfer { department, note } => {
            let about = (staff, conversation_id);
            conversations::transfer(working, moment, about, department, note.clone())?;
            Answer::Conversation { id: conversation_id, created: false }
        }
    })
}

pub(super) fn take(next: &mut i64) -> i64 {
    let id = *next;
    *next += 1;
    id
}

pub(super) fn person(working: &Working, staff: Id) -> Result<&StaffState, CommandError> {
    working.staff.get(&staff).ok_or(CommandError::ConversationNotFound)
}

pub(super) fn conversation(
    working: &mut Working,
    id: Id,
) -> Result<&mut ConversationState, CommandError> {
    working.conversations.get_mut(&id).ok_or(CommandError::ConversationNotFound)
}

/// Adds an event of the conversation's department, and notes that the conversation must be written
/// back.
pub(super) fn publish(
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
