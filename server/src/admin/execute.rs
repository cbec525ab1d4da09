//! Carries requests out, through the one writer.

use sqlx::SqliteConnection;

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    auth::{PasswordRefused, Secret, generate_password, hash_secret},
    demo,
    http::digits,
    hub::Effect,
    journal::Written,
    protocol::{Id, Timestamp},
    store::{
        audit, departments,
        gateways::{self, NewGateway},
        guests::GuestData,
        second_factor, sessions,
        staff::{self, NewStaff, StaffChange, StaffError, StaffRow},
    },
};

use super::{
    Account, AdminError, Password, Request, Response, guests as guest_data,
    properties::{self, Choices},
    stays::{add_rooms, check_in, check_out},
};

/// Name of the property that is made when a command needs one and there is none.
const FIRST_PROPERTY: &str = "Hotel";

/// Longest name, in characters.
const NAME_MAX_CHARS: usize = 200;

/// Longest username, in characters.
const USERNAME_MAX_CHARS: usize = 64;

/// Longest room number, in characters.
const ROOM_MAX_CHARS: usize = 20;

/// Carries out one request.
///
/// # Errors
/// [`AdminError`]: a sentence that says what to do. Nothing was changed.
pub(super) async fn execute(app: &App, request: Request) -> Result<Response, AdminError> {
    match request {
        Request::PropertyCreate { name } => create_property(app, &name).await,
        Request::StaffCreate {
            property,
            username,
            name,
            departments,
            user_type,
            is_admin,
            password,
        } => {
            let username = text("a username", &username, USERNAME_MAX_CHARS)?;
            if username.contains(char::is_whitespace) {
                return Err(AdminError::usage("a username has no spaces; choose another one"));
            }
            let (password_hash, generated) = hash(app, password, &[&username, &name]).await?;
            let new = NewStaff {
                property_id: 0,
                username,
                name: text("a name", &name, NAME_MAX_CHARS)?,
                password_hash,
                user_type,
                is_admin,
                departments,
            };
            create_staff(app, property, new, generated).await
        }
        Request::StaffList { property } => list_staff(app, property).await,
        Request::StaffDisable { property, username } => {
            let account = account(app, property, &username).await?;
            let change = StaffChange { is_disabled: Some(true), ..StaffChange::default() };
            end_sessions(app, &account, Some(change), "disabled").await?;
            Ok(Response::StaffDisabled { id: account.staff.id, username: account.staff.username })
        }
        Request::StaffSetPassword { property, username, password } => {
            let account = account(app, property, &username).await?;
            let names = [account.staff.username.as_str(), account.staff.name.as_str()];
            let (password_hash, password) = hash(app, password, &names).await?;
            let change =
                StaffChange { password_hash: Some(password_hash), ..StaffChange::default() };
            end_sessions(app, &account, Some(change), "password_changed").await?;
            let StaffRow { staff, .. } = account;
            Ok(Response::PasswordSet { id: staff.id, username: staff.username, password })
        }
        Request::StaffSignOut { property, username } => {
            let account = account(app, property, &username).await?;
            end_sessions(app, &account, None, "signed_out").await?;
            Ok(Response::SignedOut { id: account.staff.id, username: account.staff.username })
        }
        Request::StaffRemoveSecondFactor { property, username } => {
            let account = account(app, property, &username).await?;
            remove_second_factor(app, &account).await?;
            let StaffRow { staff, .. } = account;
            Ok(Response::SecondFactorRemoved { id: staff.id, username: staff.username })
        }
        Request::GuestCheckIn { property, name, room, whatsapp, language } => {
            let data = GuestData {
                name: Some(text("a name", &name, NAME_MAX_CHARS)?),
                whatsapp_number: whatsapp.map(|number| number_of(&number)).transpose()?,
                language,
            };
            check_in(app, property, data, text("a room", &room, ROOM_MAX_CHARS)?).await
        }
        Request::GuestCheckOut { property, guest } => check_out(app, property, guest).await,
        Request::RoomAdd { property, numbers } => {
            let numbers = numbers
                .iter()
                .map(|number| text("a room", number, ROOM_MAX_CHARS))
                .collect::<Result<Vec<_>, _>>()?;
            add_rooms(app, property, numbers).await
        }
        Request::GatewayCreate { property, name, callback_url } => {
            let name = text("a name", &name, NAME_MAX_CHARS)?;
            if let Some(url) = &callback_url {
                check_url(url)?;
            }
            create_gateway(app, property, name, callback_url).await
        }
        Request::PropertyList { property } => properties::list(app, property).await,
        Request::PropertySet { property, retention_days, retention, second_factor } => {
            let choices = Choices { retention_days, retention, second_factor };
            properties::set(app, property, choices).await
        }
        Request::GuestExport { property, id, format } => {
            guest_data::export(app, property, id, format).await
        }
        Request::GuestErase { property, id } => guest_data::erase(app, property, id).await,
        Request::DemoLoad => demo::load(app).await,
        Request::NoteBackup => note_backup(app).await,
    }
}

/// A text without spaces around it, neither empty nor too long.
fn text(what: &str, value: &str, max_chars: usize) -> Result<String, AdminError> {
    let value = value.trim();
    let chars = value.chars().count();
    if chars == 0 || value.contains(char::is_control) {
        return Err(AdminError::usage(format!(
            "{what} must not be empty or hold control characters"
        )));
    }
    if chars > max_chars {
        return Err(AdminError::usage(format!("{what} has at most {max_chars} characters")));
    }
    Ok(value.to_owned())
}

pub(super) fn number_of(number: &str) -> Result<String, AdminError> {
    let digits = digits(number);
    if digits.is_empty() {
        return Err(AdminError::usage(format!(
            "{number:?} is no number; write it with its country: +44 7700 900123"
        )));
    }
    Ok(digits)
}

fn check_url(url: &str) -> Result<(), AdminError> {
    let fits = reqwest::Url::parse(url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if fits {
        return Ok(());
    }
    Err(AdminError::usage(format!(
        "{url:?} is no address replies can be sent to; write it as https://host/path"
    )))
}

/// The hash of a password; also the password itself when it was made up here.
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
    about.extend(departments::properties(&app.store).await?.into_iter().map(|(_, name)| name));
    match app.passwords.accept(password, about).await {
        Ok(hash) => Ok((hash, None)),
        Err(PasswordRefused::Weak(weakness)) => Err(AdminError::usage(weakness.to_string())),
        Err(PasswordRefused::Unavailable) => Err(failed()),
    }
}

/// The property a command is about; the first one is made when there is none.
pub(super) async fn property(
    writer: &mut SqliteConnection,
    wanted: Option<Id>,
    now: Timestamp,
) -> Result<Id, AdminError> {
    let known = departments::properties_in(writer).await?;
    if wanted.is_none() && known.is_empty() {
        let id = departments::create_property(writer, FIRST_PROPERTY, now).await?;
        log(writer, (id, now), &[("created", Subject::Property(id))]).await?;
        return Ok(id);
    }
    choose_property(&known, wanted)
}

/// Logs that the whole database was copied, in every property.
async fn note_backup(app: &App) -> Result<Response, AdminError> {
    let now = app.clock.now();
    let noted = app.journal.write(move |writer| {
        Box::pin(async move {
            audit::append_everywhere(writer, Actor::CommandLine, "backed_up", now).await?;
            Ok::<_, AdminError>(Written::quiet(Response::BackupNoted))
        })
    });
    Ok(noted.await?)
}

/// Logs what the command line did in a property.
pub(super) async fn log(
    writer: &mut SqliteConnection,
    (property_id, now): (Id, Timestamp),
    done: &[(&'static str, Subject)],
) -> Result<(), AdminError> {
    let entries: Vec<_> = done
        .iter()
        .map(|(action, subject)| Entry::new(property_id, Actor::CommandLine, action, *subject))
        .collect();
    Ok(audit::append(writer, &entries, now).await?)
}

pub(super) fn choose_property(
    known: &[(Id, String)],
    wanted: Option<Id>,
) -> Result<Id, AdminError> {
    let names = || {
        let names: Vec<_> = known.iter().map(|(id, name)| format!("{id} ({name})")).collect();
        names.join(", ")
    };
    match (wanted, known) {
        (None, [(id, _)]) => Ok(*id),
        (None, []) => Err(AdminError::failed(
            "there is no property yet; make one with `property create --name NAME`",
        )),
        (None, _) => Err(AdminError::usage(format!(
            "there are several properties; say which one with --property: {}",
            names()
        ))),
        (Some(wanted), known) if known.iter().any(|(id, _)| *id == wanted) => Ok(wanted),
        (Some(wanted), []) => Err(AdminError::failed(format!(
            "there is no property {wanted}; make one with `property create --name NAME`"
        ))),
        (Some(wanted), _) => {
            Err(AdminError::failed(format!("there is no property {wanted}; there are {}", names())))
        }
    }
}

async fn create_property(app: &App, name: &str) -> Result<Response, AdminError> {
    let name = text("a name", name, NAME_MAX_CHARS)?;
    let (stored, now) = (name.clone(), app.clock.now());
    let id = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let id = departments::create_property(writer, &stored, now).await?;
                log(writer, (id, now), &[("created", Subject::Property(id))]).await?;
                Ok::<_, AdminError>(Written::quiet(id))
            })
        })
        .await?;
    Ok(Response::Property { id, name })
}

async fn create_staff(
    app: &App,
    wanted: Option<Id>,
    mut new: NewStaff,
    password: Option<Password>,
) -> Result<Response, AdminError> {
    let (username, now) = (new.username.clone(), app.clock.now());
    let id = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                new.property_id = property(writer, wanted, now).await?;
                match staff::create(writer, &new, now).await {
                    Ok(id) => {
                        let made = [("created", Subject::Staff(id))];
                        log(writer, (new.property_id, now), &made).await?;
                        Ok(Written::quiet(id))
                    }
                    Err(StaffError::UsernameTaken) => Err(AdminError::failed(format!(
                        "the username {} is taken on this server; choose another one",
                        new.username
                    ))),
                    Err(StaffError::DepartmentNotFound(slug)) => {
                        let slugs = departments::slugs(writer, new.property_id).await?;
                        Err(AdminError::failed(format!(
                            "there is no department {slug:?}; there are {}",
                            slugs.join(", ")
                        )))
                    }
                    Err(StaffError::Store(error)) => Err(error.into()),
                }
            })
        })
        .await?;
    Ok(Response::StaffCreated { id, username, password })
}

async fn list_staff(app: &App, wanted: Option<Id>) -> Result<Response, AdminError> {
    let mut properties = departments::properties(&app.store).await?;
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
                user_type: user.user_type,
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
                "there is no account {username:?}; `staff list` shows all of them"
            ))
        })
}

/// Changes an account, if there is a change, and ends all its sessions.
async fn end_sessions(
    app: &App,
    account: &StaffRow,
    change: Option<StaffChange>,
    action: &'static str,
) -> Result<(), AdminError> {
    let (id, property_id) = (account.staff.id, account.staff.property.id);
    let now = app.clock.now();
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            if let Some(change) = &change {
                staff::update(writer, id, change, now).await?;
            }
            sessions::end_all(writer, id, None).await?;
            log(writer, (property_id, now), &[(action, Subject::Staff(id))]).await?;
            Ok::<_, AdminError>(Written { value: (), effects: vec![Effect::EndStaff(id)] })
        })
    });
    Ok(written.await?)
}

/// Takes a second factor away whose owner has lost it.
async fn remove_second_factor(app: &App, account: &StaffRow) -> Result<(), AdminError> {
    let (id, property_id) = (account.staff.id, account.staff.property.id);
    let (username, now) = (account.staff.username.clone(), app.clock.now());
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            if !second_factor::remove(writer, id).await? {
                return Err(AdminError::failed(format!("{username} has no second factor")));
            }
            sessions::end_all(writer, id, None).await?;
            let done = [("second_factor_removed", Subject::Staff(id))];
            log(writer, (property_id, now), &done).await?;
            Ok(Written { value: (), effects: vec![Effect::EndStaff(id)] })
        })
    });
    Ok(written.await?)
}

async fn create_gateway(
    app: &App,
    wanted: Option<Id>,
    name: String,
    callback_url: Option<String>,
) -> Result<Response, AdminError> {
    let key = format!("fdgk_{}", Secret::generate().reveal());
    let signing_secret = format!("fdgs_{}", Secret::generate().reveal());
    let mut new = NewGateway {
        property_id: 0,
        name: name.clone(),
        key_hash: hash_secret(&key),
        signing_secret: signing_secret.clone(),
        callback_url,
    };
    let now = app.clock.now();
    let id = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                new.property_id = property(writer, wanted, now).await?;
                match gateways::create(writer, &new, now).await {
                    Ok(id) => {
                        let made = [("created", Subject::Gateway(id))];
                        log(writer, (new.property_id, now), &made).await?;
                        Ok(Written::quiet(id))
                    }
                    Err(error) if error.is_unique_violation("gateway.name") => {
                        Err(AdminError::failed(format!(
                            "there is a gateway {:?} already; choose another name",
                            new.name
                        )))
                    }
                    Err(error) => Err(error.into()),
                }
            })
        })
        .await?;
    Ok(Response::Gateway { id, name, key, signing_secret })
}
