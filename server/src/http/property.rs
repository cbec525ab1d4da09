//! What the hotel has chosen: admins' calls.

use axum::{Json, extract::State};
use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    admin::{
        self, Choices, CountryChoice, PropertyLine, RETENTION_MAX_DAYS, RetentionKind,
        SecondFactorRule,
    },
    app::App,
    audit::Actor,
    auth::Admin,
    region::{CountryCode, TimeZoneName},
    text::PropertyName,
};

use super::{extract::Body, patch::Member, problem::Problem};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(shown, update))
}

/// The property's settings.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct PropertySettings {
    /// The hotel's name.
    name: String,
    /// Name of its time zone in the IANA database. Its days begin there, and its times are shown in it.
    time_zone: String,
    /// ISO 3166-1 alpha-2 code of the country whose national telephone numbers are read; `null`: only
    /// international numbers are.
    country: Option<String>,
    /// Days after which closed conversations are deleted or anonymised; `null`: they are kept.
    retention_days: Option<i64>,
    /// What happens to them then.
    retention: RetentionKind,
    /// Who must use two-step sign-in.
    second_factor: SecondFactorRule,
}

impl From<PropertyLine> for PropertySettings {
    fn from(line: PropertyLine) -> Self {
        let PropertyLine {
            id: _,
            name,
            time_zone,
            country,
            retention_days,
            retention,
            second_factor,
        } = line;
        Self { name, time_zone, country, retention_days, retention, second_factor }
    }
}

/// Shows the property's settings.
#[utoipa::path(get, path = "/property/", tag = "property",
    responses((status = 200, body = PropertySettings), (status = 403, body = Problem)))]
async fn shown(
    State(app): State<App>,
    Admin(admitted): Admin,
) -> Result<Json<PropertySettings>, Problem> {
    Ok(Json(admin::chosen(&app, admitted.staff.property.id).await?.into()))
}

/// What to change about the property; missing members stay.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub(super) struct PropertyPatch {
    #[serde(default)]
    #[garde(dive)]
    #[schema(value_type = String, required = false)]
    #[ts(as = "Option<String>", optional)]
    name: Member<PropertyName>,
    /// Name of a time zone in the IANA database, in any case.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = String, required = false)]
    #[ts(as = "Option<String>", optional)]
    time_zone: Member<TimeZoneName>,
    /// Two letters of ISO 3166-1, in any case; `null`: none.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, required = false)]
    #[ts(as = "Option<String>", optional = nullable)]
    country: Member<CountryCode>,
    /// Days after which closed conversations are deleted or anonymised; 0: they are kept. `null` is
    /// accepted only where they are kept already.
    #[serde(default)]
    #[garde(custom(days))]
    #[schema(value_type = Option<i64>, required = false, minimum = 0, maximum = 36_500)]
    #[ts(as = "Option<i64>", optional = nullable)]
    retention_days: Member<i64>,
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = RetentionKind, required = false)]
    #[ts(as = "Option<RetentionKind>", optional)]
    retention: Member<RetentionKind>,
    /// `admins` closes the connections of admins who have not set up two-step sign-in.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = SecondFactorRule, required = false)]
    #[ts(as = "Option<SecondFactorRule>", optional)]
    second_factor: Member<SecondFactorRule>,
}

/// Checks the number of days.
fn days(given: &Member<i64>, (): &()) -> garde::Result {
    match given {
        Member::Value(days) if !(0..=RETENTION_MAX_DAYS).contains(days) => {
            Err(garde::Error::new(format!("must be a number from 0 to {RETENTION_MAX_DAYS}")))
        }
        _ => Ok(()),
    }
}

/// Changes the property's settings.
#[utoipa::path(patch, path = "/property/", tag = "property", request_body = PropertyPatch,
    responses((status = 200, body = PropertySettings), (status = 403, body = Problem),
    (status = 422, body = Problem)))]
async fn update(
    State(app): State<App>,
    Admin(admitted): Admin,
    Body(patch): Body<PropertyPatch>,
) -> Result<Json<PropertySettings>, Problem> {
    let (id, actor) = (admitted.staff.property.id, Actor::Staff(admitted.staff.id));
    let are_kept = admin::chosen(&app, id).await?.retention_days.is_none();
    let country = patch.country.removable();
    let choices = Choices {
        name: patch.name.required("name")?.map(String::from),
        time_zone: patch.time_zone.required("time_zone")?,
        country: country.map(|code| code.map_or(CountryChoice::None, CountryChoice::Country)),
        retention_days: patch.retention_days.required_unless("retention_days", are_kept)?,
        retention: patch.retention.required("retention")?,
        second_factor: patch.second_factor.required("second_factor")?,
    };
    let written =
        app.journal.write(move |writer| Box::pin(admin::choose(writer, id, actor, choices)));
    Ok(Json(written.await?.into()))
}
