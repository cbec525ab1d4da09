//! For whoever keeps the server running.

use std::sync::atomic::Ordering;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    protocol::Timestamp,
    store::{self, deliveries},
    telemetry,
};

use super::{
    caller::{Caller, FORWARDED_FOR},
    host,
    problem::Problem,
};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// The answer to a health check.
#[derive(Serialize, ToSchema, TS)]
#[ts(export, optional_fields)]
struct Health {
    /// `ok`
    status: &'static str,
    /// `failed`: the last daily backup could not be made; everything else works.
    #[serde(skip_serializing_if = "Option::is_none")]
    backups: Option<&'static str>,
    /// `jumped`: the server's clock has jumped. Nothing is deleted or given up because of its age until the date is
    /// confirmed or the server has run for 24 h.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<&'static str>,
    /// The time of day on the server's clock, where it has jumped.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Timestamp>,
}

impl Health {
    const OK: Self = Self { status: "ok", backups: None, clock: None, time: None };
}

/// The program is alive.
#[utoipa::path(get, path = "/healthz", tag = "operations", security(()),
    responses((status = 200, body = Health)))]
async fn healthz() -> Json<Health> {
    Json(Health::OK)
}

/// The server can serve: the database is in the data directory, can be read, and was written at the last attempt.
#[utoipa::path(get, path = "/readyz", tag = "operations", security(()),
    responses((status = 200, body = Health), (status = 503, body = Problem)))]
async fn readyz(State(app): State<App>) -> Result<Json<Health>, Problem> {
    if !app.journal.is_in_place() {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The server's database was removed or replaced while it runs, so nothing is saved; stop the server, put the \
             data directory back or restore a backup, and start the server again",
        ));
    }
    store::staff::exist(app.store.pool()).await?;
    if app.journal.is_healthy() {
        let failed = app.backup_failed.load(Ordering::Relaxed);
        let has_jumped = app.clock_watch.trusted_now().is_none();
        Ok(Json(Health {
            backups: failed.then_some("failed"),
            clock: has_jumped.then_some("jumped"),
            time: has_jumped.then(|| app.clock.now()),
            ..Health::OK
        }))
    } else {
        Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The database cannot be written, so nothing is saved; check whether the server's disk is full",
        ))
    }
}

/// Whether a request comes from this computer itself. A proxy on this computer passes everybody on from loopback:
/// one that is trusted says so, another one shows by its header, or by the name that it was called by.
fn is_local(caller: Caller, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    caller.address.is_loopback()
        && !caller.is_unknown
        && !headers.contains_key(FORWARDED_FOR)
        && host.is_some_and(host::is_loopback)
}

/// Numbers for Prometheus, without names; for loopback (called by `localhost` or a loopback address, not by
/// a proxy) and listed addresses only.
#[utoipa::path(get, path = "/metrics", tag = "operations", security(()), responses(
    (status = 200, content((String = "text/plain"), (String = "application/openmetrics-text"))),
    (status = 403, body = Problem)))]
async fn metrics(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let may_read =
        is_local(caller, &headers) || app.config.metrics_addresses.contains(&caller.address);
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
