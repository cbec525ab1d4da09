//! Accounts.

use crate::{
    app::App,
    audit::Subject,
    auth::{PasswordRefused, generate_password},
    hub::Effect,
    protocol::{Id, UserType},
    store::{
        departments, second_factor, sessions,
        staff::{self, NewStaff, StaffChange, StaffError, StaffRow},
    },
    text::{PersonName, Username},
};

use super::{
    Account, AdminError, Password, Response, given,
    place::{Place, choose_property},
};

/// An account that is wanted.
pub(super) struct Wanted {
    pub(super) username: String,
    pub(super) name: String,
    pub(super) departments: Vec<String>,
    pub(super) user_type: UserType,
    pub(super) is_admin: bool,
    pub(super) password: Option<Password>,
}

pub(super) async fn create(
    app: &App,
    property: Option<Id>,
    wanted: Wanted,
) -> Result<Response, AdminError> {
    let username = String::from(given("--username", Username::read(&wanted.username))?);
    let name = String::from(given("--name", PersonName::read(&wanted.name))?);
    let (password_hash, password) = hash(app, wanted.password, &[&username, &name]).await?;
    let mut new = NewStaff {
        property_id: 0,
        username: username.clone(),
        name,
        password_hash,
        user_type: wanted.user_type,
        is_admin: wanted.is_admin,
        departments: wanted.departments,
    };
    let now = app.clock.now();
    let zone = app.config.time_zone.clone();
    let id = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let mut place = Place::known_or_first(writer, property, &zone, now).await?;
                new.property_id = place.property_id;
                for given in &mut new.departments {
                    let found =
                        departments::slug_of(&mut *writer, place.property_id, given).await?;
                    *given = found.unwrap_or_else(|| given.clone());
                }
                match staff::create(writer, &new, now).await {
                    Ok(id) => {
                        place.did("created", Subject::Staff(id));
                        Ok(place.written(id))
                    }
                    Err(StaffError::UsernameTaken) => Err(AdminError::failed(format!(
                        "the username {} is already in use on this server; choose another one",
                        new.username
                    ))),
                    Err(StaffError::DepartmentNotFound(slug)) => {
                        let slugs = departments::slugs(writer, new.property_id).await?;
                        Err(AdminError::failed(format!(
                            "there is no department {slug:?}; the departments are: {}",
                            slugs.join(", ")
                        )))
                    }
                    Err(error) => Err(error.into()),
                }
            })
        })
        .await?;
    Ok(Response::StaffCreated { id, username, password })
}

pub(super) async fn list(app: &App, wanted: Option<Id>) -> Result<Response, AdminError> {
    let mut properties = departments::properties(app.store.pool()).await?;
    if wanted.is_some() {
        let chosen = choose_property(&properties, wanted)?;
        properties.retain(|(id, _)| *id == chosen);
    }
    let mut accounts = Vec::new();
    for (property_id, _) in properties {
        let rows = staff::of_property(&app.store, property_id).await?;
        accounts.extend(rows.into_iter().map(|row| {
            let user = row.staff.to_user();
            Account {
                id: user.id,
                username: user.username,
                name: user.name,
                user_type: row.staff.user_type,
                is_admin: user.is_admin,
                departments: user.departments,
                disabled: row.is_disabled,
                property_id,
            }
        }));
    }
    Ok(Response::Staff { accounts })
}

/// The account with a username, in the wanted property if one is named.
async fn account(app: &App, wanted: Option<Id>, username: &str) -> Result<StaffRow, AdminError> {
    staff::by_username(&app.store, username.trim())
        .await?
        .map(|(row, _)| row)
        .filter(|row| wanted.is_none_or(|wanted| wanted == row.staff.property.id))
        .ok_or_else(|| {
            AdminError::failed(format!(
                "there is no account {username:?}; `staff list` shows all accounts"
            ))
        })
}

/// Disables an account and closes its connections. Its sessions are kept, so that its requests get `403`
/// rather than `401`.
pub(super) async fn disable(
    app: &App,
    property: Option<Id>,
    username: &str,
) -> Result<Response, AdminError> {
    let account = account(app, property, username).await?;
    if account.is_disabled {
        // Nothing changes.
        return Ok(Response::StaffDisabled {
            id: account.staff.id,
            username: account.staff.username,
        });
    }
    let (id, mut place) = (account.staff.id, Place::new(account.staff.property.id));
    let now = app.clock.now();
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            let change = StaffChange { is_disabled: Some(true), ..StaffChange::default() };
            staff::update(writer, (place.property_id, id), &change, now).await?;
            place.did("disabled", Subject::Staff(id));
            Ok::<_, AdminError>(place.written(()).telling([Effect::EndStaff(id)]))
        })
    });
    written.await?;
    Ok(Response::StaffDisabled { id: account.staff.id, username: account.staff.username })
}

pub(super) async fn set_password(
    app: &App,
    property: Option<Id>,
    username: &str,
    password: Option<Password>,
) -> Result<Response, AdminError> {
    let account = account(app, property, username).await?;
    let names = [account.staff.username.as_str(), account.staff.name.as_str()];
    let (password_hash, password) = hash(app, password, &names).await?;
    let change = StaffChange { password_hash: Some(password_hash), ..StaffChange::default() };
    end_sessions(app, &account, Some(change), "password_changed").await?;
    let StaffRow { staff, .. } = account;
    Ok(Response::PasswordSet { id: staff.id, username: staff.username, password })
}

pub(super) async fn sign_out(
    app: &App,
    property: Option<Id>,
    username: &str,
) -> Result<Response, AdminError> {
    let account = account(app, property, username).await?;
    end_sessions(app, &account, None, "signed_out").await?;
    Ok(Response::SignedOut { id: account.staff.id, username: account.staff.username })
}

/// Changes an account, if there is a change, and ends all its sessions.
async fn end_sessions(
    app: &App,
    account: &StaffRow,
    change: Option<StaffChange>,
    action: &'static str,
) -> Result<(), AdminError> {
    let (id, mut place) = (account.staff.id, Place::new(account.staff.property.id));
    let now = app.clock.now();
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            if let Some(change) = &change {
                staff::update(writer, (place.property_id, id), change, now).await?;
            }
            let ended = sessions::end_all(writer, (place.property_id, id), None).await?;
            if change.is_none() && ended.is_empty() {
                // The account was signed in nowhere.
                return Ok(place.written(()));
            }
            place.did(action, Subject::Staff(id));
            Ok::<_, AdminError>(place.written(()).telling([Effect::EndStaff(id)]))
        })
    });
    Ok(written.await?)
}

/// Turns off two-step sign-in for a person who has lost their phone.
pub(super) async fn remove_second_factor(
    app: &App,
    property: Option<Id>,
    username: &str,
) -> Result<Response, AdminError> {
    let account = account(app, property, username).await?;
    let (id, mut place) = (account.staff.id, Place::new(account.staff.property.id));
    let username = account.staff.username.clone();
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            if !second_factor::remove(writer, id).await? {
                return Err(AdminError::failed(format!(
                    "{username} does not use two-step sign-in"
                )));
            }
            sessions::end_all(writer, (place.property_id, id), None).await?;
            place.did("second_factor_removed", Subject::Staff(id));
            Ok(place.written(()).telling([Effect::EndStaff(id)]))
        })
    });
    written.await?;
    Ok(Response::SecondFactorRemoved { id, username: account.staff.username })
}

/// The hash of a password, and the password itself when it was generated here.
async fn hash(
    app: &App,
    given: Option<Password>,
    names: &[&str],
) -> Result<(String, Option<Password>), AdminError> {
    let failed = || AdminError::failed("the password could not be hashed; try again");
    let Some(Password(password)) = given else {
        let password = generate_password();
        let hash = app.passwords.hash(password.clone()).await.ok_or_else(failed)?;
        return Ok((hash, Some(Password(password))));
    };
    let mut about: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    about
        .extend(departments::properties(app.store.pool()).await?.into_iter().map(|(_, name)| name));
    match app.passwords.accept(password, about).await {
        Ok(hash) => Ok((hash, None)),
        Err(PasswordRefused::Weak(weakness)) => Err(AdminError::usage(weakness.to_string())),
        Err(PasswordRefused::Unavailable) => Err(failed()),
    }
}
