//! What the properties of this server have chosen.

use sqlx::SqliteConnection;

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    hub::Effect,
    journal::Written,
    protocol::Id,
    store::{
        StoreError, departments,
        erasure::{self, Retention},
        second_factor,
    },
    text::PropertyName,
};

use super::{
    AdminError, PropertyLine, Response, RetentionKind, SecondFactorRule, given,
    place::{Place, choose_property},
};

/// What is to be otherwise; `None` stays. 0 days: closed conversations are kept.
#[derive(Default)]
pub(crate) struct Choices {
    pub(crate) name: Option<String>,
    pub(crate) retention_days: Option<i64>,
    pub(crate) retention: Option<RetentionKind>,
    pub(crate) second_factor: Option<SecondFactorRule>,
}

/// A property is never deleted.
const GONE: StoreError = StoreError::Damaged("there is no property with an id that is in use");

/// Most days that closed conversations can be kept before they go.
pub const RETENTION_MAX_DAYS: i64 = 36_500;

const fn kind(retention: Retention) -> RetentionKind {
    if retention.anonymises { RetentionKind::Anonymise } else { RetentionKind::Delete }
}

const fn rule(is_required: bool) -> SecondFactorRule {
    if is_required { SecondFactorRule::Admins } else { SecondFactorRule::Optional }
}

pub(super) async fn create(app: &App, name: &str) -> Result<Response, AdminError> {
    let name = String::from(given("a name", PropertyName::read(name))?);
    let (stored, now) = (name.clone(), app.clock.now());
    let id = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let place = Place::made(writer, &stored, now).await?;
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

/// What each property has chosen.
async fn lines(app: &App) -> Result<Vec<PropertyLine>, StoreError> {
    let required = second_factor::requiring(&app.store).await?;
    let properties = erasure::properties(&app.store).await?;
    let line = |(id, name, retention): (Id, String, Retention)| PropertyLine {
        id,
        name,
        retention_days: retention.days,
        retention: kind(retention),
        second_factor: rule(required.contains(&id)),
    };
    Ok(properties.into_iter().map(line).collect())
}

/// What one property has chosen.
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
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            let id = Place::known(writer, wanted).await?.property_id;
            Ok::<_, AdminError>(choose(writer, id, Actor::CommandLine, choices).await?)
        })
    });
    Ok(Response::Properties { properties: vec![written.await?] })
}

/// Chooses for a property and logs it, whoever asks: the command line, or an admin.
///
/// # Errors
/// [`StoreError`].
pub(crate) async fn choose(
    writer: &mut SqliteConnection,
    id: Id,
    actor: Actor,
    choices: Choices,
) -> Result<Written<PropertyLine>, StoreError> {
    let before = erasure::retention(writer).await?;
    let before = before.into_iter().find(|(known, ..)| *known == id);
    let (_, mut name, mut retention) = before.ok_or(GONE)?;
    let is_renamed = choices.name.is_some();
    if let Some(new) = choices.name {
        departments::rename_property(writer, id, &new).await?;
        name = new;
    }
    if let Some(days) = choices.retention_days {
        retention.days = Some(days).filter(|days| *days > 0);
    }
    if let Some(kind) = choices.retention {
        retention.anonymises = kind == RetentionKind::Anonymise;
    }
    erasure::set_retention(writer, id, retention).await?;
    let (second_factor, effects) = ask(writer, id, choices.second_factor).await?;
    let line = PropertyLine {
        id,
        name,
        retention_days: retention.days,
        retention: kind(retention),
        second_factor,
    };
    let detail = format!(
        "retention_days={}, retention={}, second_factor={}{}",
        line.retention_days.unwrap_or(0),
        match line.retention {
            RetentionKind::Anonymise => "anonymise",
            RetentionKind::Delete => "delete",
        },
        match second_factor {
            SecondFactorRule::Optional => "optional",
            SecondFactorRule::Admins => "admins",
        },
        if is_renamed { ", name" } else { "" },
    );
    let entry = Entry::new(id, actor, "updated", Subject::Property(id));
    Ok(Written::logged(line, [entry.with(detail)]).telling(effects))
}

/// Says who needs a second factor. Whoever does, and has none, loses their connections.
async fn ask(
    writer: &mut SqliteConnection,
    property_id: Id,
    wanted: Option<SecondFactorRule>,
) -> Result<(SecondFactorRule, Vec<Effect>), StoreError> {
    let Some(wanted) = wanted else {
        return Ok((rule(second_factor::is_required(writer, property_id).await?), Vec::new()));
    };
    let is_required = wanted == SecondFactorRule::Admins;
    second_factor::set_required(writer, property_id, is_required).await?;
    let missing = second_factor::missing(writer, property_id, None).await?;
    Ok((wanted, missing.into_iter().map(Effect::DepartmentsChanged).collect()))
}
