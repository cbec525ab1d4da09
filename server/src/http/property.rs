//! What the hotel has chosen: admins' calls.

use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    admin::{self, Choices, PropertyLine, RETENTION_MAX_DAYS, RetentionKind, SecondFactorRule},
    app::App,
    audit::Actor,
    auth::Admin,
    text::PropertyName,
};

use super::{extract::Body, problem::Problem};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(shown, update))
}

/// What the property has chosen.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct PropertySettings {
    /// The hotel's name.
    name: String,
    /// IANA time zone in which its days begin.
    time_zone: String,
    /// Days after which closed conversations go; `null`: they are kept.
    retention_days: Option<i64>,
    /// What becomes of them then.
    retention: RetentionKind,
    /// Who can do nothing without a second factor.
    second_factor: SecondFactorRule,
}

impl PropertySettings {
    fn new(line: PropertyLine, time_zone: String) -> Self {
        let PropertyLine { id: _, name, retention_days, retention, second_factor } = line;
        Self { name, time_zone, retention_days, retention, second_factor }
    }
}

/// Shows what the property has chosen.
#[utoipa::path(get, path = "/property/", tag = "property",
    responses((status = 200, body = PropertySettings), (status = 403, body = Problem)))]
async fn shown(
    State(app): State<App>,
    Admin(admitted): Admin,
) -> Result<Json<PropertySettings>, Problem> {
    let property = &admitted.staff.property;
    let line = admin::chosen(&app, property.id).await?;
    Ok(Json(PropertySettings::new(line, property.time_zone.clone())))
}

/// What to change about the property; missing members stay.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[ts(export, optional_fields)]
pub(super) struct PropertyPatch {
    #[garde(dive)]
    #[schema(value_type = Option<String>)]
    #[ts(as = "Option<String>")]
    name: Option<PropertyName>,
    /// Days after which closed conversations go; 0: they are kept.
    #[garde(range(min = 0, max = RETENTION_MAX_DAYS))]
    retention_days: Option<i64>,
    #[garde(skip)]
    retention: Option<RetentionKind>,
    /// `admins` closes the connections of those who have no second factor.
    #[garde(skip)]
    second_factor: Option<SecondFactorRule>,
}

/// Changes what the property has chosen.
#[utoipa::path(patch, path = "/property/", tag = "property", request_body = PropertyPatch,
    responses((status = 200, body = PropertySettings), (status = 403, body = Problem),
    (status = 422, body = Problem)))]
async fn update(
    State(app): State<App>,
    Admin(admitted): Admin,
    Body(patch): Body<PropertyPatch>,
) -> Result<Json<PropertySettings>, Problem> {
    let PropertyPatch { name, retention_days, retention, second_factor } = patch;
    let choices =
        Choices { name: name.map(String::from), retention_days, retention, second_factor };
    let (property, actor) = (&admitted.staff.property, Actor::Staff(admitted.staff.id));
    let id = property.id;
    let written =
        app.journal.write(move |writer| Box::pin(admin::choose(writer, id, actor, choices)));
    Ok(Json(PropertySettings::new(written.await?, property.time_zone.clone())))
}
