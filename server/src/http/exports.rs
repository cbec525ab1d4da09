//! Handing out everything that is known of a guest.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt as _, stream};
use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::Actor,
    auth::Admin,
    guestdata::{self, Begun, Document, Export, Format, Order, Progress, RunningExport},
    protocol::Id,
};

use super::{
    extract::{PathId, Query},
    problem::Problem,
};

/// How long a call with `Prefer: respond-async` waits for the document.
const ASYNC_WAIT: Duration = Duration::from_secs(10);

/// How long any other call waits.
const SYNC_WAIT: Duration = Duration::from_secs(60);

/// How long such a call may take in all; other calls have less time.
pub(super) const LONGEST_ANSWER: Duration = Duration::from_secs(65);

/// `Retry-After` while another export of the property is written, in seconds.
const BUSY_SECONDS: u64 = 2;

/// `Retry-After` after [`SYNC_WAIT`], in seconds.
const RETRY_SECONDS: u64 = 30;

/// RFC 7240.
const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const RESPOND_ASYNC: &str = "respond-async";

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(export)).routes(routes!(fetch))
}

/// Whether a path is that of a call that may take as long as [`LONGEST_ANSWER`].
pub(super) fn is_slow(path: &str) -> bool {
    path.starts_with("/guests/") && path.ends_with("/export/")
}

#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportParams {
    /// `json` (complete in every script) or `pdf`.
    #[serde(default)]
    #[garde(skip)]
    #[param(inline)]
    format: Format,
}

/// An export that is being written.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct ExportProgress {
    /// `GET /exports/{id}/` has the document when it is done.
    export_id: Id,
    /// `working`
    status: &'static str,
}

/// Cancels an export whose client is gone without knowing its id.
struct CancelOnDrop<'a> {
    app: &'a App,
    export: Option<Id>,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.export {
            self.app.exports.forget(id);
        }
    }
}

/// Hands out everything that is known of a guest. With `Prefer: respond-async`, one that takes longer than 10 s
/// continues in the background, and can be fetched for an hour by the admin who asked for it. One at a time is
/// written for a hotel.
#[utoipa::path(get, path = "/guests/{id}/export/", tag = "guests",
    params(("id" = i64, Path), ExportParams,
        ("prefer" = Option<String>, Header, description = "`respond-async`", max_length = 1000)), responses(
    (status = 200, content((Export = "application/json"), (String = "application/pdf"))),
    (status = 202, body = ExportProgress),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem),
    (status = 503, body = Problem)))]
async fn export(
    State(app): State<App>,
    Admin(admitted): Admin,
    PathId(id): PathId,
    Query(ExportParams { format }): Query<ExportParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (property_id, staff_id) = (admitted.staff.property.id, admitted.staff.id);
    let order = Order { property_id, guest_id: id, staff_id, format };
    let mut cancel = CancelOnDrop { app: &app, export: None };
    let export = match app.exports.begin(order, app.clock.passed()) {
        Begun::Known(export) => export,
        Begun::New(export) => {
            cancel.export = Some(export.id);
            let guest = (property_id, id);
            if !guestdata::note_export(&app, guest, format, Actor::Staff(staff_id)).await? {
                return Err(Problem::not_found("guest_not_found", "Guest not found"));
            }
            tokio::spawn(guestdata::run(app.clone(), Arc::clone(&export)));
            export
        }
        Begun::Busy => {
            return Err(Problem::unavailable_for(
                BUSY_SECONDS,
                "Another guest's data is being exported",
            ));
        }
    };
    let is_async = prefers_async(&headers);
    let wait = if is_async { ASYNC_WAIT } else { SYNC_WAIT };
    match tokio::time::timeout(wait, export.end()).await {
        Ok(Progress::Done(document)) => {
            // The answer holds the document.
            app.exports.forget(export.id);
            Ok(file(&export, document))
        }
        Ok(_) => {
            app.exports.forget(export.id);
            Err(failed())
        }
        Err(_) => {
            // Writing continues.
            cancel.export = None;
            if is_async {
                let applied = [(PREFERENCE_APPLIED, RESPOND_ASYNC)];
                return Ok((applied, working(&export)).into_response());
            }
            Err(Problem::unavailable_for(
                RETRY_SECONDS,
                "This guest's data is still being exported",
            ))
        }
    }
}

/// Fetches an export; `202` while it is being written. For the admin who asked for it.
#[utoipa::path(get, path = "/exports/{id}/", tag = "guests", params(("id" = i64, Path)), responses(
    (status = 200, content((Export = "application/json"), (String = "application/pdf"))),
    (status = 202, body = ExportProgress), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn fetch(
    State(app): State<App>,
    Admin(admitted): Admin,
    PathId(id): PathId,
) -> Result<Response, Problem> {
    let found = app.exports.find(id, admitted.staff.property.id, admitted.staff.id);
    let export = found.ok_or_else(|| {
        Problem::not_found(
            "export_not_found",
            "There is no such export any more; ask for a new one",
        )
    })?;
    match export.progress() {
        Progress::Working => Ok(working(&export)),
        Progress::Done(document) => Ok(file(&export, document)),
        Progress::Failed => {
            app.exports.forget(id);
            Err(failed())
        }
    }
}

/// Whether a client accepts `202` and fetches the document later.
fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .filter_map(|preference| preference.split(';').next())
        .any(|preference| preference.trim().eq_ignore_ascii_case(RESPOND_ASYNC))
}

fn working(export: &RunningExport) -> Response {
    let progress = ExportProgress { export_id: export.id, status: "working" };
    (StatusCode::ACCEPTED, Json(progress)).into_response()
}

fn failed() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "The guest's data could not be exported; the reason has been logged. Try again",
    )
}

/// The document, read while it is sent.
fn file(export: &RunningExport, document: Arc<Document>) -> Response {
    let Order { guest_id, format, .. } = export.order;
    let name = format!("attachment; filename=\"guest-{guest_id}.{}\"", format.name());
    let headers = [
        (header::CONTENT_TYPE, format.content_type().to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CONTENT_LENGTH, document.length.to_string()),
    ];
    let chunks = stream::try_unfold(0_u64, move |from| {
        let document = Arc::clone(&document);
        async move {
            let bytes = document.read(from).await?;
            let next = from.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            Ok::<_, std::io::Error>((!bytes.is_empty()).then(|| (Bytes::from(bytes), next)))
        }
    });
    (headers, Body::from_stream(chunks.boxed())).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_may_name_other_preferences_too() {
        for (value, expected) in [
            ("respond-async", true),
            ("return=minimal, Respond-Async; wait=10", true),
            ("return=minimal", false),
            ("respond-asynchronously", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(PREFER, value.parse().unwrap());
            assert_eq!(prefers_async(&headers), expected, "{value}");
        }
        assert!(!prefers_async(&HeaderMap::new()));
    }
}
