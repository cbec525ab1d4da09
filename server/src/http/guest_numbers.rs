//! Guests' numbers: how staff write them, and who has them.

use sqlx::SqliteConnection;

use crate::{
    audit::{Actor, Entry, Subject, changed},
    protocol::Id,
    store::{
        guest_events::By,
        guests::{self, GuestData},
        numbers::{self, Claim, TakenOver},
    },
    text::Number,
};

use super::problem::Problem;

/// The digits of a number that staff gave in `field`.
///
/// # Errors
/// `422` with the reason.
pub(super) fn number(field: &str, given: &str, country: Option<&str>) -> Result<String, Problem> {
    let number = Number::read(given, country);
    number.map(String::from).map_err(|error| Problem::invalid_field(field, error.to_string()))
}

/// Makes sure that nobody else has a guest's number (see [`numbers::claim`]). Returns what the audit log and the
/// events say of the former owners.
///
/// # Errors
/// `409` when another guest has it from whom it is not taken over; `403` where the staff member may not take it over.
pub(super) async fn claim_number(
    writer: &mut SqliteConnection,
    guest: (Id, Option<Id>),
    (number, from): (Option<&str>, Option<Id>),
    (actor, by): (Actor, By),
) -> Result<(Vec<Entry>, TakenOver), Problem> {
    let Some(number) = number else { return Ok((Vec::new(), TakenOver::default())) };
    match numbers::claim(writer, guest, number, from, by).await? {
        Claim::Free(taken_over) => {
            let log = taken_over
                .former
                .iter()
                .map(|id| {
                    Entry::new(guest.0, actor, "updated", Subject::Guest(*id))
                        .with(changed(&[("whatsapp_number", true)]))
                })
                .collect();
            Ok((log, taken_over))
        }
        Claim::Taken(owner) => Err(Problem::number_taken(owner)),
        Claim::Denied => Err(Problem::number_not_changed()),
    }
}

/// Stores a new guest, for whom a number can be taken over from another one (see [`claim_number`]). Returns the guest's
/// id, and what the audit log and the events say.
///
/// # Errors
/// As [`claim_number`]; `503` when no guest could be stored.
pub(super) async fn create_guest(
    writer: &mut SqliteConnection,
    (property_id, actor, by): (Id, Actor, By),
    data: &GuestData,
    number_from: Option<Id>,
) -> Result<(Id, Vec<Entry>, TakenOver), Problem> {
    let wanted = (data.whatsapp_number.as_deref(), number_from);
    let (mut log, taken_over) =
        claim_number(writer, (property_id, None), wanted, (actor, by)).await?;
    let id = guests::create(writer, property_id, data, by.at).await?;
    let id = id.ok_or_else(Problem::unavailable)?;
    log.push(Entry::new(property_id, actor, "created", Subject::Guest(id)));
    Ok((id, log, taken_over))
}
