//! The second factor of one's own account: adding it, taking it away, new recovery codes.

use std::time::{Duration, Instant};

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    auth::{
        Code, OwnAccount, PASSWORD_TYPED_MAX_CHARS, TotpSecret, hash_recovery_code, picture,
        recovery_codes,
    },
    chat::Staff,
    hub::Effect,
    journal::Written,
    protocol::Timestamp,
    store::{StoreError, second_factor, sessions},
};

use super::{account::check_password, extract::Body, problem::Problem, sign_in::write_failures};

/// Wrong codes after which a second factor that was begun is dropped.
const CODES_MAX: u32 = 10;

/// How long a second factor that was begun may be confirmed.
const BEGUN_KEPT: Duration = Duration::from_mins(15);

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(show, begin, remove))
        .routes(routes!(confirm))
        .routes(routes!(renew_recovery_codes))
}

/// Whether sign-ins need a code (two-step sign-in).
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct SecondFactorState {
    /// Since when; `null` where it is not set up.
    confirmed_at: Option<Timestamp>,
    /// Recovery codes that are left.
    recovery_codes_left: u32,
}

/// The signed-in person's password once more.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub(super) struct PasswordAgain {
    #[garde(length(chars, max = PASSWORD_TYPED_MAX_CHARS))]
    password: String,
}

/// The key for an authenticator app.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct SecondFactorBegun {
    /// In base32, to be typed where the QR code cannot be scanned.
    secret: String,
    /// The same with names, as an `otpauth:` address.
    uri: String,
    /// The address as a QR code.
    qr_svg: String,
}

/// A code that the app shows.
#[derive(Deserialize, Validate, ToSchema, TS)]
#[serde(deny_unknown_fields)]
#[ts(export)]
pub(super) struct SecondFactorCode {
    #[garde(length(chars, max = 200))]
    code: String,
}

impl SecondFactorCode {
    /// As it was typed.
    pub(super) fn code(&self) -> &str {
        &self.code
    }
}

/// Each is valid for one sign-in without the app. They are not shown again.
#[derive(Serialize, ToSchema, TS)]
#[ts(export)]
struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

/// Whether the signed-in person has set up two-step sign-in.
#[utoipa::path(get, path = "/auth/second-factor/", tag = "account", responses(
    (status = 200, body = SecondFactorState), (status = 401, body = Problem)))]
async fn show(
    State(app): State<App>,
    OwnAccount(admitted): OwnAccount,
) -> Result<Json<SecondFactorState>, Problem> {
    let in_use = second_factor::in_use(&app.store, admitted.staff.id).await?;
    Ok(Json(SecondFactorState {
        confirmed_at: in_use.as_ref().map(|factor| factor.confirmed_at),
        recovery_codes_left: in_use.map_or(0, |factor| factor.recovery_codes),
    }))
}

/// Starts to set up two-step sign-in. It takes effect only when a code has been confirmed.
#[utoipa::path(post, path = "/auth/second-factor/", tag = "account", request_body = PasswordAgain,
    responses((status = 200, body = SecondFactorBegun), (status = 401, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
async fn begin(
    State(app): State<App>,
    OwnAccount(admitted): OwnAccount,
    Body(again): Body<PasswordAgain>,
) -> Result<Json<SecondFactorBegun>, Problem> {
    let person = &admitted.staff;
    check_password(&app, person, again.password, "password").await?;
    let secret = TotpSecret::generate();
    let uri = secret.uri(&person.property.name, &person.username);
    let uri = uri.ok_or_else(Problem::unavailable)?;
    let qr_svg = picture(&uri).ok_or_else(Problem::unavailable)?;
    let body = SecondFactorBegun { secret: secret.to_base32(), uri, qr_svg };
    let (id, now) = (person.id, app.clock.now());
    let begun = app.journal.write(move |writer| {
        Box::pin(async move {
            let begun = second_factor::begin(writer, id, &secret, now).await?;
            Ok::<_, StoreError>(Written::quiet(begun))
        })
    });
    if begun.await? {
        app.throttle.forget_codes(id);
        Ok(Json(body))
    } else {
        Err(Problem::conflict(
            "second_factor_exists",
            "Two-step sign-in is already set up; turn it off before you set it up again",
        ))
    }
}

/// Confirms the new second factor: from now on sign-ins need a code. Ends the person's other sessions,
/// which began without one.
#[utoipa::path(post, path = "/auth/second-factor/confirm/", tag = "account",
    request_body = SecondFactorCode, responses((status = 200, body = RecoveryCodes),
    (status = 401, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem),
    (status = 429, body = Problem)))]
async fn confirm(
    State(app): State<App>,
    OwnAccount(admitted): OwnAccount,
    Body(given): Body<SecondFactorCode>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let (id, session_id, now) = (admitted.staff.id, admitted.session_id, app.clock.now());
    let property_id = admitted.staff.property.id;
    let codes = recovery_codes();
    let hashes: Vec<_> = codes.iter().map(|code| hash_recovery_code(code)).collect();
    let attempt =
        app.throttle.begin_code(id, app.clock_watch.steady_now()).map_err(Problem::too_many)?;
    let is_last_try = app.throttle.wrong_codes(id) >= CODES_MAX;
    let parts = app.clone();
    let confirmed = app.journal.write(move |writer| {
        Box::pin(async move {
            let begun_after = now.minus(BEGUN_KEPT);
            let Some(secret) = second_factor::begun(writer, id, begun_after).await? else {
                return Err(Problem::conflict(
                    "second_factor_not_begun",
                    "There is nothing to confirm; start to set up two-step sign-in again",
                ));
            };
            let step = match Code::read(given.code()) {
                Code::Totp(code) => secret.step_of(&code, now),
                Code::Recovery(_) => None,
            };
            let Some(step) = step else {
                if is_last_try {
                    second_factor::remove(writer, id).await?;
                }
                return Ok(Written::quiet(false));
            };
            second_factor::confirm(writer, id, now).await?;
            second_factor::note_step(writer, id, step).await?;
            parts.used_codes.forget(id);
            parts.used_codes.take(id, step, Instant::now());
            second_factor::set_recovery_codes(writer, id, &hashes).await?;
            let others = Some(session_id);
            let ended = sessions::end_all(writer, (property_id, id), others).await?;
            let (actor, subject) = (Actor::Staff(id), Subject::Staff(id));
            let entry = Entry::new(property_id, actor, "second_factor_added", subject);
            Ok(Written::logged(true, [entry]).telling([Effect::EndSessions(ended)]))
        })
    });
    if confirmed.await? {
        write_failures(&app, attempt.succeeded()).await;
        return Ok(Json(RecoveryCodes { recovery_codes: codes }));
    }
    write_failures(&app, attempt.failed()).await;
    Err(Problem::invalid_field(
        "code",
        if is_last_try {
            "Too many wrong codes; start to set up two-step sign-in again"
        } else {
            "This is not the code that the app shows now"
        },
    ))
}

/// Replaces the recovery codes with new ones.
#[utoipa::path(post, path = "/auth/second-factor/recovery/", tag = "account",
    request_body = PasswordAgain, responses((status = 200, body = RecoveryCodes),
    (status = 401, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem),
    (status = 429, body = Problem)))]
async fn renew_recovery_codes(
    State(app): State<App>,
    OwnAccount(admitted): OwnAccount,
    Body(again): Body<PasswordAgain>,
) -> Result<Json<RecoveryCodes>, Problem> {
    check_password(&app, &admitted.staff, again.password, "password").await?;
    let (id, property_id) = (admitted.staff.id, admitted.staff.property.id);
    let codes = recovery_codes();
    let hashes: Vec<_> = codes.iter().map(|code| hash_recovery_code(code)).collect();
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                let factor = second_factor::of_staff(writer, id).await?;
                if !factor.is_some_and(|factor| factor.is_confirmed) {
                    return Err(none());
                }
                second_factor::set_recovery_codes(writer, id, &hashes).await?;
                let (actor, subject) = (Actor::Staff(id), Subject::Staff(id));
                let entry = Entry::new(property_id, actor, "recovery_codes_renewed", subject);
                Ok(Written::logged((), [entry]))
            })
        })
        .await?;
    Ok(Json(RecoveryCodes { recovery_codes: codes }))
}

/// Turns off two-step sign-in. An admin of a property that requires it can use only the calls for their own
/// account until they have set it up again.
#[utoipa::path(delete, path = "/auth/second-factor/", tag = "account", request_body = PasswordAgain,
    responses((status = 204), (status = 401, body = Problem), (status = 404, body = Problem),
    (status = 422, body = Problem), (status = 429, body = Problem)))]
async fn remove(
    State(app): State<App>,
    OwnAccount(admitted): OwnAccount,
    Body(again): Body<PasswordAgain>,
) -> Result<StatusCode, Problem> {
    check_password(&app, &admitted.staff, again.password, "password").await?;
    let (id, property_id) = (admitted.staff.id, admitted.staff.property.id);
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                if !second_factor::remove(writer, id).await? {
                    return Err(none());
                }
                let (actor, subject) = (Actor::Staff(id), Subject::Staff(id));
                let entry = Entry::new(property_id, actor, "second_factor_removed", subject);
                let missing = second_factor::missing(writer, property_id, Some(id)).await?;
                let effects = missing.into_iter().map(Effect::DepartmentsChanged);
                Ok(Written::logged((), [entry]).telling(effects))
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn none() -> Problem {
    Problem::not_found("second_factor_not_found", "Two-step sign-in is not set up for your account")
}

/// Takes a code of the app, or a recovery code, at a sign-in: each one once. Returns `false` if it is
/// none.
///
/// # Errors
/// `503` when it cannot be written down that it was used.
pub(super) async fn take_code(app: &App, person: &Staff, code: &str) -> Result<bool, Problem> {
    let (id, property_id, now) = (person.id, person.property.id, app.clock.now());
    let (code, parts) = (Code::read(code), app.clone());
    let taken = app.journal.write(move |writer| {
        Box::pin(async move {
            match code {
                Code::Totp(code) => {
                    let factor = second_factor::of_staff(writer, id).await?;
                    let step = factor.and_then(|factor| factor.secret.step_of(&code, now));
                    let Some(step) =
                        step.filter(|step| parts.used_codes.take(id, *step, Instant::now()))
                    else {
                        return Ok::<_, StoreError>(Written::quiet(false));
                    };
                    second_factor::note_step(writer, id, step).await?;
                    Ok(Written::quiet(true))
                }
                Code::Recovery(hash) => {
                    let used = second_factor::use_recovery_code(writer, id, &hash).await?;
                    let (actor, subject) = (Actor::Staff(id), Subject::Staff(id));
                    let entry = Entry::new(property_id, actor, "recovery_code_used", subject);
                    Ok(Written::logged(used, used.then_some(entry)))
                }
            }
        })
    });
    Ok(taken.await?)
}
