//! What a signed-in person does with their own account: sessions, password, signing out.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    auth::{Admitted, OwnAccount, PASSWORD_TYPED_MAX_CHARS},
    chat::Staff,
    hub::Effect,
    journal::Written,
    protocol::{Id, Timestamp, User},
    store::{
        StoreError, sessions,
        staff::{self, StaffChange, StaffError},
    },
};

use super::{
    extract::{Body, PathId},
    problem::Problem,
    sign_in::{SESSION_COOKIE, refused_password, renew_hash, set_cookie, write_failures},
};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(logout))
        .routes(routes!(me))
        .routes(routes!(list_sessions))
        .routes(routes!(end_session))
        .routes(routes!(change_password))
}

/// Ends this session.
#[utoipa::path(post, path = "/auth/logout/", tag = "account", responses(
    (status = 204), (status = 401, body = Problem)))]
async fn logout(
    State(app): State<App>,
    headers: HeaderMap,
    OwnAccount(admitted): OwnAccount,
) -> Result<Response, Problem> {
    end(&app, &admitted, admitted.session_id).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, (&app, &headers), SESSION_COOKIE, "", Duration::ZERO);
    Ok(response)
}

async fn end(app: &App, admitted: &Admitted, session_id: Id) -> Result<bool, Problem> {
    let (staff_id, property_id) = (admitted.staff.id, admitted.staff.property.id);
    Ok(app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let ended = sessions::end(writer, staff_id, session_id).await?;
                let (actor, subject) = (Actor::Staff(staff_id), Subject::Session(session_id));
                let entry = ended.then(|| Entry::new(property_id, actor, "signed_out", subject));
                let effect = Effect::EndSessions(vec![session_id]);
                Ok::<_, StoreError>(Written::logged(ended, entry).telling([effect]))
            })
        })
        .await?)
}

/// Who is signed in.
#[utoipa::path(get, path = "/auth/me/", tag = "account", responses(
    (status = 200, body = User), (status = 401, body = Problem)))]
async fn me(OwnAccount(admitted): OwnAccount) -> Json<User> {
    Json(admitted.staff.to_user())
}

/// One of a person's sessions.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct SessionInfo {
    id: Id,
    /// The `User-Agent` of the sign-in.
    user_agent: String,
    created_at: Timestamp,
    /// Written at most once an hour.
    last_used_at: Timestamp,
    expires_at: Timestamp,
    /// Whether it is the session of this request.
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
    OwnAccount(admitted): OwnAccount,
) -> Result<Json<Sessions>, Problem> {
    let rows =
        sessions::of_staff(&app.store, admitted.staff.id, app.clock_watch.steady_now()).await?;
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
    OwnAccount(admitted): OwnAccount,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    if end(&app, &admitted, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("session_not_found", "Session not found; it may have ended already"))
    }
}

/// The old password and a new one.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub(super) struct PasswordChange {
    #[garde(length(chars, max = PASSWORD_TYPED_MAX_CHARS))]
    current_password: String,
    /// At least 10 characters, and not easily guessed.
    #[garde(skip)]
    new_password: String,
}

/// Changes the signed-in person's password and ends their other sessions.
#[utoipa::path(post, path = "/auth/password/", tag = "account", request_body = PasswordChange,
    responses((status = 204), (status = 401, body = Problem), (status = 422, body = Problem),
    (status = 429, body = Problem)))]
async fn change_password(
    State(app): State<App>,
    OwnAccount(admitted): OwnAccount,
    Body(change): Body<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let person = &admitted.staff;
    check_password(&app, person, change.current_password, "current_password").await?;
    let about = vec![person.property.name.clone(), person.username.clone(), person.name.clone()];
    let hash = app.passwords.accept(change.new_password, about).await;
    let hash = hash.map_err(|refused| refused_password("new_password", refused))?;
    let whom = (admitted.staff.property.id, admitted.staff.id);
    let (session_id, now) = (admitted.session_id, app.clock.now());
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                let change = StaffChange { password_hash: Some(hash), ..StaffChange::default() };
                staff::update(writer, whom, &change, now).await?;
                let ended = sessions::end_all(writer, whom, Some(session_id)).await?;
                let (actor, subject) = (Actor::Staff(whom.1), Subject::Staff(whom.1));
                let entry = Entry::new(whom.0, actor, "password_changed", subject);
                Ok::<_, StaffError>(
                    Written::logged((), [entry]).telling([Effect::EndSessions(ended)]),
                )
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Checks the password again before sensitive changes: the person at a signed-in desk may not be the owner
/// of the account.
///
/// # Errors
/// `422` naming `field` for a wrong one, `429` after too many.
pub(super) async fn check_password(
    app: &App,
    person: &Staff,
    password: String,
    field: &str,
) -> Result<(), Problem> {
    let attempt = app
        .throttle
        .begin_again(person.id, app.clock_watch.steady_now())
        .map_err(Problem::too_many)?;
    let hash = staff::by_username(&app.store, &person.username).await?.map(|(_, hash)| hash);
    let verdict = app.passwords.verify(password, hash.clone()).await;
    if verdict.is_right() {
        renew_hash(app, person.id, hash, verdict).await;
        write_failures(app, attempt.succeeded()).await;
        return Ok(());
    }
    write_failures(app, attempt.failed()).await;
    Err(Problem::invalid_field(field, "This is not your current password"))
}

impl From<StaffError> for Problem {
    fn from(error: StaffError) -> Self {
        match error {
            StaffError::UsernameTaken => {
                Self::conflict("username_taken", "This username is not available")
            }
            StaffError::NotFound => Self::not_found("staff_not_found", "Staff member not found"),
            StaffError::DepartmentNotFound(slug) => Self::invalid_field(
                "departments",
                format!("there is no department {slug:?} in this property"),
            ),
            StaffError::LastAdmin => Self::conflict(
                "last_admin",
                "This is the hotel's last admin; make somebody else an admin first",
            ),
            StaffError::Store(error) => error.into(),
        }
    }
}
