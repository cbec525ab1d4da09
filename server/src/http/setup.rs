//! What everybody may know of a server before signing in.

use axum::{Json, extract::State};
use serde::Serialize;
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    demo,
    store::{self, StoreError, departments, staff},
};

use super::problem::Problem;

/// Minutes between the reminders of those who wait, in a demo with its own pace.
const DEMO_REPEAT_MINUTES: u32 = 5;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(setup_state))
}

/// What the screens before the sign-in show.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct SetupState {
    /// `true` while there is no staff account: the first one can be created.
    open: bool,
    /// The server's version.
    version: &'static str,
    /// The hotel; `null` where there is none yet, or several.
    property: Option<SetupProperty>,
    /// `null` where this is not the demo hotel.
    demo: Option<DemoHotel>,
}

/// The hotel to sign in to.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct SetupProperty {
    /// The hotel's name.
    name: String,
}

/// The demo hotel.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct DemoHotel {
    /// Everybody who can sign in, with the password that all of them have at first.
    accounts: Vec<DemoAccount>,
    /// Minutes between the reminders of those who wait that its accounts start with: 0 (never), or 5
    /// where `serve` has `--demo-pace`.
    repeat_minutes: u32,
}

/// An account of the demo hotel.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct DemoAccount {
    username: &'static str,
    name: &'static str,
    password: &'static str,
}

/// Shows which hotel this is, and whether the server has no account yet.
#[utoipa::path(get, path = "/setup/", tag = "account", security(()),
    responses((status = 200, body = SetupState)))]
async fn setup_state(State(app): State<App>) -> Result<Json<SetupState>, Problem> {
    let mut connection = app.store.pool().acquire().await.map_err(StoreError::from)?;
    let open = !staff::exist(&mut *connection).await?;
    let property = match departments::properties(&mut *connection).await?.as_slice() {
        [(_, name)] => Some(SetupProperty { name: name.clone() }),
        _ => None,
    };
    let is_demo = store::demo::contents(&mut connection).await? == store::demo::Contents::Demo;
    let demo = is_demo.then(|| DemoHotel {
        accounts: demo::people()
            .map(|(username, name)| DemoAccount { username, name, password: demo::PASSWORD })
            .collect(),
        repeat_minutes: if app.config.demo_pace.is_some() { DEMO_REPEAT_MINUTES } else { 0 },
    });
    Ok(Json(SetupState { open, version: env!("CARGO_PKG_VERSION"), property, demo }))
}
