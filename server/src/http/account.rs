//! Signing in and out, sessions, passwords, and the first account.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::{Actor, Entry, FailedSignIns, Subject},
    auth::{self, Admitted, COOKIE, Secret, hash_secret, session_end},
    hub::Effect,
    journal::Written,
    protocol::{Id, Timestamp, User, UserType},
    store::{
        StoreError, audit, departments, sessions,
        staff::{self, NewStaff, StaffChange, StaffError},
    },
};

use super::{
    extract::{Body, PathId},
    problem::Problem,
};

/// Shortest password, in characters.
pub(crate) const PASSWORD_MIN_CHARS: usize = 10;

/// Longest password, in characters: enough for any sentence, little enough to hash.
pub(crate) const PASSWORD_MAX_CHARS: usize = 200;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(setup))
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(me))
        .routes(routes!(list_sessions))
        .routes(routes!(end_session))
        .routes(routes!(change_password))
}

/// The first account of a server.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[ts(export)]
struct Setup {
    /// The one-time token that `serve` prints.
    #[garde(skip)]
    setup_token: String,
    /// The hotel's name.
    #[garde(length(chars, min = 1, max = 200))]
    property_name: String,
    /// What to sign in with.
    #[garde(length(chars, min = 1, max = 64), pattern("^[^\\s]+$"))]
    username: String,
    /// What others see.
    #[garde(length(chars, min = 1, max = 200))]
    name: String,
    /// At least 10 characters.
    #[garde(length(chars, min = PASSWORD_MIN_CHARS, max = PASSWORD_MAX_CHARS))]
    password: String,
}

/// Name and password.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[ts(export)]
struct Login {
    /// In any case.
    #[garde(length(chars, min = 1, max = 200))]
    username: String,
    #[garde(length(chars, max = PASSWORD_MAX_CHARS))]
    password: String,
    /// `true`: the session comes as a cookie that scripts cannot read, and `token` is `null`.
    #[serde(default)]
    #[garde(skip)]
    cookie: bool,
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
}

/// Makes the first account; only while there is no staff.
#[utoipa::path(post, path = "/setup/", tag = "account", request_body = Setup, responses(
    (status = 200, body = SignedIn), (status = 403, body = Problem), (status = 409, body = Problem)))]
async fn setup(
    State(app): State<App>,
    headers: HeaderMap,
    Body(new): Body<Setup>,
) -> Result<Response, Problem> {
    if staff::exist(&app.store).await? {
        return Err(Problem::conflict("already_set_up", "This server has accounts; sign in"));
    }
    if !app.config.setup_token.as_ref().is_some_and(|token| token.matches(&new.setup_token)) {
        return Err(Problem::forbidden(
            "The setup token is wrong; the server printed it at its start",
        ));
    }
    let password_hash = app.passwords.hash(new.password).await.ok_or_else(Problem::unavailable)?;
    let now = app.clock.now();
    let username = new.username.clone();
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                // Two set-ups at once: the writer knows which was first.
                let others: bool = staff::exist_in(writer).await?;
                if others {
                    return Err(StaffError::UsernameTaken);
                }
                let name = new.property_name.trim();
                let property_id = departments::create_property(writer, name, now).await?;
                let slugs = departments::slugs(writer, property_id).await?;
                let account = NewStaff {
                    property_id,
                    username: new.username,
                    name: new.name.trim().to_owned(),
                    password_hash,
                    user_type: UserType::DepartmentStaff,
                    is_admin: true,
                    departments: slugs,
                };
                let id = staff::create(writer, &account, now).await?;
                let actor = Actor::Staff(id);
                let made = [Subject::Property(property_id), Subject::Staff(id)]
                    .map(|subject| Entry::new(property_id, actor, "created", subject));
                audit::append(writer, &made, now).await?;
                Ok(Written::quiet(id))
            })
        })
        .await?;
    let (row, _) =
        staff::by_username(&app.store, &username).await?.ok_or_else(Problem::unavailable)?;
    begin_session(&app, &headers, row.staff, false).await
}

/// Begins a session.
#[utoipa::path(post, path = "/auth/login/", tag = "account", request_body = Login, responses(
    (status = 200, body = SignedIn), (status = 401, body = Problem), (status = 429, body = Problem)))]
async fn login(
    State(app): State<App>,
    connect: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    Body(login): Body<Login>,
) -> Result<Response, Problem> {
    let address = connect.map_or(IpAddr::from([127, 0, 0, 1]), |connect| connect.0.0.ip());
    // A page of another site must not sign its visitor in here.
    if login.cookie && headers.contains_key(header::ORIGIN) && !auth::is_own_origin(&app, &headers)
    {
        return Err(Problem::forbidden("This page may not sign anybody in here"));
    }
    let now = app.clock.now();
    if let Some(seconds) = app.throttle.wait_seconds(&login.username, address, now) {
        return Err(Problem::too_many(seconds));
    }
    let found = staff::by_username(&app.store, &login.username).await?;
    let (row, hash) = found.map_or((None, None), |(row, hash)| (Some(row), Some(hash)));
    let fits = app.passwords.verify(login.password, hash).await;
    let known = row.as_ref().map(|row| (row.staff.property.id, row.staff.id));
    let Some(row) = row.filter(|_| fits) else {
        if let Some((property_id, id)) = known {
            FailedSignIns::log(&app, property_id, id);
        }
        app.throttle.failed(&login.username, address, now);
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "invalid_credentials",
            "Username or password is wrong",
        ));
    };
    app.throttle.succeeded(&login.username, address);
    if row.is_disabled {
        return Err(Problem::forbidden("This account is disabled"));
    }
    begin_session(&app, &headers, row.staff, login.cookie).await
}

async fn begin_session(
    app: &App,
    headers: &HeaderMap,
    person: crate::chat::Staff,
    as_cookie: bool,
) -> Result<Response, Problem> {
    let secret = Secret::generate();
    let token_hash = hash_secret(secret.reveal());
    let user_agent: String = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect();
    let (now, id, property_id) = (app.clock.now(), person.id, person.property.id);
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                let session = sessions::create(writer, id, &token_hash, &user_agent, now).await?;
                let actor = Actor::Staff(id);
                let entry = Entry::new(property_id, actor, "signed_in", Subject::Session(session));
                audit::append(writer, &[entry], now).await?;
                Ok::<_, StoreError>(Written::quiet(session))
            })
        })
        .await?;
    let body = SignedIn {
        token: (!as_cookie).then(|| secret.reveal().to_owned()),
        expires_at: session_end(now),
        user: person.to_user(),
    };
    let mut response = Json(body).into_response();
    if as_cookie {
        set_cookie(&mut response, headers, secret.reveal(), auth::SESSION_MILLIS / 1000);
    }
    Ok(response)
}

fn set_cookie(response: &mut Response, headers: &HeaderMap, value: &str, max_age_seconds: i64) {
    // TLS ends at a proxy, which says so; a forged header only makes the cookie stricter.
    let is_tls = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let cookie = cookie::Cookie::build((COOKIE, value))
        .path("/")
        .http_only(true)
        .same_site(cookie::SameSite::Strict)
        .secure(is_tls)
        .max_age(cookie::time::Duration::seconds(max_age_seconds))
        .build();
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// Ends this session.
#[utoipa::path(post, path = "/auth/logout/", tag = "account", responses(
    (status = 204), (status = 401, body = Problem)))]
async fn logout(
    State(app): State<App>,
    headers: HeaderMap,
    admitted: Admitted,
) -> Result<Response, Problem> {
    end(&app, &admitted, admitted.session_id).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, &headers, "", 0);
    Ok(response)
}

async fn end(app: &App, admitted: &Admitted, session_id: Id) -> Result<bool, Problem> {
    let (now, staff_id) = (app.clock.now(), admitted.staff.id);
    let property_id = admitted.staff.property.id;
    Ok(app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let ended = sessions::end(writer, staff_id, session_id).await?;
                if ended {
                    let (actor, subject) = (Actor::Staff(staff_id), Subject::Session(session_id));
                    let entry = Entry::new(property_id, actor, "signed_out", subject);
                    audit::append(writer, &[entry], now).await?;
                }
                let effects = vec![Effect::EndSessions(vec![session_id])];
                Ok::<_, StoreError>(Written { value: ended, effects })
            })
        })
        .await?)
}

/// Who is signed in.
#[utoipa::path(get, path = "/auth/me/", tag = "account", responses(
    (status = 200, body = User), (status = 401, body = Problem)))]
async fn me(admitted: Admitted) -> Json<User> {
    Json(admitted.staff.to_user())
}

/// One of a person's sessions.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct SessionInfo {
    id: Id,
    /// What the program called itself.
    user_agent: String,
    created_at: Timestamp,
    /// Written at most once an hour.
    last_used_at: Timestamp,
    expires_at: Timestamp,
    /// Whether it is the one that asks.
    is_current: bool,
}

/// Sessions of the signed-in person.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct Sessions {
    results: Vec<SessionInfo>,
}

/// Lists the sessions of the signed-in person.
#[utoipa::path(get, path = "/auth/sessions/", tag = "account", responses(
    (status = 200, body = Sessions), (status = 401, body = Problem)))]
async fn list_sessions(
    State(app): State<App>,
    admitted: Admitted,
) -> Result<Json<Sessions>, Problem> {
    let rows = sessions::of_staff(&app.store, admitted.staff.id, app.clock.now()).await?;
    let results = rows
        .into_iter()
        .map(|row| SessionInfo {
            is_current: row.id == admitted.session_id,
            id: row.id,
            user_agent: row.user_agent,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
        })
        .collect();
    Ok(Json(Sessions { results }))
}

/// Ends one of the signed-in person's sessions.
#[utoipa::path(delete, path = "/auth/sessions/{id}/", tag = "account", params(("id" = i64, Path)),
    responses((status = 204), (status = 401, body = Problem), (status = 404, body = Problem)))]
async fn end_session(
    State(app): State<App>,
    admitted: Admitted,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    if end(&app, &admitted, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("session_not_found", "You have no such session"))
    }
}

/// The old password and a new one.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[ts(export)]
struct PasswordChange {
    #[garde(length(chars, max = PASSWORD_MAX_CHARS))]
    current_password: String,
    /// At least 10 characters.
    #[garde(length(chars, min = PASSWORD_MIN_CHARS, max = PASSWORD_MAX_CHARS))]
    new_password: String,
}

/// Changes the signed-in person's password and ends their other sessions.
#[utoipa::path(post, path = "/auth/password/", tag = "account", request_body = PasswordChange,
    responses((status = 204), (status = 401, body = Problem), (status = 422, body = Problem)))]
async fn change_password(
    State(app): State<App>,
    admitted: Admitted,
    Body(change): Body<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let found = staff::by_username(&app.store, &admitted.staff.username).await?;
    let hash = found.map(|(_, hash)| hash);
    if !app.passwords.verify(change.current_password, hash).await {
        return Err(Problem::invalid_field("current_password", "This is not your password"));
    }
    let hash = app.passwords.hash(change.new_password).await.ok_or_else(Problem::unavailable)?;
    let (id, session_id, now) = (admitted.staff.id, admitted.session_id, app.clock.now());
    let property_id = admitted.staff.property.id;
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                let change = StaffChange { password_hash: Some(hash), ..StaffChange::default() };
                staff::update(writer, id, &change, now).await?;
                let ended = sessions::end_all(writer, id, Some(session_id)).await?;
                let (actor, subject) = (Actor::Staff(id), Subject::Staff(id));
                let entry = Entry::new(property_id, actor, "password_changed", subject);
                audit::append(writer, &[entry], now).await?;
                let effects = vec![Effect::EndSessions(ended)];
                Ok::<_, StoreError>(Written { value: (), effects })
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<StaffError> for Problem {
    fn from(error: StaffError) -> Self {
        match error {
            StaffError::UsernameTaken => Self::conflict("username_taken", "This username is taken"),
            StaffError::DepartmentNotFound(slug) => Self::invalid_field(
                "departments",
                format!("there is no department {slug:?} in this property"),
            ),
            StaffError::Store(error) => error.into(),
        }
    }
}
