//! Transferring a conversation to another department.

use axum::{Json, extract::State};
use garde::Validate;
use serde::Deserialize;
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    auth::Admitted,
    chat::{Action, Change},
    protocol::{Conversation, ID_MAX, Id},
    text::has_visible_character,
};

use super::{conversations::readable, extract::Body, problem::Problem};

/// Longest note of a transfer, in characters.
const NOTE_MAX_CHARS: usize = 500;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(transfer))
}

/// Transfers a conversation to another department.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub(super) struct TransferBody {
    #[garde(range(min = 1, max = ID_MAX))]
    conversation_id: Id,
    /// Slug or name of the new department.
    #[garde(length(chars, min = 1, max = 100))]
    department: String,
    /// For the staff of the new department, at most 500 characters. Without a visible character it counts
    /// as missing.
    #[garde(skip)]
    #[schema(max_length = 500)]
    #[ts(optional)]
    note: Option<String>,
}

/// The note of a transfer, without spaces around it; one without a visible character counts as missing.
fn read_note(note: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(note) = note.map(str::trim) else { return Ok(None) };
    if note.contains('\0') {
        return Err(Problem::invalid_field("note", "must not contain the character U+0000"));
    }
    if note.chars().count() > NOTE_MAX_CHARS {
        let limit = format!("must have at most {NOTE_MAX_CHARS} characters");
        return Err(Problem::invalid_field("note", &limit));
    }
    Ok(has_visible_character(note).then(|| note.to_owned()))
}

/// Transfers a conversation to another department.
#[utoipa::path(post, path = "/chat/conversations/transfer/", tag = "chat",
    request_body = TransferBody, responses((status = 200, body = Conversation),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 422, body = Problem)))]
async fn transfer(
    State(app): State<App>,
    admitted: Admitted,
    Body(TransferBody { conversation_id, department, note }): Body<TransferBody>,
) -> Result<Json<Conversation>, Problem> {
    let staff = admitted.staff.id;
    let department =
        super::departments::slug(&app, admitted.staff.property.id, &department).await?;
    let note = read_note(note.as_deref())?;
    let action = Action::Transfer { department, note };
    app.journal.submit(Change::Conversation { staff, conversation_id, action }).await?;
    Ok(Json(readable(&app, &admitted.staff, conversation_id).await?.0))
}
