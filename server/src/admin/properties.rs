//! What the properties of this server have chosen.

use sqlx::SqliteConnection;

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    hub::Effect,
    journal::Written,
    protocol::Id,
    region::TimeZoneName,
    store::{
        StoreError, departments,
        properties::{self, PropertyRow},
        second_factor,
    },
    text::PropertyName,
};

use super::{
    AdminError, CountryChoice, PropertyLine, Response, RetentionKind, SecondFactorRule, given,
    place::{Place, choose_property},
};

/// What to change about a property; `None` stays.
#[derive(Default)]
pub(crate) struct Choices {
    pub(crate) name: Option<String>,
    pub(crate) time_zone: Option<TimeZoneName>,
    pub(crate) country: Option<CountryChoice>,
    /// 0 days: closed conversations are kept.
    pub(crate) retention_days: Option<i64>,
    pub(crate) retention: Option<RetentionKind>,
    pub(crate) second_factor: Option<SecondFactorRule>,
}

/// A property is never deleted.
const GONE: StoreError = StoreError::Damaged("a property that is in use is missing");

/// Most days that closed conversations can be kept before they go.
pub const RETENTION_MAX_DAYS: i64 = 36_500;

impl From<PropertyRow> for PropertyLine {
    fn from(row: PropertyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            time_zone: row.time_zone,
            country: row.country,
            retention_days: row.retention_days,
            retention: if row.anonymises {
                RetentionKind::Anonymise
            } else {
                RetentionKind::Delete
            },
            second_factor: if row.second_factor_required {
                SecondFactorRule::Admins
            } else {
                SecondFactorRule::Optional
            },
        }
    }
}

pub(super) async fn create(app: &App, name: &str) -> Result<Response, AdminError> {
    let name = String::from(given("--name", PropertyName::read(name))?);
    let (stored, now, zone) = (name.clone(), app.clock.now(), app.config.time_zone.clone());
    let id = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let place = Place::made(writer, &stored, &zone, now).await?;
                let id = place.property_id;
                Ok::<_, AdminError>(place.written(id))
            })
        })
        .await?;
    Ok(Response::Property { id, name })
}

pub(super) async fn list(app: &App, wanted: Option<Id>) -> Result<Response, AdminError> {
    let chosen = match wanted {
        Some(_) => {
            Some(choose_property(&departments::properties(app.store.pool()).await?, wanted)?)
        }
        None => None,
    };
    let mut properties = lines(app).await?;
    properties.retain(|line| chosen.is_none_or(|chosen| chosen == line.id));
    Ok(Response::Properties { properties })
}

/// The settings of each property.
async fn lines(app: &App) -> Result<Vec<PropertyLine>, StoreError> {
    let mut connection = app.store.pool().acquire().await?;
    let rows = properties::all(&mut connection).await?;
    Ok(rows.into_iter().map(PropertyLine::from).collect())
}

/// The settings of one property.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn chosen(app: &App, property_id: Id) -> Result<PropertyLine, StoreError> {
    let line = lines(app).await?.into_iter().find(|line| line.id == property_id);
    line.ok_or(GONE)
}

pub(super) async fn set(
    app: &App,
    wanted: Option<Id>,
    choices: Choices,
) -> Result<Response, AdminError> {
    let name = match &choices.name {
        Some(name) => Some(String::from(given("--name", PropertyName::read(name))?)),
        None => None,
    };
    let choices = Choices { name, ..choices };
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            let id = Place::known(writer, wanted).await?.property_id;
            Ok::<_, AdminError>(choose(writer, id, Actor::CommandLine, choices).await?)
        })
    });
    Ok(Response::Properties { properties: vec![written.await?] })
}

/// Changes a property's settings and logs the change, for the command line and for admins. Where nothing
/// changes, nothing is written and logged.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn choose(
    writer: &mut SqliteConnection,
    id: Id,
    actor: Actor,
    choices: Choices,
) -> Result<Written<PropertyLine>, StoreError> {
    let known = properties::all(writer).await?;
    let before = known.into_iter().find(|property| property.id == id).ok_or(GONE)?;
    let after = changed(before.clone(), choices);
    if after == before {
        return Ok(Written::quiet(after.into()));
    }
    properties::update(writer, &after).await?;
    let mut effects = Vec::new();
    if after.to_info() != before.to_info() {
        effects.push(Effect::PropertyChanged(after.to_info()));
    }
    if after.second_factor_required && !before.second_factor_required {
        // Admins without a second factor lose their connections.
        let missing = second_factor::missing(writer, id, None).await?;
        effects.extend(missing.into_iter().map(Effect::DepartmentsChanged));
    }
    let entry = Entry::new(id, actor, "updated", Subject::Property(id));
    let entry = entry.with(detail(&before, &after));
    Ok(Written::logged(after.into(), [entry]).telling(effects))
}

fn changed(mut property: PropertyRow, choices: Choices) -> PropertyRow {
    let Choices { name, time_zone, country, retention_days, retention, second_factor } = choices;
    if let Some(name) = name {
        property.name = name;
    }
    if let Some(zone) = time_zone {
        property.time_zone = zone.into();
    }
    match country {
        Some(CountryChoice::Country(code)) => property.country = Some(code.into()),
        Some(CountryChoice::None) => property.country = None,
        None => {}
    }
    if let Some(days) = retention_days {
        property.retention_days = Some(days).filter(|days| *days > 0);
    }
    if let Some(kind) = retention {
        property.anonymises = kind == RetentionKind::Anonymise;
    }
    if let Some(rule) = second_factor {
        property.second_factor_required = rule == SecondFactorRule::Admins;
    }
    property
}

/// The detail of the log entry: the present rules, and which other settings changed.
fn detail(before: &PropertyRow, after: &PropertyRow) -> String {
    let mut detail = format!(
        "retention_days={}, retention={}, second_factor={}",
        after.retention_days.unwrap_or(0),
        if after.anonymises { "anonymise" } else { "delete" },
        if after.second_factor_required { "admins" } else { "optional" },
    );
    for (name, is_changed) in [
        ("name", after.name != before.name),
        ("time_zone", after.time_zone != before.time_zone),
        ("country", after.country != before.country),
    ] {
        if is_changed {
            detail.push_str(", ");
            detail.push_str(name);
        }
    }
    detail
}
