//! The ways to a session: the first account, and signing in.

use std::{net::IpAddr, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::{Actor, Entry, FailedSignIns, Subject},
    auth::{
        self, Attempt, COOKIE, Changed, PASSWORD_TYPED_MAX_CHARS, PasswordRefused, Secret, Verdict,
        Visitor, hash_secret, session_end,
    },
    journal::Written,
    protocol::{Id, Timestamp, User, UserType},
    region::{CountryCode, TimeZoneName},
    store::{
        StoreError, departments,
        properties::{self, PropertyRow},
        second_factor, sessions, sign_in,
        staff::{self, NewStaff, StaffRow},
    },
    text::{PersonName, PropertyName, Username},
};

use super::{
    caller::{self, Caller},
    extract::Body,
    problem::Problem,
    second_factor::take_code,
};

/// Name of the cookie by which a browser is known that signed in before, and the path for which it is sent.
const DEVICE_COOKIE: (&str, &str) = ("frontdesk_device", "auth/");

/// Name of the session cookie, which is sent with every call.
pub(super) const SESSION_COOKIE: (&str, &str) = (COOKIE, "");

/// How long browsers keep it: 400 days, the longest they keep anything.
const DEVICE_COOKIE_AGE: Duration = Duration::from_hours(400 * 24);

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(setup)).routes(routes!(login))
}

/// The first account of a server.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub(super) struct Setup {
    /// The one-time setup code that `serve` prints.
    #[garde(length(chars, max = 200))]
    setup_token: String,
    /// The hotel's name.
    #[garde(dive)]
    #[schema(value_type = String)]
    #[ts(as = "String")]
    property_name: PropertyName,
    /// What to sign in with, without spaces.
    #[garde(dive)]
    #[schema(value_type = String)]
    #[ts(as = "String")]
    username: Username,
    /// What others see.
    #[garde(dive)]
    #[schema(value_type = String)]
    #[ts(as = "String")]
    name: PersonName,
    /// At least 10 characters, and not easily guessed.
    #[garde(skip)]
    password: String,
    /// Name of the hotel's time zone in the IANA database; the server's own when missing.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    #[ts(as = "Option<String>", optional = nullable)]
    time_zone: Option<TimeZoneName>,
    /// The hotel's country, two letters of ISO 3166-1; that of the time zone when missing, if it
    /// belongs to one.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    #[ts(as = "Option<String>", optional = nullable)]
    country: Option<CountryCode>,
    /// `true`: the session comes as a cookie that scripts cannot read, and `token` is `null`.
    #[serde(default)]
    #[garde(skip)]
    cookie: bool,
}

/// Name and password.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub(super) struct Login {
    /// The username, in upper or lower case.
    #[garde(length(chars, min = 1, max = 200))]
    username: String,
    #[garde(length(chars, max = PASSWORD_TYPED_MAX_CHARS))]
    password: String,
    /// `true`: the session comes as a cookie that scripts cannot read, and `token` is `null`.
    #[serde(default)]
    #[garde(skip)]
    cookie: bool,
    /// The `device_secret` of an earlier sign-in on this device. Browsers have it in a cookie.
    #[serde(default)]
    #[ts(optional)]
    #[garde(inner(length(chars, max = 200)))]
    device_secret: Option<String>,
    /// Required for an account with two-step sign-in: six digits from the app, or a recovery code.
    #[serde(default)]
    #[ts(optional)]
    #[garde(inner(length(chars, max = 200)))]
    code: Option<String>,
}

/// A session that has begun.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct SignedIn {
    /// The bearer token; `null` when it went into the cookie.
    token: Option<String>,
    /// 30 days after the last use.
    expires_at: Timestamp,
    /// Who signed in.
    user: User,
    /// Keep it, and send it whenever this person signs in on this device again: then failed sign-ins of
    /// others do not make them wait. Only present when the device is new, and never with a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    device_secret: Option<String>,
}

fn already_set_up() -> Problem {
    Problem::conflict("already_set_up", "This server is already set up; sign in")
}

/// Creates the first account; only while there is no staff account.
#[utoipa::path(post, path = "/setup/", tag = "account", request_body = Setup, security(()), responses(
    (status = 200, body = SignedIn), (status = 403, body = Problem), (status = 409, body = Problem)))]
async fn setup(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(new): Body<Setup>,
) -> Result<Response, Problem> {
    require_own_page_for_cookie(&app, &headers, new.cookie)?;
    if staff::exist(app.store.pool()).await? {
        return Err(already_set_up());
    }
    if !app.config.setup_token.as_ref().is_some_and(|token| token.matches(&new.setup_token)) {
        return Err(Problem::forbidden(
            "The setup code is wrong; the server printed it when it started",
        ));
    }
    let property_name = String::from(new.property_name);
    let zone = new.time_zone.unwrap_or_else(|| app.config.time_zone.clone());
    let country = new.country.or_else(|| CountryCode::of_time_zone(zone.as_ref()));
    let region = (zone, country);
    let (username, name) = (String::from(new.username), String::from(new.name));
    let about = vec![property_name.clone(), username.clone(), name.clone()];
    let password_hash = app.passwords.accept(new.password, about).await;
    let password_hash = password_hash.map_err(|refused| refused_password("password", refused))?;
    let now = app.clock.now();
    let signing_in = username.clone();
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                // Two set-ups may run at once: the writer decides which one is first.
                if staff::exist(&mut *writer).await? {
                    return Err(already_set_up());
                }
                let (property_id, origin) =
                    first_property(writer, &property_name, &region, now).await?;
                let account = NewStaff {
                    property_id,
                    username,
                    name,
                    password_hash,
                    user_type: UserType::DepartmentStaff,
                    is_admin: true,
                    departments: departments::slugs(writer, property_id).await?,
                };
                let id = staff::create(writer, &account, now).await?;
                let by = Actor::Staff(id);
                let property = Subject::Property(property_id);
                let made = [
                    Entry::new(property_id, by, origin, property),
                    Entry::new(property_id, by, "created", Subject::Staff(id)),
                ];
                Ok(Written::logged((), made))
            })
        })
        .await?;
    let (row, _) =
        staff::by_username(&app.store, &signing_in).await?.ok_or_else(Problem::unavailable)?;
    begin_session(&app, &headers, row.staff, (caller.address, None), new.cookie).await
}

/// Where the first account works: in the property that the command line has made, which takes this name,
/// or in a new one. Returns also what that is called in the audit log.
async fn first_property(
    writer: &mut SqliteConnection,
    name: &str,
    (zone, country): &(TimeZoneName, Option<CountryCode>),
    now: Timestamp,
) -> Result<(Id, &'static str), StoreError> {
    // The command line may have created a property with gateways and guests before: this account belongs to
    // it.
    let country = country.as_ref().map(|code| String::from(code.clone()));
    if let [known] = properties::all(writer).await?.as_slice() {
        let name = name.to_owned();
        let time_zone = String::from(zone.clone());
        let chosen = PropertyRow { name, time_zone, country, ..known.clone() };
        properties::update(writer, &chosen).await?;
        return Ok((known.id, "updated"));
    }
    let id = departments::create_property(writer, name, now).await?;
    properties::set_region(writer, id, zone.as_ref(), country.as_deref()).await?;
    Ok((id, "created"))
}

/// Refuses a session cookie to a page of another site: such a page must not sign its visitor in here.
fn require_own_page_for_cookie(
    app: &App,
    headers: &HeaderMap,
    asks_for_cookie: bool,
) -> Result<(), Problem> {
    if asks_for_cookie && headers.contains_key(header::ORIGIN) {
        auth::require_own_page(app, headers)?;
    }
    Ok(())
}

/// Begins a session.
#[utoipa::path(post, path = "/auth/login/", tag = "account", request_body = Login, security(()), responses(
    (status = 200, body = SignedIn), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 429, body = Problem)))]
async fn login(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(login): Body<Login>,
) -> Result<Response, Problem> {
    require_own_page_for_cookie(&app, &headers, login.cookie)?;
    let secret = login.device_secret.or_else(|| auth::cookie(&headers, DEVICE_COOKIE.0));
    let secret = secret.map(|secret| hash_secret(&secret));
    let account = login.username.trim();
    // From here on, known and unknown usernames take the same steps, so that the time does not reveal which
    // exist.
    let device = sign_in::known_device(&app.store, account, secret.as_deref()).await?;
    let is_account = sign_in::is_account(&app.store, account).await?;
    let visitor = Visitor { account, address: caller.known_address(), is_account, device };
    let attempt =
        app.throttle.begin(&visitor, app.clock_watch.steady_now()).map_err(Problem::too_many)?;
    let (attempt, row) = password_step(&app, attempt, &visitor, login.password).await?;
    let attempt = second_step(&app, attempt, &row, login.code).await?;
    write_failures(&app, attempt.succeeded()).await;
    if row.is_disabled {
        return Err(Problem::forbidden("This account is disabled; ask an admin of your hotel"));
    }
    begin_session(&app, &headers, row.staff, (caller.address, device), login.cookie).await
}

/// Whose password it is.
///
/// # Errors
/// `401` for a wrong one, `429` while too many wait to be looked at.
async fn password_step<'a>(
    app: &App,
    attempt: Attempt<'a>,
    visitor: &Visitor<'_>,
    password: String,
) -> Result<(Attempt<'a>, StaffRow), Problem> {
    let found = staff::by_username(&app.store, visitor.account).await?;
    let (row, hash) = found.map_or((None, None), |(row, hash)| (Some(row), Some(hash)));
    let verdict = if visitor.device.is_some() {
        app.passwords.verify(password, hash.clone()).await
    } else {
        let judged = app.passwords.verify_stranger(password, hash.clone()).await;
        judged.map_err(|_busy| Problem::too_busy())?
    };
    match row {
        Some(row) if verdict.is_right() => {
            renew_hash(app, row.staff.id, hash, verdict).await;
            Ok((attempt, row))
        }
        row => {
            write_failures(app, attempt.failed()).await;
            // After the other write: the answer must not take longer for existing usernames.
            if let Some(row) = row {
                FailedSignIns::log(app, row.staff.property.id, row.staff.id);
            }
            Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "invalid_credentials",
                "Wrong username or password",
            ))
        }
    }
}

/// Replaces a hash that was made before passwords were composed. Should that fail, the next sign-in tries again.
pub(super) async fn renew_hash(app: &App, staff_id: Id, before: Option<String>, verdict: Verdict) {
    let (Some(before), Verdict::RightWithOlderHash(after)) = (before, verdict) else { return };
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            staff::renew_hash(writer, staff_id, (&before, &after)).await?;
            Ok::<_, StoreError>(Written::quiet(()))
        })
    });
    if let Err(error) = written.await {
        tracing::warn!(%error, "a password hash could not be renewed");
    }
}

/// Asks for a code where the account has a second factor.
///
/// # Errors
/// `401` without one, or for a wrong one.
async fn second_step<'a>(
    app: &App,
    attempt: Attempt<'a>,
    row: &StaffRow,
    code: Option<String>,
) -> Result<Attempt<'a>, Problem> {
    if row.is_disabled || second_factor::in_use(&app.store, row.staff.id).await?.is_none() {
        return Ok(attempt);
    }
    let Some(code) = code else {
        // This counts neither as a failure nor as a success: otherwise a person with the password could
        // guess codes without limit.
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "second_factor_required",
            "This account uses two-step sign-in; send a code from the authenticator app, or \
             a recovery code",
        ));
    };
    if take_code(app, &row.staff, &code).await? {
        return Ok(attempt);
    }
    write_failures(app, attempt.failed()).await;
    FailedSignIns::log(app, row.staff.property.id, row.staff.id);
    Err(Problem::new(
        StatusCode::UNAUTHORIZED,
        "invalid_code",
        "The code is wrong or has already been used",
    ))
}

/// Stores failures so that they survive a restart. If that fails, they still count until then.
pub(super) async fn write_failures(app: &App, (changed, forget_before): Changed) {
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            sign_in::write_failures(writer, &changed, forget_before).await?;
            Ok::<_, StoreError>(Written::quiet(()))
        })
    });
    if let Err(error) = written.await {
        tracing::warn!(%error, "failed sign-ins could not be stored");
    }
}

/// The problem for a new password that was refused.
pub(super) fn refused_password(field: &str, refused: PasswordRefused) -> Problem {
    match refused {
        PasswordRefused::Weak(weakness) => Problem::invalid_field(field, weakness.to_string()),
        PasswordRefused::Unavailable => Problem::unavailable(),
    }
}

async fn begin_session(
    app: &App,
    headers: &HeaderMap,
    person: crate::chat::Staff,
    (address, device): (IpAddr, Option<Id>),
    as_cookie: bool,
) -> Result<Response, Problem> {
    let secret = Secret::generate();
    // A device that is known keeps its secret; a new one gets one.
    let device_secret = device.is_none().then(Secret::generate);
    let device_hash = device_secret.as_ref().map(|secret| hash_secret(secret.reveal()));
    let token_hash = hash_secret(secret.reveal());
    let user_agent: String = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect();
    let (now, id, property_id) = (app.clock_watch.steady_now(), person.id, person.property.id);
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                match (device, device_hash) {
                    (Some(device), _) => {
                        sign_in::touch_device(writer, device, address, now).await?;
                    }
                    (None, Some(hash)) => {
                        sign_in::add_device(writer, id, &hash, address, now).await?;
                    }
                    (None, None) => {}
                }
                let session = sessions::create(writer, id, &token_hash, &user_agent, now).await?;
                let actor = Actor::Staff(id);
                let entry = Entry::new(property_id, actor, "signed_in", Subject::Session(session));
                Ok::<_, StoreError>(Written::logged((), [entry]))
            })
        })
        .await?;
    let body = SignedIn {
        token: (!as_cookie).then(|| secret.reveal().to_owned()),
        expires_at: session_end(now),
        user: person.to_user(),
        device_secret: device_secret
            .as_ref()
            .filter(|_| !as_cookie)
            .map(|secret| secret.reveal().to_owned()),
    };
    let mut response = Json(body).into_response();
    if as_cookie {
        let of = (app, headers);
        set_cookie(&mut response, of, SESSION_COOKIE, secret.reveal(), auth::SESSION);
        if let Some(secret) = device_secret {
            set_cookie(&mut response, of, DEVICE_COOKIE, secret.reveal(), DEVICE_COOKIE_AGE);
        }
    }
    Ok(response)
}

/// Sets a cookie for a path below the one that browsers call the server by.
pub(super) fn set_cookie(
    response: &mut Response,
    (app, headers): (&App, &HeaderMap),
    (name, path): (&'static str, &'static str),
    value: &str,
    max_age: Duration,
) {
    let is_tls = caller::is_tls(headers);
    let cookie = cookie::Cookie::build((name, value))
        .path(format!("{}/{path}", app.config.public_path))
        .http_only(true)
        .same_site(cookie::SameSite::Strict)
        .secure(is_tls)
        .max_age(max_age.try_into().unwrap_or_default())
        .build();
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
