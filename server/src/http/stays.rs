//! Stays: check-in and check-out.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use ts_rs::TS;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    auth::Admitted,
    chat::Refused,
    hub::Effect,
    journal::Written,
    protocol::{ID_MAX, Id, Timestamp},
    store::{
        StoreError, erasure,
        guest_events::{By, GuestBefore},
        guests::{self, CheckedIn, GuestData, StayRow},
        numbers::{self, TakenOver},
    },
    text::{self, Language, NUMBER_MAX_CHARS, PersonName, RoomNumber},
};

use super::{
    extract::{Body, PathId, Query},
    guest_numbers::{create_guest, number},
    guests::shown as known_guest,
    paging::{self, DEFAULT_ROWS},
    problem::Problem,
};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, check_in)).routes(routes!(check_out))
}

/// A guest in a room for some days.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct Stay {
    id: Id,
    guest_id: Id,
    guest_name: String,
    room_number: String,
    checked_in_at: Timestamp,
    /// The planned end.
    checks_out_at: Option<Timestamp>,
    /// The real end; `null` while the stay is active.
    checked_out_at: Option<Timestamp>,
}

impl From<StayRow> for Stay {
    fn from(row: StayRow) -> Self {
        Self {
            id: row.id,
            guest_id: row.guest_id,
            guest_name: row.guest_name,
            room_number: row.room_number,
            checked_in_at: row.checked_in_at,
            checks_out_at: row.checks_out_at,
            checked_out_at: row.checked_out_at,
        }
    }
}

#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StayParams {
    /// Only stays that have not ended.
    #[serde(default)]
    #[garde(skip)]
    active: bool,
    /// Only this guest's.
    #[garde(range(min = 1, max = ID_MAX))]
    guest_id: Option<Id>,
    /// Maximum number of results, 1 to 200; default 50.
    #[garde(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(range(min = 1, max = ID_MAX))]
    cursor: Option<Id>,
}

/// A page of stays, the newest first.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct StayPage {
    results: Vec<Stay>,
    /// Where the next page begins; `null` on the last one.
    next_cursor: Option<Id>,
}

/// Lists stays of the property.
#[utoipa::path(get, path = "/stays/", tag = "guests", params(StayParams),
    responses((status = 200, body = StayPage)))]
async fn list(
    State(app): State<App>,
    admitted: Admitted,
    Query(params): Query<StayParams>,
) -> Result<Json<StayPage>, Problem> {
    let limit = params.limit.unwrap_or(DEFAULT_ROWS);
    let wanted = (params.active, params.guest_id, params.cursor.unwrap_or(Id::MAX), limit + 1);
    let mut rows = guests::stays(&app.store, admitted.staff.property.id, wanted).await?;
    let next_cursor = paging::cut(&mut rows, limit, |stay| stay.id);
    Ok(Json(StayPage { results: rows.into_iter().map(Stay::from).collect(), next_cursor }))
}

/// A check-in of an existing guest (`guest_id`), or of a guest by name and number.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export, optional_fields)]
pub(super) struct CheckIn {
    #[garde(inner(range(min = 1, max = ID_MAX)))]
    guest_id: Option<Id>,
    /// Who arrives: a new guest, or the one who has this number and this name.
    #[garde(dive)]
    #[schema(value_type = Option<String>)]
    #[ts(as = "Option<String>")]
    name: Option<PersonName>,
    /// A phone number in any usual form.
    #[garde(inner(length(chars, max = NUMBER_MAX_CHARS)))]
    whatsapp_number: Option<String>,
    /// BCP 47 tag.
    #[serde(default, with = "text::optional")]
    #[garde(dive)]
    #[schema(value_type = Option<String>)]
    #[ts(as = "Option<String>")]
    language: Option<Language>,
    /// The id of the guest who has the number now (`guest_id` of `number_taken`), when that is another
    /// person: the number is taken over from that guest.
    #[garde(inner(range(min = 1, max = ID_MAX)))]
    number_from: Option<Id>,
    /// An unknown room is added.
    #[ts(optional = false, as = "String")]
    #[garde(dive)]
    #[schema(value_type = String)]
    room_number: RoomNumber,
    /// The planned end.
    #[garde(skip)]
    checks_out_at: Option<Timestamp>,
}

/// Checks a guest in; a guest who is staying in another room moves.
#[utoipa::path(post, path = "/stays/", tag = "guests", request_body = CheckIn,
    responses((status = 201, body = Stay),
    (status = 200, body = Stay, description = "The guest was in this room already: nothing has changed"),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn check_in(
    State(app): State<App>,
    admitted: Admitted,
    Body(body): Body<CheckIn>,
) -> Result<(StatusCode, Json<Stay>), Problem> {
    let (property_id, now) = (admitted.staff.property.id, app.clock.now());
    let actor = Actor::Staff(admitted.staff.id);
    let by = By { staff_id: Some(admitted.staff.id), at: now };
    let CheckIn {
        guest_id,
        name,
        whatsapp_number,
        language,
        number_from,
        room_number,
        checks_out_at,
    } = body;
    let country = admitted.staff.property.country.as_deref();
    let arriving = match (guest_id, name) {
        (Some(id), None) => {
            known_guest(&app, property_id, id).await?;
            None
        }
        (None, Some(name)) => Some(GuestData {
            name: Some(name.into()),
            whatsapp_number: whatsapp_number
                .as_deref()
                .map(|given| number("whatsapp_number", given, country))
                .transpose()?,
            language: language.map(String::from),
        }),
        _ => {
            return Err(Problem::invalid_field(
                "guest_id",
                "exactly one of guest_id and name is required",
            ));
        }
    };
    let (id, is_new) = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let (guest_id, mut log, taken_over) = match (guest_id, arriving) {
                    (Some(id), _) => (id, Vec::new(), TakenOver::default()),
                    (None, data) => {
                        let data = data.unwrap_or_default();
                        arrive(writer, (property_id, actor, by), &data, number_from).await?
                    }
                };
                if erasure::is_anonymous(writer, guest_id).await? {
                    return Err(Refused::Anonymised.into());
                }
                let (whom, room) = ((property_id, guest_id), room_number.as_ref());
                let before = GuestBefore::read(writer, whom, by).await?;
                let CheckedIn { stay_id: id, is_new, .. } =
                    guests::check_in(writer, whom, room, checks_out_at, now).await?;
                let TakenOver { mut events, .. } = taken_over;
                events.extend(before.changed(writer).await?);
                if is_new {
                    let entry = Entry::new(property_id, actor, "checked_in", Subject::Stay(id));
                    log.push(entry.with(format!("guest {guest_id}")));
                }
                Ok::<_, Problem>(
                    Written::logged((id, is_new), log).telling([Effect::Happened(events)]),
                )
            })
        })
        .await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(stay(&app, property_id, id).await?)))
}

/// The guest who arrives: the one who has this number and this name, or a new one.
///
/// # Errors
/// `409` when a guest of another name has the number.
async fn arrive(
    writer: &mut SqliteConnection,
    (property_id, actor, by): (Id, Actor, By),
    data: &GuestData,
    from: Option<Id>,
) -> Result<(Id, Vec<Entry>, TakenOver), Problem> {
    if let Some(number) = &data.whatsapp_number
        && let Some(owner) = numbers::owner(writer, property_id, number).await?
        && owner.is_called(data.name.as_deref().unwrap_or_default())
    {
        return Ok((owner.id, Vec::new(), TakenOver::default()));
    }
    create_guest(writer, (property_id, actor, by), data, from).await
}

async fn stay(app: &App, property_id: Id, id: Id) -> Result<Stay, Problem> {
    let row = guests::one_stay(&app.store, property_id, id).await?;
    row.map(Stay::from).ok_or_else(|| Problem::not_found("stay_not_found", "Stay not found"))
}

/// Checks a guest out; repeating the call has no effect.
#[utoipa::path(post, path = "/stays/{id}/checkout/", tag = "guests", params(("id" = i64, Path)),
    responses((status = 200, body = Stay), (status = 404, body = Problem)))]
async fn check_out(
    State(app): State<App>,
    admitted: Admitted,
    PathId(id): PathId,
) -> Result<Json<Stay>, Problem> {
    let (property_id, now) = (admitted.staff.property.id, app.clock.now());
    let actor = Actor::Staff(admitted.staff.id);
    let by = By { staff_id: Some(admitted.staff.id), at: now };
    let guest_id = stay(&app, property_id, id).await?.guest_id;
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                let before = GuestBefore::read(writer, (property_id, guest_id), by).await?;
                let ended = guests::check_out(writer, (property_id, id), now).await?;
                let events = before.changed(writer).await?;
                let entry = Entry::new(property_id, actor, "checked_out", Subject::Stay(id));
                let written = Written::logged(ended, ended.then_some(entry));
                Ok::<_, StoreError>(written.telling([Effect::Happened(events)]))
            })
        })
        .await?;
    Ok(Json(stay(&app, property_id, id).await?))
}
