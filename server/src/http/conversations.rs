//! Conversations and their messages.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    auth::Admitted,
    chat::{Action, Answer, Change, Creation, GuestSelector, Staff},
    protocol::{
        CLIENT_ID_MAX_CHARS, CommandError, Conversation, ConversationStatus, ID_MAX, Id, Line,
        Message, check_content,
    },
    store::{
        conversations::{self, Cursor, ListQuery, TransferredFilter},
        departments, lines,
        messages::{self, Place},
        transfers::{self, Bounds},
    },
    text::{self, Label, NUMBER_MAX_CHARS, Search},
};

use super::{
    extract::{Body, PathId, Query},
    guest_numbers::number,
    paging::DEFAULT_ROWS,
    problem::Problem,
};

/// How long a message may be on its way before staff are told that it has not been delivered.
const NOT_DELIVERED_AFTER: Duration = Duration::from_mins(2);

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(create))
        .routes(routes!(close))
        .routes(routes!(reopen))
        .routes(routes!(one))
        .routes(routes!(page))
}

/// Which conversations to list.
#[derive(Clone, Copy, Default, Deserialize, ToSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum StatusFilter {
    /// Those that go on.
    #[default]
    Active,
    /// Those that ended.
    Closed,
    /// Both.
    All,
}

#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// `active` (default), `closed` or `all`.
    #[serde(default)]
    #[garde(skip)]
    #[param(inline)]
    status: StatusFilter,
    /// Only this department (slug or name).
    #[garde(length(chars, max = 100))]
    department: Option<String>,
    /// Only those in which a guest waits for an answer.
    #[serde(default)]
    #[garde(skip)]
    waiting: bool,
    /// Only those with a message to the guest that has failed, or has not been delivered for two minutes.
    #[serde(default)]
    #[garde(skip)]
    not_reached: bool,
    /// Only those that the person has transferred to other departments in the last 24 hours. Those that the
    /// person may no longer read are shown as they were then.
    #[serde(default)]
    #[garde(skip)]
    transferred: bool,
    /// Words of guests' names, rooms or numbers, in any order. Accents, case, apostrophes and dashes do not
    /// matter. It also finds conversations that the person has transferred in the last 24 hours, as they were
    /// then.
    #[serde(default, with = "text::cleaned")]
    #[garde(dive)]
    #[param(value_type = Option<String>)]
    q: Option<Search>,
    /// Only this guest's.
    #[garde(range(min = 1, max = ID_MAX))]
    guest_id: Option<Id>,
    /// Maximum number of results, 1 to 200; default 50.
    #[garde(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(skip)]
    cursor: Option<String>,
}

/// A page of conversations, newest activity first.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct ConversationPage {
    results: Vec<Conversation>,
    /// Where the next page begins; `null` on the last one.
    next_cursor: Option<String>,
    /// The epoch (current lifetime of the database) to which `seq` belongs.
    epoch: String,
    /// The newest event that is contained in these results.
    seq: i64,
}

fn encode_cursor(cursor: Cursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}.{}", cursor.active_at, cursor.id))
}

fn decode_cursor(text: &str) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (active_at, id) = std::str::from_utf8(&bytes).ok()?.split_once('.')?;
    Some(Cursor { active_at: active_at.parse().ok()?, id: id.parse().ok()? })
}

/// Lists conversations of the person's departments; admins see all of the property.
#[utoipa::path(get, path = "/chat/conversations/", tag = "chat", params(ListParams), responses(
    (status = 200, body = ConversationPage), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn list(
    State(app): State<App>,
    admitted: Admitted,
    Query(params): Query<ListParams>,
) -> Result<Json<ConversationPage>, Problem> {
    let after = match params.cursor.as_deref() {
        None => None,
        Some(text) => Some(decode_cursor(text).ok_or_else(|| {
            Problem::invalid_field("cursor", "must be the next_cursor of an earlier answer")
        })?),
    };
    let since = app.clock.now().minus(TRANSFERRED_FOR);
    let transferred = if params.transferred {
        TransferredFilter::Only(since)
    } else if params.q.is_some() && params.department.is_none() {
        TransferredFilter::Also(since)
    } else {
        TransferredFilter::None
    };
    let query = ListQuery {
        staff_id: admitted.staff.id,
        property_id: admitted.staff.property.id,
        departments: visible_departments(&app, &admitted.staff, params.department.as_deref())
            .await?,
        status: match params.status {
            StatusFilter::Active => Some(ConversationStatus::Active),
            StatusFilter::Closed => Some(ConversationStatus::Closed),
            StatusFilter::All => None,
        },
        waiting: params.waiting,
        not_reached_since: params.not_reached.then(|| app.clock.now().minus(NOT_DELIVERED_AFTER)),
        search: params.q.map(String::from),
        country: admitted.staff.property.country.clone(),
        guest_id: params.guest_id,
        transferred,
        after,
        limit: params.limit.unwrap_or(DEFAULT_ROWS),
    };
    let _searching = match (&query.search, &admitted.turn) {
        (Some(_), Some(turn)) => Some(turn.search().await?),
        _ => None,
    };
    let page = conversations::list(&app.store, &query).await?;
    Ok(Json(ConversationPage {
        results: page.rows,
        next_cursor: page.next.map(encode_cursor),
        epoch: app.epoch.to_string(),
        seq: page.seq,
    }))
}

async fn visible_departments(
    app: &App,
    staff: &Staff,
    only: Option<&str>,
) -> Result<Vec<Id>, Problem> {
    let visible: Vec<(Id, String)> = if staff.is_admin {
        let all = departments::of_property(&app.store, staff.property.id).await?;
        all.into_iter().map(|(id, slug, _)| (id, slug)).collect()
    } else {
        staff.departments.iter().map(|each| (each.id, each.slug.clone())).collect()
    };
    let Some(only) = only.filter(|only| !only.is_empty()) else {
        return Ok(visible.into_iter().map(|(id, _)| id).collect());
    };
    let only = super::departments::slug(app, staff.property.id, only).await?;
    if let Some((id, _)) = visible.iter().find(|(_, slug)| *slug == only) {
        return Ok(vec![*id]);
    }
    let all = departments::of_property(&app.store, staff.property.id).await?;
    if all.iter().any(|(_, slug, _)| *slug == only) {
        Err(Problem::new(StatusCode::FORBIDDEN, "access_denied", "You are not in this department"))
    } else {
        Err(Problem::invalid_field("department", super::departments::NOT_FOUND))
    }
}

/// For so long the person who transferred a conversation may read it as it was then.
const TRANSFERRED_FOR: Duration = Duration::from_hours(24);

/// The conversation, if the person may read it. With bounds: as it was when they transferred it.
pub(super) async fn readable(
    app: &App,
    staff: &Staff,
    id: Id,
) -> Result<(Conversation, Option<Bounds>), Problem> {
    let (department_id, conversation) =
        conversations::one(&app.store, staff.id, staff.property.id, id)
            .await?
            .ok_or(CommandError::ConversationNotFound)?;
    if staff.is_admin || staff.is_in(department_id) {
        return Ok((conversation, None));
    }
    let whose = (staff.id, staff.property.id);
    let since = app.clock.now().minus(TRANSFERRED_FOR);
    let transferred = transfers::one(&app.store, whose, id, since).await?;
    let transferred = transferred.ok_or(CommandError::AccessDenied)?;
    Ok((transferred.conversation, Some(transferred.bounds)))
}

/// Shows one conversation.
#[utoipa::path(get, path = "/chat/conversations/{id}/", tag = "chat", params(("id" = i64, Path)),
    responses((status = 200, body = Conversation), (status = 403, body = Problem),
    (status = 404, body = Problem)))]
async fn one(
    State(app): State<App>,
    admitted: Admitted,
    PathId(id): PathId,
) -> Result<Json<Conversation>, Problem> {
    Ok(Json(readable(&app, &admitted.staff, id).await?.0))
}

#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// Only messages before this id.
    #[garde(range(min = 1, max = ID_MAX))]
    before: Option<Id>,
    /// Only messages after this id.
    #[garde(range(min = 0, max = ID_MAX))]
    after: Option<Id>,
    /// Maximum number of results, 1 to 200; default 50.
    #[garde(range(min = 1, max = 200))]
    limit: Option<u32>,
}

/// A page of messages in ascending order.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct MessagePage {
    results: Vec<Message>,
    /// What happened to the conversation after the page's first message and before the first message of the
    /// next page; on the page with the conversation's first message also what happened before it.
    lines: Vec<Line>,
    /// Whether there are more in the requested direction (without `before` and `after`: older ones).
    has_more: bool,
    /// The epoch (current lifetime of the database) to which `seq` belongs.
    epoch: String,
    /// The newest event that is contained in these results.
    seq: i64,
}

/// Shows messages of a conversation: the newest page, or those before or after one.
#[utoipa::path(get, path = "/chat/conversations/{id}/messages/", tag = "chat",
    params(("id" = i64, Path), PageParams), responses((status = 200, body = MessagePage),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn page(
    State(app): State<App>,
    admitted: Admitted,
    PathId(id): PathId,
    Query(params): Query<PageParams>,
) -> Result<Json<MessagePage>, Problem> {
    let place = match (params.before, params.after) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid_field("after", "must not be combined with before"));
        }
        (Some(before), None) => Place::Before(before),
        (None, Some(after)) => Place::After(after),
        (None, None) => Place::Newest,
    };
    let bounds = readable(&app, &admitted.staff, id).await?.1;
    let limit = params.limit.unwrap_or(DEFAULT_ROWS);
    let property_id = admitted.staff.property.id;
    let page = messages::page(&app.store, property_id, id, place, limit, bounds.as_ref()).await?;
    let up_to_line = bounds.map_or(Id::MAX, |bounds| bounds.line_id);
    let lines = lines::of_page(&app.store, (property_id, id), &page.rows, up_to_line).await?;
    Ok(Json(MessagePage {
        results: page.rows,
        lines,
        has_more: page.has_more,
        epoch: app.epoch.to_string(),
        seq: page.seq,
    }))
}

/// A conversation to be started from the desk: exactly one of the first three names the guest.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[ts(export, optional_fields)]
pub(super) struct NewConversationBody {
    #[garde(range(min = 1, max = ID_MAX))]
    guest_id: Option<Id>,
    /// A phone number in any usual form.
    #[garde(inner(length(chars, max = NUMBER_MAX_CHARS)))]
    guest_whatsapp_number: Option<String>,
    /// The room of a guest's active stay.
    #[garde(length(chars, max = 40))]
    room_number: Option<String>,
    /// Slug or name; any department of the property.
    #[ts(optional = false)]
    #[garde(length(chars, min = 1, max = 100))]
    department: String,
    /// A label; `general` when missing.
    #[serde(default, with = "text::optional")]
    #[garde(dive)]
    #[schema(value_type = Option<String>)]
    #[ts(as = "Option<String>")]
    conversation_type: Option<Label>,
    /// The first message.
    #[garde(skip)]
    content: Option<String>,
    /// A repeated request with the same `client_id` returns the same conversation.
    #[garde(length(chars, min = 1, max = CLIENT_ID_MAX_CHARS))]
    client_id: Option<String>,
}

/// Starts a conversation with a guest.
#[utoipa::path(post, path = "/chat/conversations/create/", tag = "chat",
    request_body = NewConversationBody, responses((status = 201, body = Conversation),
    (status = 200, body = Conversation, description = "the request was repeated with the same `client_id`"),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    State(app): State<App>,
    admitted: Admitted,
    Body(new): Body<NewConversationBody>,
) -> Result<(StatusCode, Json<Conversation>), Problem> {
    let country = admitted.staff.property.country.as_deref();
    let guest = match (new.guest_id, new.guest_whatsapp_number, new.room_number) {
        (Some(id), None, None) => GuestSelector::Id(id),
        (None, Some(given), None) => {
            GuestSelector::WhatsappNumber(number("guest_whatsapp_number", &given, country)?)
        }
        (None, None, Some(number)) => GuestSelector::RoomNumber(number.trim().to_owned()),
        _ => {
            return Err(Problem::invalid_field(
                "guest_id",
                "exactly one of guest_id, guest_whatsapp_number and room_number is required",
            ));
        }
    };
    let content = match new.content.as_deref().map(str::trim) {
        None => None,
        given => Some(check_content(given)?),
    };
    let change = Change::Create(Creation {
        staff: admitted.staff.id,
        property_id: admitted.staff.property.id,
        guest,
        department: super::departments::slug(&app, admitted.staff.property.id, &new.department)
            .await?,
        conversation_type: new.conversation_type.map_or_else(|| "general".to_owned(), String::from),
        content,
        client_id: new.client_id,
    });
    let Answer::Conversation { id, created } = app.journal.submit(change).await? else {
        return Err(Problem::unavailable());
    };
    let staff = &admitted.staff;
    if created {
        return Ok((StatusCode::CREATED, Json(shown(&app, staff, id).await?)));
    }
    let found = conversations::one(&app.store, staff.id, staff.property.id, id).await?;
    let (department_id, conversation) = found.ok_or(CommandError::ConversationNotFound)?;
    let may_read = staff.is_admin || staff.is_in(department_id);
    let conversation = if may_read { conversation } else { outline(conversation) };
    Ok((StatusCode::OK, Json(conversation)))
}

/// The conversation for a person who started it but may not read it: only the fact that it exists.
fn outline(conversation: Conversation) -> Conversation {
    Conversation {
        unread_count: 0,
        waiting_since: None,
        last_message_preview: String::new(),
        last_message_at: None,
        updated_at: conversation.created_at,
        closed_at: None,
        ..conversation
    }
}

/// The present conversation, for the person who has just changed it.
async fn shown(app: &App, staff: &Staff, id: Id) -> Result<Conversation, Problem> {
    let found = conversations::one(&app.store, staff.id, staff.property.id, id).await?;
    Ok(found.ok_or(CommandError::ConversationNotFound)?.1)
}

/// Identifies a conversation.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[ts(export)]
pub(super) struct ConversationRef {
    #[garde(range(min = 1, max = ID_MAX))]
    conversation_id: Id,
}

/// Closes a conversation.
#[utoipa::path(post, path = "/chat/conversations/close/", tag = "chat",
    request_body = ConversationRef, responses((status = 200, body = Conversation),
    (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn close(
    State(app): State<App>,
    admitted: Admitted,
    Body(ConversationRef { conversation_id }): Body<ConversationRef>,
) -> Result<Json<Conversation>, Problem> {
    let staff = admitted.staff.id;
    let action = Action::Close;
    app.journal.submit(Change::Conversation { staff, conversation_id, action }).await?;
    Ok(Json(shown(&app, &admitted.staff, conversation_id).await?))
}

/// Identifies a closed conversation.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub(super) struct ReopenBody {
    #[garde(range(min = 1, max = ID_MAX))]
    conversation_id: Id,
}

/// Reopens a closed conversation.
#[utoipa::path(post, path = "/chat/conversations/reopen/", tag = "chat",
    request_body = ReopenBody, responses((status = 200, body = Conversation),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn reopen(
    State(app): State<App>,
    admitted: Admitted,
    Body(ReopenBody { conversation_id }): Body<ReopenBody>,
) -> Result<Json<Conversation>, Problem> {
    let staff = admitted.staff.id;
    let action = Action::Reopen;
    app.journal.submit(Change::Conversation { staff, conversation_id, action }).await?;
    Ok(Json(shown(&app, &admitted.staff, conversation_id).await?))
}
