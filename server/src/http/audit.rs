//! The audit log, for admins.

use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::Stored,
    auth::Admin,
    protocol::{ID_MAX, Id, Timestamp},
    store::audit::{self, Wanted},
};

use super::{
    extract::Query,
    paging::{self, DEFAULT_ROWS},
    problem::Problem,
};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditParams {
    /// Only entries about this kind of thing: `conversation`, `guest`, `staff`, …
    #[garde(length(chars, max = 40))]
    subject: Option<String>,
    /// Only entries about the subject with this id.
    #[garde(range(min = 1, max = ID_MAX))]
    subject_id: Option<Id>,
    /// Maximum number of entries, 1 to 200; default 50.
    #[garde(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(range(min = 1, max = ID_MAX))]
    cursor: Option<i64>,
}

/// An entry of the audit log. It contains ids and fixed words only, never names or texts.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct AuditEntry {
    /// Its place in the property's chain: 1, 2, 3, …
    seq: i64,
    at: Timestamp,
    /// `staff`, `gateway`, `command_line` or `server`.
    actor: String,
    /// Which staff member or gateway.
    actor_id: Option<Id>,
    /// What was done: `closed`, `signed_in`, …
    action: String,
    /// What kind of thing it was done to: `conversation`, `guest`, …
    subject: String,
    subject_id: Id,
    /// Details, such as the members that were changed.
    detail: Option<String>,
    /// SHA-256 over the hash of the entry before and this one's members, in lower-case hex.
    hash: String,
}

impl From<Stored> for AuditEntry {
    fn from(entry: Stored) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at,
            actor: entry.actor,
            actor_id: entry.actor_id,
            action: entry.action,
            subject: entry.subject,
            subject_id: entry.subject_id,
            detail: entry.detail,
            hash: entry.hash,
        }
    }
}

/// A page of the audit log, the newest first.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct AuditPage {
    results: Vec<AuditEntry>,
    /// Where the next page begins; `null` on the last one.
    next_cursor: Option<i64>,
}

/// Lists who did what in the property.
#[utoipa::path(get, path = "/audit/", tag = "audit", params(AuditParams), responses(
    (status = 200, body = AuditPage), (status = 401, body = Problem), (status = 403, body = Problem)))]
async fn list(
    State(app): State<App>,
    Admin(admitted): Admin,
    Query(params): Query<AuditParams>,
) -> Result<Json<AuditPage>, Problem> {
    let limit = params.limit.unwrap_or(DEFAULT_ROWS);
    let wanted = Wanted {
        subject: params.subject,
        subject_id: params.subject_id,
        before: params.cursor.unwrap_or(i64::MAX),
        limit: limit + 1,
    };
    let mut entries = audit::page(app.store.pool(), admitted.staff.property.id, &wanted).await?;
    let next_cursor = paging::cut(&mut entries, limit, |entry| entry.seq);
    Ok(Json(AuditPage {
        results: entries.into_iter().map(AuditEntry::from).collect(),
        next_cursor,
    }))
}
