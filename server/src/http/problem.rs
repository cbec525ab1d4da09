//! Errors as RFC 9457 problems: what happened, and what to do next.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    chat::Refused,
    journal::WriteError,
    protocol::{CommandError, ErrorCode, Id},
    store::{BrokenRule, StoreError},
};

/// The body of every error answer.
#[derive(Clone, Debug, Serialize, ToSchema, ts_rs::TS)]
#[ts(export)]
pub struct Problem {
    /// Always `about:blank`: `status` and `code` identify the problem.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened and what to do.
    pub detail: String,
    /// Stable, for programs.
    pub code: &'static str,
    /// What is wrong with each member of the input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The guest's active conversation (`conversation_exists`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub conversation_id: Option<Id>,
    /// The guest who has the number (`number_taken`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub guest_id: Option<Id>,
    #[serde(skip)]
    #[ts(skip)]
    retry_after_seconds: Option<u64>,
}

/// What is wrong with one member of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, ts_rs::TS)]
#[ts(export)]
pub struct FieldError {
    /// Its name; members of members with dots.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

impl Problem {
    /// A problem with a status, a code and a sentence.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            errors: Vec::new(),
            conversation_id: None,
            guest_id: None,
            retry_after_seconds: None,
        }
    }

    pub(crate) fn unauthorized(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    pub(crate) fn not_found(code: &'static str, detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    pub(crate) fn conflict(code: &'static str, detail: &str) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// Another guest has the number: is it the same person?
    pub(crate) fn number_taken(guest_id: Id) -> Self {
        Self {
            guest_id: Some(guest_id),
            ..Self::conflict(
                "number_taken",
                "Another guest has this number; if it now belongs to a different person, \
                 repeat the call with number_from set to guest_id",
            )
        }
    }

    /// The staff member may not change the guest's number, which decides where replies go and who writes as the guest.
    pub(crate) fn number_not_changed() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "access_denied",
            "You may change the number of a guest only if you can read an active conversation with the guest; ask the \
             hotel's first department or an admin",
        )
    }

    pub(crate) fn upgrade_required() -> Self {
        Self::new(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade_required",
            "This address accepts only WebSocket connections; send an upgrade request",
        )
    }

    /// A body that was compressed, say.
    pub(crate) fn encoded_body(encoding: &str) -> Self {
        let encoding: String = encoding.chars().take(40).collect();
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            format!(
                "Send the body as it is, without Content-Encoding: {encoding} is not understood"
            ),
        )
    }

    /// A handshake of a WebSocket without a usable key.
    pub(crate) fn invalid_handshake() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_handshake",
            "Send one Sec-WebSocket-Key header: 16 random bytes in Base64",
        )
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            CommandError::Unavailable.to_string(),
        )
    }

    /// Not now, but in so many seconds.
    pub(crate) fn unavailable_for(seconds: u64, what: &str) -> Self {
        Self {
            retry_after_seconds: Some(seconds),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                format!("{what}; try again in {seconds} s"),
            )
        }
    }

    /// One person has too many requests in hand.
    pub(crate) fn too_many_requests() -> Self {
        Self {
            retry_after_seconds: Some(1),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                "Too many of your requests are being processed; try again in 1 s",
            )
        }
    }

    /// A gateway has reached its limit; it may call again after so many seconds.
    pub(crate) fn gateway_too_fast(seconds: u64) -> Self {
        Self {
            retry_after_seconds: Some(seconds),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_requests",
                format!("This gateway sends too many messages; send it again in {seconds} s"),
            )
        }
    }

    /// One person has as many connections as one person may have.
    pub(crate) fn too_many_connections(most: usize) -> Self {
        Self {
            retry_after_seconds: Some(60),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_connections",
                format!(
                    "You have {most} connections open, which is the limit; close some of them, or try again in 60 s"
                ),
            )
        }
    }

    /// An admin without the second factor that the property asks for.
    pub(crate) fn second_factor_missing() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "second_factor_missing",
            "This hotel requires two-step sign-in for admins; sign in and set it up",
        )
    }

    /// Too many tries: again after so many seconds.
    pub(crate) fn too_many(seconds: u64) -> Self {
        Self {
            retry_after_seconds: Some(seconds),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_attempts",
                format!("Too many wrong passwords; try again in {seconds} s"),
            )
        }
    }

    /// Too many passwords wait for being looked at.
    pub(crate) fn too_busy() -> Self {
        Self {
            retry_after_seconds: Some(1),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_attempts",
                "Too many people are signing in at the moment; try again in 1 s",
            )
        }
    }

    /// Input that was read but cannot be accepted.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let named: Vec<_> =
            errors.iter().map(|each| format!("{}: {}", each.field, each.message)).collect();
        Self {
            errors,
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input", named.join("; "))
        }
    }

    /// One member of the input cannot be accepted.
    pub(crate) fn invalid_field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field: field.to_owned(), message: message.into() }])
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after_seconds;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "database error");
        match error.broken_rule() {
            Some(BrokenRule::Taken) => Self::conflict("exists_already", "This already exists"),
            Some(BrokenRule::Missing) => Self::conflict(
                "gone",
                "This belongs to something that no longer exists; read it again",
            ),
            Some(BrokenRule::Value) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_input",
                "One of the values cannot be stored; check the input",
            ),
            None => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The database did not answer; try again",
            ),
        }
    }
}

impl<E: Into<Self>> From<WriteError<E>> for Problem {
    fn from(error: WriteError<E>) -> Self {
        match error {
            WriteError::Refused(error) => error.into(),
            WriteError::Unavailable => Self::unavailable(),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::Command(error) => error.into(),
            Refused::ConversationExists { conversation_id } => Self {
                conversation_id: Some(conversation_id),
                ..Self::conflict("conversation_exists", &detail)
            },
            Refused::GuestNotFound => Self::not_found("guest_not_found", &detail),
            Refused::SeveralGuests => Self::conflict("several_guests", &detail),
            Refused::DepartmentNotFound => Self::invalid_field("department", detail),
            Refused::MessageNotFound => Self::not_found("message_not_found", &detail),
            Refused::NotFailed => Self::conflict("not_failed", &detail),
            Refused::Anonymised => Self::conflict("anonymised", &detail),
            Refused::NoWay => Self::conflict("no_way", &detail),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let detail = error.to_string();
        let (status, code) = match error.code() {
            ErrorCode::ConversationNotFound => (StatusCode::NOT_FOUND, "conversation_not_found"),
            ErrorCode::AccessDenied => (StatusCode::FORBIDDEN, "access_denied"),
            ErrorCode::ConversationClosed => (StatusCode::CONFLICT, "conversation_closed"),
            ErrorCode::ClientIdReused => (StatusCode::CONFLICT, "client_id_reused"),
            ErrorCode::EmptyContent | ErrorCode::ContentTooLong => {
                return Self::invalid_field("content", detail);
            }
            ErrorCode::InvalidField => {
                let field = detail.rsplit(' ').next().unwrap_or_default();
                return Self::invalid_field(field, "must not contain the character U+0000");
            }
            ErrorCode::Unavailable => return Self::unavailable(),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_input"),
        };
        Self::new(status, code, detail)
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, SqliteConnection};

    use super::*;

    #[tokio::test]
    async fn a_rule_of_the_schema_is_no_failure_of_storage() {
        let mut database = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let schema = "create table house (id integer primary key, name text not null unique check (name <> ''));
             create table room (house integer references house (id)); insert into house values (1, 'a')";
        sqlx::raw_sql(schema).execute(&mut database).await.unwrap();
        for (statement, status) in [
            ("insert into house values (2, '')", 422),
            ("insert into house values (2, null)", 422),
            ("insert into house values (2, 'a')", 409),
            ("insert into room values (3)", 409),
            ("insert into nowhere values (3)", 503),
        ] {
            let refused = sqlx::query(statement).execute(&mut database).await.unwrap_err();
            assert_eq!(Problem::from(StoreError::from(refused)).status, status, "{statement}");
        }
    }
}
