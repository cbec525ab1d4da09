//! Who may have which conversation.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use crate::protocol::{CommandError, ConversationStatus, Id, Resume, Timestamp};

use super::{Answer, Working};

/// How long the person who made a transfer may take it back.
const TAKE_BACK_WITHIN: Duration = Duration::from_secs(10);

/// Who has a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its property.
    pub property_id: Id,
    /// Its department.
    pub department_id: Id,
}

/// The conversation exists in the person's property, and is in one of their departments.
///
/// # Errors
/// [`CommandError::ConversationNotFound`], [`CommandError::AccessDenied`].
pub fn check(working: &Working, staff: Id, conversation_id: Id) -> Result<(), CommandError> {
    check_owner(working, staff, owner(working, conversation_id))
}

/// Who has a conversation that is loaded.
fn owner(working: &Working, conversation_id: Id) -> Option<Owner> {
    let conversation = working.conversations.get(&conversation_id)?;
    let (property_id, department_id) = (conversation.property_id, conversation.department_id);
    Some(Owner { property_id, department_id })
}

fn check_owner(working: &Working, staff: Id, owner: Option<Owner>) -> Result<(), CommandError> {
    let (person, owner) = match (working.staff.get(&staff), owner) {
        (Some(person), Some(owner)) if person.property_id == owner.property_id => (person, owner),
        _ => return Err(CommandError::ConversationNotFound),
    };
    if person.departments.contains(&owner.department_id) {
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

/// Parts the conversations that a `resume` names into those the person has access to and the others. `owners` has
/// those of them that are not loaded.
#[must_use]
pub fn resume(
    working: &Working,
    staff: Id,
    resume: &Resume,
    owners: &HashMap<Id, Owner>,
) -> Answer {
    let named: BTreeSet<Id> = resume.conversation_ids.iter().copied().collect();
    let (subscribe, denied) = named.into_iter().partition(|id| {
        let owner = owner(working, *id).or_else(|| owners.get(id).copied());
        check_owner(working, staff, owner).is_ok()
    });
    Answer::Resume { resume: resume.clone(), subscribe, denied }
}
