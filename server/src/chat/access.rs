//! Who may have which conversation.

use std::collections::BTreeSet;

use crate::protocol::{CommandError, Id, Resume};

use super::{Answer, Working};

/// The conversation exists in the person's property, and is in one of their departments.
pub(super) fn check(working: &Working, staff: Id, conversation_id: Id) -> Result<(), CommandError> {
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

/// Parts the conversations that a `resume` names into those the person has access to and the others.
#[must_use]
pub fn resume(working: &Working, staff: Id, resume: &Resume) -> Answer {
    let named: BTreeSet<Id> = resume.conversation_ids.iter().copied().collect();
    let (subscribe, denied) = named.into_iter().partition(|id| check(working, staff, *id).is_ok());
    Answer::Resume { resume: resume.clone(), subscribe, denied }
}
