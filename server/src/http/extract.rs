//! Reads requests; whatever cannot be read is answered with a [`Problem`].

use axum::{
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{StatusCode, Uri, header, request::Parts},
};
use garde::Validate;
use serde::de::DeserializeOwned;

use crate::app::App;

use super::problem::{FieldError, Problem};

/// A JSON body that was read and found valid.
pub(crate) struct Body<T>(pub(crate) T);

impl<T> FromRequest<App> for Body<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let is_json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| {
                let essence = value.split(';').next().unwrap_or_default().trim();
                essence.eq_ignore_ascii_case("application/json")
            });
        if !is_json {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send the body as application/json",
            ));
        }
        let bytes =
            axum::body::Bytes::from_request(request, app).await.map_err(
                |rejection| match rejection {
                    BytesRejection::FailedToBufferBody(error)
                        if error.status() == StatusCode::PAYLOAD_TOO_LARGE =>
                    {
                        Problem::new(
                            StatusCode::PAYLOAD_TOO_LARGE,
                            "body_too_large",
                            "The body is larger than 256 KiB",
                        )
                    }
                    _ => Problem::new(
                        StatusCode::BAD_REQUEST,
                        "unreadable_body",
                        "The body broke off",
                    ),
                },
            )?;
        Ok(Self(read(&bytes)?))
    }
}

/// Reads and validates JSON.
///
/// # Errors
/// `400` for what is no JSON, `422` with the members that are wrong.
pub(crate) fn read<T>(bytes: &[u8]) -> Result<T, Problem>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    // serde would take an array for an object, its members in the order in which we wrote them.
    let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if !is_object && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
        return Err(Problem::invalid_field("body", "must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            wrong_member(&field, &plain(&inner))
        } else {
            Problem::new(StatusCode::BAD_REQUEST, "invalid_json", "The body is not valid JSON")
        }
    })?;
    json.end().map_err(|_| {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_json", "The body is not valid JSON")
    })?;
    validate(value)
}

fn validate<T: Validate<Context = ()>>(value: T) -> Result<T, Problem> {
    match value.validate() {
        Ok(()) => Ok(value),
        Err(report) => Err(Problem::invalid(
            report
                .iter()
                .map(|(path, error)| FieldError {
                    field: path.to_string(),
                    message: error.to_string(),
                })
                .collect(),
        )),
    }
}

/// Names the member that is wrong; a missing one stands in serde's message only.
fn wrong_member(path: &str, message: &str) -> Problem {
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    match (path, missing) {
        (".", Some(missing)) => Problem::invalid_field(missing, "is required"),
        (".", None) => Problem::invalid_field("body", message),
        (path, Some(missing)) => {
            Problem::invalid_field(&format!("{path}.{missing}"), "is required")
        }
        (path, None) => Problem::invalid_field(path, message),
    }
}

/// serde's message without its line and column.
fn plain(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or(&message).to_owned()
}

/// A query string that was read and found valid.
pub(crate) struct Query<T>(pub(crate) T);

impl<T> FromRequestParts<App> for Query<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        query(&parts.uri).map(Self)
    }
}

/// Reads and validates a query.
///
/// # Errors
/// `422` with what is wrong.
pub(super) fn query<T>(uri: &Uri) -> Result<T, Problem>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    let axum::extract::Query(value) =
        axum::extract::Query::<T>::try_from_uri(uri).map_err(|error| {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input", error.body_text())
        })?;
    validate(value)
}

/// The id in a path; what is no id names nothing.
pub(crate) struct PathId(pub(crate) i64);

impl FromRequestParts<App> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let id = axum::extract::Path::<String>::from_request_parts(parts, app).await;
        id.ok()
            .and_then(|axum::extract::Path(id)| id.parse().ok())
            .filter(|id| (1..crate::protocol::ID_LIMIT).contains(id))
            .map(Self)
            .ok_or_else(|| Problem::not_found("not_found", "There is nothing with this id"))
    }
}
