//! The proof that a request carries: the first one present decides.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
};

use crate::{
    app::App,
    chat::Staff,
    http::Problem,
    journal::Written,
    protocol::{Id, Timestamp},
    store::{StoreError, sessions},
};

use super::{hash_secret, origin::require_own_page, session_end, turns::Turn};

/// Name of the session cookie.
pub(crate) const COOKIE: &str = "frontdesk_session";

/// A session is written as used at most this often.
const TOUCH_INTERVAL: Duration = Duration::from_hours(1);

/// A person whose proof holds.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    pub(crate) staff: Arc<Staff>,
    pub(crate) session_id: Id,
    pub(crate) expires_at: Timestamp,
    /// The request is one of so many of theirs; a socket is none.
    pub(crate) turn: Option<Arc<Turn>>,
}

impl Admitted {
    async fn in_turn(self, app: &App, parts: &Parts) -> Result<Self, Problem> {
        let turn = app.turns.take(self.staff.id, !parts.method.is_safe()).await?;
        Ok(Self { turn: Some(Arc::new(turn)), ..self })
    }
}

/// An admitted person who may make admin calls.
pub(crate) struct Admin(pub(crate) Admitted);

/// A signed-in person, for calls that concern their own account. These are also open to an admin who still
/// has to set up the two-step sign-in that the property requires.
pub(crate) struct OwnAccount(pub(crate) Admitted);

/// Whom a session token belongs to.
///
/// # Errors
/// A [`Problem`]: `401` for an unknown or expired token, `403` for a disabled account.
pub(crate) async fn authenticate(app: &App, token: &str) -> Result<Admitted, Problem> {
    let now = app.clock_watch.steady_now();
    let found = sessions::by_token(&app.store, &hash_secret(token)).await?;
    let Some(session) = found.filter(|session| session.expires_at > now) else {
        return Err(Problem::unauthorized(
            "This session does not exist or has ended; sign in again",
        ));
    };
    if session.is_disabled {
        return Err(Problem::forbidden("This account is disabled; ask an admin of your hotel"));
    }
    let mut expires_at = session.expires_at;
    if now.since(session.last_used_at) > TOUCH_INTERVAL {
        expires_at = session_end(now);
        let (app, id) = (app.clone(), session.id);
        // The request does not wait for this. If it fails, the next request does it.
        tokio::spawn(async move {
            let touched = app.journal.write(move |writer| {
                Box::pin(async move {
                    sessions::touch(writer, &[id], now).await?;
                    Ok::<_, StoreError>(Written::quiet(()))
                })
            });
            drop(touched.await);
        });
    }
    Ok(Admitted { staff: Arc::new(session.staff), session_id: session.id, expires_at, turn: None })
}

/// Admits a request by its first proof. Everything but a person's own account passes through here.
///
/// # Errors
/// As [`require_session`], and `403` while the person lacks a second factor that the property asks for.
pub(crate) async fn require(app: &App, parts: &Parts) -> Result<Admitted, Problem> {
    let admitted = require_session(app, parts).await?;
    if admitted.staff.needs_second_factor {
        return Err(Problem::second_factor_missing());
    }
    Ok(admitted)
}

/// Finds the session of a request by its first proof: bearer token, `?token=`, or the session cookie.
///
/// # Errors
/// As [`authenticate`], and `403` for a cookie that comes from a foreign page.
async fn require_session(app: &App, parts: &Parts) -> Result<Admitted, Problem> {
    // Other schemes are no proof for this server: a proxy in front of it may ask for one of its own.
    if let Some(token) = parts.headers.get(header::AUTHORIZATION).and_then(bearer) {
        return authenticate(app, token).await;
    }
    if let Some(token) = query_token(parts) {
        return authenticate(app, &token).await;
    }
    let Some(token) = cookie(&parts.headers, COOKIE) else {
        return Err(Problem::unauthorized("Sign in first"));
    };
    if is_socket(parts) || !parts.method.is_safe() {
        require_own_page(app, &parts.headers)?;
    }
    authenticate(app, &token).await
}

/// Whether the request opens a socket, or should.
fn is_socket(parts: &Parts) -> bool {
    parts.headers.contains_key(header::UPGRADE) || parts.uri.path().starts_with("/ws/")
}

/// The token of an `Authorization` header that carries one.
pub(crate) fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn query_token(parts: &Parts) -> Option<String> {
    let query = parts.uri.query()?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "token")
        .map(|(_, token)| token.into_owned())
}

/// The value of a cookie of this name.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(cookie::Cookie::split_parse)
        .flatten()
        .find(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned())
}

impl FromRequestParts<App> for Admitted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        require(app, parts).await?.in_turn(app, parts).await
    }
}

impl FromRequestParts<App> for OwnAccount {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        require_session(app, parts).await?.in_turn(app, parts).await.map(Self)
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let admitted = require(app, parts).await?;
        if admitted.staff.is_admin {
            admitted.in_turn(app, parts).await.map(Self)
        } else {
            Err(Problem::forbidden("Only admins may do this"))
        }
    }
}
