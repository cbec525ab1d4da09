//! Guests.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
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
    chat::Refused,
    guestdata,
    hub::Effect,
    journal::Written,
    protocol::{GuestInfo, ID_MAX, Id, Timestamp},
    store::{
        contact, erasure,
        guest_events::{By, GuestBefore},
        guests::{self, GuestData},
        numbers::{self, TakenOver},
    },
    text::{self, Language, NUMBER_MAX_CHARS, PersonName, Search},
};

use super::{
    extract::{Body, PathId, Query},
    guest_numbers::{claim_number, create_guest, number},
    guest_patch::{GuestChange, GuestPatch},
    paging::{self, DEFAULT_ROWS},
    problem::Problem,
};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(one, update, erase))
}

#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Words of names, rooms or numbers, in any order. Accents, case, apostrophes and dashes do not matter.
    #[serde(default, with = "text::cleaned")]
    #[garde(dive)]
    #[param(value_type = Option<String>)]
    q: Option<Search>,
    /// Maximum number of results, 1 to 200; default 50.
    #[garde(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(range(min = 1, max = ID_MAX))]
    cursor: Option<Id>,
}

/// A guest of a list, with how they are reached and what is open with them.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct ListedGuest {
    #[serde(flatten)]
    guest: GuestInfo,
    /// Name of the gateway that takes replies to the guest; `null`: the guest cannot be reached.
    reply_via: Option<String>,
    /// What is wrong with that gateway, in English; `null`: nothing.
    reply_problem: Option<String>,
    /// Open conversations in all departments, the oldest first.
    conversations: Vec<OpenConversation>,
}

/// An open conversation with a guest. It is also shown to staff who are not in its department and cannot
/// read it.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct OpenConversation {
    /// The conversation.
    id: Id,
    /// Slug of its department.
    department: String,
    /// Time of the oldest guest message without an answer, or `null`.
    waiting_since: Option<Timestamp>,
}

impl From<contact::OpenConversation> for OpenConversation {
    fn from(open: contact::OpenConversation) -> Self {
        let contact::OpenConversation { id, department, waiting_since } = open;
        Self { id, department, waiting_since }
    }
}

/// A page of guests.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct GuestPage {
    results: Vec<ListedGuest>,
    /// Where the next page begins; `null` on the last one.
    next_cursor: Option<Id>,
}

/// Lists guests of the property, with how they are reached and what is open with them.
#[utoipa::path(get, path = "/guests/", tag = "guests", params(ListParams),
    responses((status = 200, body = GuestPage), (status = 401, body = Problem)))]
async fn list(
    State(app): State<App>,
    admitted: Admitted,
    Query(params): Query<ListParams>,
) -> Result<Json<GuestPage>, Problem> {
    let limit = params.limit.unwrap_or(DEFAULT_ROWS);
    let search = params.q.as_ref().map(AsRef::as_ref);
    let _searching = match (search, &admitted.turn) {
        (Some(_), Some(turn)) => Some(turn.search().await?),
        _ => None,
    };
    let property = &admitted.staff.property;
    let (wanted, page) =
        ((search, property.country.as_deref()), (params.cursor.unwrap_or(0), limit + 1));
    let mut results = guests::list(&app.store, property.id, wanted, page).await?;
    let next_cursor = paging::cut(&mut results, limit, |guest| guest.id);
    let ids: Vec<_> = results.iter().map(|guest| guest.id).collect();
    let mut contacts = contact::of_guests(&app.store, admitted.staff.property.id, &ids).await?;
    let listed = |guest: GuestInfo| {
        let contact::Contact { reply_via, reply_problem, conversations } =
            contacts.remove(&guest.id).unwrap_or_default();
        let conversations = conversations.into_iter().map(Into::into).collect();
        ListedGuest { guest, reply_via, reply_problem, conversations }
    };
    Ok(Json(GuestPage { results: results.into_iter().map(listed).collect(), next_cursor }))
}

/// A guest to be stored or changed.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export, optional_fields)]
pub(super) struct GuestBody {
    /// Required for a new guest.
    #[garde(dive)]
    #[schema(value_type = Option<String>)]
    #[ts(as = "Option<String>")]
    name: Option<PersonName>,
    /// A phone number in any usual form. Without a country code, it is a number of the property's country.
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
}

impl GuestBody {
    /// What is to be stored; `country` is the property's.
    fn data(self, country: Option<&str>) -> Result<GuestData, Problem> {
        let number = self.whatsapp_number.map(|given| number("whatsapp_number", &given, country));
        Ok(GuestData {
            name: self.name.map(String::from),
            whatsapp_number: number.transpose()?,
            language: self.language.map(String::from),
        })
    }
}

/// Stores a guest.
#[utoipa::path(post, path = "/guests/", tag = "guests", request_body = GuestBody,
    responses((status = 201, body = GuestInfo), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    State(app): State<App>,
    admitted: Admitted,
    Body(body): Body<GuestBody>,
) -> Result<(StatusCode, Json<GuestInfo>), Problem> {
    let from = body.number_from;
    let data = body.data(admitted.staff.property.country.as_deref())?;
    if data.name.is_none() {
        return Err(Problem::invalid_field("name", "is required"));
    }
    let property_id = admitted.staff.property.id;
    let actor = Actor::Staff(admitted.staff.id);
    let by = By { staff_id: Some(admitted.staff.id), at: app.clock.now() };
    let id = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let (id, log, TakenOver { events, .. }) =
                    create_guest(writer, (property_id, actor, by), &data, from).await?;
                Ok::<_, Problem>(Written::logged(id, log).telling([Effect::Happened(events)]))
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(shown(&app, property_id, id).await?)))
}

pub(super) async fn shown(app: &App, property_id: Id, id: Id) -> Result<GuestInfo, Problem> {
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

/// Changes a guest; missing members stay. Where nothing changes, nothing is logged and no event is sent.
#[utoipa::path(patch, path = "/guests/{id}/", tag = "guests", params(("id" = i64, Path)),
    request_body = GuestPatch, responses((status = 200, body = GuestInfo), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn update(
    State(app): State<App>,
    admitted: Admitted,
    PathId(id): PathId,
    Body(patch): Body<GuestPatch>,
) -> Result<Json<GuestInfo>, Problem> {
    let property_id = admitted.staff.property.id;
    let before = shown(&app, property_id, id).await?;
    let country = admitted.staff.property.country.as_deref();
    let Some(change) = patch.change(&before, country)? else { return Ok(Json(before)) };
    let GuestChange { data, removes_number, removes_language, number_from: from } = change;
    let detail = changed(&[
        ("name", data.name.is_some()),
        ("whatsapp_number", removes_number || data.whatsapp_number.is_some()),
        ("language", removes_language || data.language.is_some()),
    ]);
    let staff_id = admitted.staff.id;
    let actor = Actor::Staff(staff_id);
    let by = By { staff_id: Some(staff_id), at: app.clock.now() };
    let changes_number = removes_number || data.whatsapp_number.is_some();
    let entry = Entry::new(property_id, actor, "updated", Subject::Guest(id)).with(detail);
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                if erasure::is_anonymous(writer, id).await? {
                    return Err(Refused::Anonymised.into());
                }
                if changes_number
                    && !numbers::may_change(writer, (property_id, id), staff_id).await?
                {
                    return Err(Problem::number_not_changed());
                }
                let before = GuestBefore::read(writer, (property_id, id), by).await?;
                let wanted = (data.whatsapp_number.as_deref(), from);
                let (mut log, TakenOver { mut events, .. }) =
                    claim_number(writer, (property_id, Some(id)), wanted, (actor, by)).await?;
                if !guests::update(writer, (property_id, id), &data).await? {
                    return Err(Problem::not_found("guest_not_found", "Guest not found"));
                }
                let removed = (removes_number, removes_language);
                guests::remove(writer, (property_id, id), removed).await?;
                log.push(entry);
                events.extend(before.changed(writer).await?);
                Ok(Written::logged((), log).telling([Effect::Happened(events)]))
            })
        })
        .await?;
    Ok(Json(shown(&app, property_id, id).await?))
}

/// The guest was erased, and the files are still being cleared.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct Erased {
    /// `false`: the files are being cleared of what was erased.
    cleared: bool,
}

/// Erases a guest: name, number, stays, conversations and everything written in them.
#[utoipa::path(delete, path = "/guests/{id}/", tag = "guests", params(("id" = i64, Path)),
    responses((status = 204, description = "nothing is left in the database or its files"),
    (status = 202, body = Erased,
        description = "erased; the files are being cleared, also after a restart"),
    (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn erase(
    State(app): State<App>,
    Admin(admitted): Admin,
    PathId(id): PathId,
) -> Result<Response, Problem> {
    let actor = Actor::Staff(admitted.staff.id);
    let erased = guestdata::erase(&app, admitted.staff.property.id, id, actor).await?;
    match erased {
        Some(erased) if erased.is_cleared => Ok(StatusCode::NO_CONTENT.into_response()),
        Some(_) => Ok((StatusCode::ACCEPTED, Json(Erased { cleared: false })).into_response()),
        None => Err(Problem::not_found("guest_not_found", "Guest not found")),
    }
}
