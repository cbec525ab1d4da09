//! Confirming the date after the clock has jumped.

use axum::{extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::Actor,
    auth::Admin,
    keeping,
    store::{StoreError, departments},
};

use super::problem::Problem;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(confirm))
}

/// Confirms the date after the clock has jumped, so that retention works again. Without a jump, nothing happens. For
/// admins, where the server has one hotel.
#[utoipa::path(post, path = "/clock/confirm/", tag = "operations",
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 503, body = Problem)))]
async fn confirm(State(app): State<App>, Admin(admitted): Admin) -> Result<StatusCode, Problem> {
    let mut connection = app.store.pool().acquire().await.map_err(StoreError::from)?;
    let properties = departments::properties(&mut *connection).await?;
    drop(connection);
    if properties.len() > 1 {
        return Err(Problem::forbidden(
            "This server has several hotels, so the date is confirmed where it runs: `frontdesk-server clock confirm`",
        ));
    }
    keeping::confirm_clock(&app, Actor::Staff(admitted.staff.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
