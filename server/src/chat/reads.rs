//! Who has read how far.

use crate::protocol::{CommandError, Id, PersonType, Read};

use super::{
    EventKind, Moment, Working,
    rules::{conversation, person, publish},
};

/// Moves the person's read mark up to a message, or the newest; never back.
pub(super) fn mark_read(
    working: &mut Working,
    moment: &mut Moment,
    staff: Id,
    conversation_id: Id,
    message_id: Option<Id>,
) -> Result<(), CommandError> {
    let reader_name = person(working, staff)?.name.clone();
    let before = working.read_marks.get(&(staff, conversation_id)).copied().unwrap_or(0);
    // An id between two messages, or another conversation's, stands for the message before it.
    let newest = message_id.and_then(|id| working.newest.get(&(conversation_id, id)).copied());
    let state = conversation(working, conversation_id)?;
    let mark = newest.unwrap_or(state.last_message_id);
    if mark <= before {
        return Ok(());
    }
    state.staff_read_id = state.staff_read_id.max(mark);
    let read = Read {
        conversation_id,
        guest_name: state.guest_name.clone(),
        department: state.department.clone(),
        reader_type: PersonType::Staff.into(),
        reader_id: Some(staff),
        reader_name,
        message_id: mark,
        read_at: moment.now,
    };
    working.read_marks.insert((staff, conversation_id), mark);
    working.writes.read_marks.push((staff, conversation_id, mark));
    publish(working, moment, conversation_id, EventKind::Read(read))
}
