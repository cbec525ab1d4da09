//! Guests, rooms and stays.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::{Actor, Entry, Subject, changed},
    auth::{Admin, Admitted},
    guestdata::{self, Export, ExportError, Format},
    journal::Written,
    protocol::{GuestInfo, Id, Timestamp},
    store::{
        StoreError, audit,
        guests::{self, GuestData, StayRow, Updated},
    },
};

use super::{
    digits,
    extract::{Body, PathId, Query},
    problem::Problem,
};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(one, update, erase))
        .routes(routes!(export))
        .routes(routes!(list_rooms, add_room))
        .routes(routes!(list_stays, check_in))
        .routes(routes!(check_out))
}

#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Part of a name or number, or a room number.
    #[garde(length(chars, max = 100))]
    q: Option<String>,
    /// At most so many, 1 to 200; default 50.
    #[garde(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(range(min = 0))]
    cursor: Option<Id>,
}

/// A page of guests.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct GuestPage {
    results: Vec<GuestInfo>,
    /// Where the next page begins; `null` on the last one.
    next_cursor: Option<Id>,
}

/// Lists guests of the property.
#[utoipa::path(get, path = "/guests/", tag = "guests", params(ListParams),
    responses((status = 200, body = GuestPage), (status = 401, body = Problem)))]
async fn list(
    State(app): State<App>,
    admitted: Admitted,
    Query(params): Query<ListParams>,
) -> Result<Json<GuestPage>, Problem> {
    let limit = params.limit.unwrap_or(50);
    let search = params.q.as_deref().map(str::trim).filter(|q| !q.is_empty());
    let wanted = (search, params.cursor.unwrap_or(0), limit + 1);
    let mut results = guests::list(&app.store, admitted.staff.property.id, wanted).await?;
    let next_cursor = cut(&mut results, limit).then(|| results.last().map(|guest| guest.id));
    Ok(Json(GuestPage { results, next_cursor: next_cursor.flatten() }))
}

/// Cuts a page that was read one row too long; returns whether it was.
fn cut<T>(rows: &mut Vec<T>, limit: u32) -> bool {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_longer = rows.len() > limit;
    rows.truncate(limit);
    is_longer
}

/// A guest to be stored or changed.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[ts(export, optional_fields)]
pub(super) struct GuestBody {
    /// Required for a new guest.
    #[garde(length(chars, min = 1, max = 200))]
    name: Option<String>,
    /// International number, with or without `+`.
    #[garde(length(chars, max = 40))]
    whatsapp_number: Option<String>,
    /// BCP 47 tag.
    #[garde(length(chars, max = 35))]
    language: Option<String>,
}

impl GuestBody {
    fn into_data(self) -> Result<GuestData, Problem> {
        let whatsapp_number = self.whatsapp_number.map(|number| digits(&number));
        if whatsapp_number.as_deref() == Some("") {
            return Err(Problem::invalid_field("whatsapp_number", "this is not a number"));
        }
        let name = self.name.map(|name| name.trim().to_owned());
        if name.as_deref() == Some("") {
            return Err(Problem::invalid_field("name", "a guest needs a name"));
        }
        Ok(GuestData { name, whatsapp_number, language: self.language })
    }
}

fn number_taken() -> Problem {
    Problem::conflict("number_taken", "Another guest of this property has this number")
}

/// Stores a guest.
#[utoipa::path(post, path = "/guests/", tag = "guests", request_body = GuestBody,
    responses((status = 201, body = GuestInfo), (status = 409, body = Problem),
    (status = 422, body = Problem)))]
async fn create(
    State(app): State<App>,
    admitted: Admitted,
    Body(body): Body<GuestBody>,
) -> Result<(StatusCode, Json<GuestInfo>), Problem> {
    let data = body.into_data()?;
    if data.name.is_none() {
        return Err(Problem::invalid_field("name", "a guest needs a name"));
    }
    let (property_id, now) = (admitted.staff.property.id, app.clock.now());
    let actor = Actor::Staff(admitted.staff.id);
    let id = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let id = guests::create(writer, property_id, &data, now).await?;
                if let Some(id) = id {
                    let entry = Entry::new(property_id, actor, "created", Subject::Guest(id));
                    audit::append(writer, &[entry], now).await?;
                }
                Ok::<_, StoreError>(Written::quiet(id))
            })
        })
        .await?
        .ok_or_else(number_taken)?;
    Ok((StatusCode::CREATED, Json(shown(&app, property_id, id).await?)))
}

async fn shown(app: &App, property_id: Id, id: Id) -> Result<GuestInfo, Problem> {
    guests::one(&app.store, property_id, id)
        .await?
        .ok_or_else(|| Problem::not_found("guest_not_found", "Guest not found"))
}

/// Shows a guest.
#[utoipa::path(get, path = "/guests/{id}/", tag = "guests", params(("id" = i64, Path)),
    responses((status = 200, body = GuestInfo), (status = 404, body = Problem)))]
async fn one(
    State(app): State<App>,
    admitted: Admitted,
    PathId(id): PathId,
) -> Result<Json<GuestInfo>, Problem> {
    Ok(Json(shown(&app, admitted.staff.property.id, id).await?))
}

/// Changes a guest; missing members stay.
#[utoipa::path(patch, path = "/guests/{id}/", tag = "guests", params(("id" = i64, Path)),
    request_body = GuestBody, responses((status = 200, body = GuestInfo),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn update(
    State(app): State<App>,
    admitted: Admitted,
    PathId(id): PathId,
    Body(body): Body<GuestBody>,
) -> Result<Json<GuestInfo>, Problem> {
    let data = body.into_data()?;
    let (property_id, now) = (admitted.staff.property.id, app.clock.now());
    let detail = changed(&[
        ("name", data.name.is_some()),
        ("whatsapp_number", data.whatsapp_number.is_some()),
        ("language", data.language.is_some()),
    ]);
    let actor = Actor::Staff(admitted.staff.id);
    let entry = Entry::new(property_id, actor, "updated", Subject::Guest(id)).with(detail);
    let updated = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let updated = guests::update(writer, (property_id, id), &data).await?;
                if updated == Updated::Yes {
                    audit::append(writer, &[entry], now).await?;
                }
                Ok::<_, StoreError>(Written::quiet(updated))
            })
        })
        .await?;
    match updated {
        Updated::Yes => Ok(Json(shown(&app, property_id, id).await?)),
        Updated::NotFound => Err(Problem::not_found("guest_not_found", "Guest not found")),
        Updated::NumberTaken => Err(number_taken()),
    }
}

/// Erases a guest: name, number, stays, conversations and everything written in them.
#[utoipa::path(delete, path = "/guests/{id}/", tag = "guests", params(("id" = i64, Path)),
    responses((status = 204, description = "nothing is left in the database or its files"),
    (status = 202, description = "erased; the files are cleared as soon as the disk allows it"),
    (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn erase(
    State(app): State<App>,
    Admin(admitted): Admin,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    let actor = Actor::Staff(admitted.staff.id);
    let erased = guestdata::erase(&app, admitted.staff.property.id, id, actor).await?;
    match erased {
        Some(erased) if erased.is_cleared => Ok(StatusCode::NO_CONTENT),
        Some(_) => Ok(StatusCode::ACCEPTED),
        None => Err(Problem::not_found("guest_not_found", "Guest not found")),
    }
}

#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportParams {
    /// `json` (complete in every script) or `pdf`.
    #[serde(default)]
    #[garde(skip)]
    format: Format,
}

/// Hands out everything that is known of a guest.
#[utoipa::path(get, path = "/guests/{id}/export/", tag = "guests",
    params(("id" = i64, Path), ExportParams), responses(
    (status = 200, content((Export = "application/json"), (Vec<u8> = "application/pdf"))),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn export(
    State(app): State<App>,
    Admin(admitted): Admin,
    PathId(id): PathId,
    Query(ExportParams { format }): Query<ExportParams>,
) -> Result<Response, Problem> {
    let guest = (admitted.staff.property.id, id);
    let not_found = || Problem::not_found("guest_not_found", "Guest not found");
    let actor = Actor::Staff(admitted.staff.id);
    if !guestdata::note_export(&app, guest, format, actor).await? {
        return Err(not_found());
    }
    let mut connection = app.store.pool().acquire().await.map_err(StoreError::from)?;
    let now = app.clock.now();
    let document = match guestdata::document(&mut connection, guest, format, now).await {
        Ok(document) => document,
        Err(ExportError::NotFound(_)) => return Err(not_found()),
        Err(ExportError::Store(error)) => return Err(error.into()),
        Err(error) => {
            tracing::error!(%error, "a guest's data could not be handed out");
            return Err(Problem::unavailable());
        }
    };
    let name = format!("attachment; filename=\"guest-{id}.{}\"", format.name());
    let headers = [
        (header::CONTENT_TYPE, format.content_type().to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, document).into_response())
}

/// A room.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct Room {
    id: Id,
    number: String,
    floor: Option<String>,
}

/// Rooms of the property, by number.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct Rooms {
    results: Vec<Room>,
}

/// Lists the rooms of the property.
#[utoipa::path(get, path = "/rooms/", tag = "guests", responses((status = 200, body = Rooms)))]
async fn list_rooms(State(app): State<App>, admitted: Admitted) -> Result<Json<Rooms>, Problem> {
    let rows = guests::rooms(&app.store, admitted.staff.property.id).await?;
    let results = rows.into_iter().map(|(id, number, floor)| Room { id, number, floor }).collect();
    Ok(Json(Rooms { results }))
}

/// A room to be added.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[ts(export, optional_fields)]
pub(super) struct RoomBody {
    #[ts(optional = false)]
    #[garde(length(chars, min = 1, max = 40), pattern("[^\\s]"))]
    number: String,
    #[garde(length(chars, max = 40))]
    floor: Option<String>,
}

/// Adds a room, or sets the floor of one that is there.
#[utoipa::path(post, path = "/rooms/", tag = "guests", request_body = RoomBody,
    responses((status = 201, body = Room), (status = 200, body = Room, description = "it was there"),
    (status = 422, body = Problem)))]
async fn add_room(
    State(app): State<App>,
    admitted: Admitted,
    Body(body): Body<RoomBody>,
) -> Result<(StatusCode, Json<Room>), Problem> {
    let (property_id, now) = (admitted.staff.property.id, app.clock.now());
    let actor = Actor::Staff(admitted.staff.id);
    let (number, floor) = (body.number.trim().to_owned(), body.floor);
    let (id, is_new) = {
        let (number, floor) = (number.clone(), floor.clone());
        app.journal
            .write(move |writer| {
                Box::pin(async move {
                    let floor = floor.as_deref();
                    let added = guests::add_room(writer, property_id, &number, floor).await?;
                    let action = if added.1 { "created" } else { "updated" };
                    let entry = Entry::new(property_id, actor, action, Subject::Room(added.0));
                    audit::append(writer, &[entry], now).await?;
                    Ok::<_, StoreError>(Written::quiet(added))
                })
            })
            .await?
    };
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(Room { id, number, floor })))
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
    #[garde(range(min = 1))]
    guest_id: Option<Id>,
    /// At most so many, 1 to 200; default 50.
    #[garde(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(range(min = 1))]
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
async fn list_stays(
    State(app): State<App>,
    admitted: Admitted,
    Query(params): Query<StayParams>,
) -> Result<Json<StayPage>, Problem> {
    let limit = params.limit.unwrap_or(50);
    let wanted = (params.active, params.guest_id, params.cursor.unwrap_or(Id::MAX), limit + 1);
    let mut rows = guests::stays(&app.store, admitted.staff.property.id, wanted).await?;
    let next_cursor = cut(&mut rows, limit).then(|| rows.last().map(|stay| stay.id)).flatten();
    Ok(Json(StayPage { results: rows.into_iter().map(Stay::from).collect(), next_cursor }))
}

/// A check-in.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[ts(export, optional_fields)]
pub(super) struct CheckIn {
    #[ts(optional = false)]
    #[garde(range(min = 1))]
    guest_id: Id,
    /// An unknown room is added.
    #[ts(optional = false)]
    #[garde(length(chars, min = 1, max = 40), pattern("[^\\s]"))]
    room_number: String,
    /// The planned end.
    #[garde(skip)]
    checks_out_at: Option<Timestamp>,
}

/// Checks a guest in; one who stays elsewhere moves.
#[utoipa::path(post, path = "/stays/", tag = "guests", request_body = CheckIn,
    responses((status = 201, body = Stay), (status = 404, body = Problem),
    (status = 422, body = Problem)))]
async fn check_in(
    State(app): State<App>,
    admitted: Admitted,
    Body(body): Body<CheckIn>,
) -> Result<(StatusCode, Json<Stay>), Problem> {
    let (property_id, now) = (admitted.staff.property.id, app.clock.now());
    let actor = Actor::Staff(admitted.staff.id);
    shown(&app, property_id, body.guest_id).await?;
    let id = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let whom = (property_id, body.guest_id);
                let room = body.room_number.trim();
                let id = guests::check_in(writer, whom, room, body.checks_out_at, now).await?;
                let entry = Entry::new(property_id, actor, "checked_in", Subject::Stay(id));
                let entry = entry.with(format!("guest {}", body.guest_id));
                audit::append(writer, &[entry], now).await?;
                Ok::<_, StoreError>(Written::quiet(id))
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(stay(&app, property_id, id).await?)))
}

async fn stay(app: &App, property_id: Id, id: Id) -> Result<Stay, Problem> {
    let row = guests::one_stay(&app.store, property_id, id).await?;
    row.map(Stay::from).ok_or_else(|| Problem::not_found("stay_not_found", "Stay not found"))
}

/// Checks a guest out; repeating is fine.
#[utoipa::path(post, path = "/stays/{id}/checkout/", tag = "guests", params(("id" = i64, Path)),
    responses((status = 200, body = Stay), (status = 404, body = Problem)))]
async fn check_out(
    State(app): State<App>,
    admitted: Admitted,
    PathId(id): PathId,
) -> Result<Json<Stay>, Problem> {
    let (property_id, now) = (admitted.staff.property.id, app.clock.now());
    let actor = Actor::Staff(admitted.staff.id);
    stay(&app, property_id, id).await?;
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                let ended = guests::check_out(writer, (property_id, id), now).await?;
                if ended {
                    let entry = Entry::new(property_id, actor, "checked_out", Subject::Stay(id));
                    audit::append(writer, &[entry], now).await?;
                }
                Ok::<_, StoreError>(Written::quiet(ended))
            })
        })
        .await?;
    Ok(Json(stay(&app, property_id, id).await?))
}
