//! Who may have which conversation.

use std::{collections::BTreeSet, time::Duration};

use crate::protocol::{CommandError, ConversationStatus, Id, Resume, Timestamp};

use super::{Answer, Working};

/// How long the person who made a transfer may take it back.
const TAKE_BACK_WITHIN: Duration = Duration::from_secs(10);

/// The conversation exists in the person's property, and is in one of their departments.
///
/// # Errors
/// [`CommandError::ConversationNotFound`], [`CommandError::AccessDenied`].
pub fn check(working: &Working, staff: Id, conversation_id: Id) -> Result<(), CommandError> {
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

/// Whether somebody without access to a conversation may transfer it to a department all the same: they
/// have just transferred it from there, and nobody has written in it since.
pub(super) fn may_take_back(
    working: &Working,
    now: Timestamp,
    (staff, conversation_id): (Id, Id),
    department: &str,
) -> bool {
    let (Some(person), Some(conversation), Some(last)) = (
        working.staff.get(&staff),
        working.conversations.get(&conversation_id),
        working.last_transfers.get(&conversation_id),
    ) else {
        return false;
    };
    let to = working.departments.get(&(conversation.property_id, department.to_owned()));
    last.staff_id == staff
        && last.from_department == department
        && to.is_some_and(|id| person.departments.contains(id))
        && !last.is_answered
        && conversation.status == ConversationStatus::Active
        && now <= last.at.plus(TAKE_BACK_WITHIN)
}

/// Parts the conversations that a `resume` names into those the person has access to and the others.
#[must_use]
pub fn resume(working: &Working, staff: Id, resume: &Resume) -> Answer {
    let named: BTreeSet<Id> = resume.conversation_ids.iter().copied().collect();
    let (subscribe, denied) = named.into_iter().partition(|id| check(working, staff, *id).is_ok());
    Answer::Resume { resume: resume.clone(), subscribe, denied }
}
