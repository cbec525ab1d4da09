//! For whoever keeps the server running.

use std::sync::atomic::Ordering;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    store::{self, deliveries},
    telemetry,
};

use super::{caller::Caller, problem::Problem};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// The answer to a health check.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`
    status: &'static str,
    /// `failed`: the last daily backup could not be made; everything else works.
    #[serde(skip_serializing_if = "Option::is_none")]
    backups: Option<&'static str>,
}

/// The program is alive.
#[utoipa::path(get, path = "/healthz", tag = "operations", security(()),
    responses((status = 200, body = Health)))]
async fn healthz() -> Json<Health> {
    Json(Health { status: "ok", backups: None })
}

/// The server can serve: the database can be read and was written at the last attempt.
#[utoipa::path(get, path = "/readyz", tag = "operations", security(()),
    responses((status = 200, body = Health), (status = 503, body = Problem)))]
async fn readyz(State(app): State<App>) -> Result<Json<Health>, Problem> {
    store::staff::exist(app.store.pool()).await?;
    if app.journal.is_healthy() {
        let failed = app.backup_failed.load(Ordering::Relaxed);
        Ok(Json(Health { status: "ok", backups: failed.then_some("failed") }))
    } else {
        Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The database cannot be written; check whether the disk is full",
        ))
    }
}

/// Numbers for Prometheus, without names; for loopback and listed addresses only.
#[utoipa::path(get, path = "/metrics", tag = "operations", security(()), responses(
    (status = 200, content((String = "text/plain"), (String = "application/openmetrics-text"))),
    (status = 403, body = Problem)))]
async fn metrics(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Caller { address } = caller;
    // A proxy on this machine that nobody told of passes everybody on from loopback.
    let is_local = address.is_loopback() && !headers.contains_key("x-forwarded-for");
    let may_read = is_local || app.config.metrics_addresses.contains(&address);
    if !may_read {
        return Err(Problem::forbidden(
            "This address is not allowed to read the metrics; allow it with --metrics-address",
        ));
    }
    app.metrics.set_now(app.hub.connections(), app.journal.queued());
    let outbox = deliveries::counts(&app.store).await?;
    app.metrics.set_outbox(outbox.pending, outbox.no_way, outbox.failed);
    let text = app.metrics.encode().ok_or_else(Problem::unavailable)?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let (kind, text) = if accept.is_some_and(|kinds| kinds.contains("application/openmetrics-text"))
    {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", text)
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", telemetry::plain(&text))
    };
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
