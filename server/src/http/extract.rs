//! Reads requests; whatever cannot be read is answered with a [`Problem`].

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request},
    http::{StatusCode, Uri, header, request::Parts},
};
use garde::Validate;
use serde::de::DeserializeOwned;

use crate::app::App;

use super::problem::{FieldError, Problem};

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A JSON body that was read and found valid.
pub(crate) struct Body<T>(pub(crate) T);

impl<T> FromRequest<App> for Body<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        Ok(Self(read(&json_body(request, app).await?)?))
    }
}

/// A request without a body, where the call does not need one.
impl<T> OptionalFromRequest<App> for Body<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Option<Self>, Problem> {
        // Without a content type there is no body.
        if !request.headers().contains_key(header::CONTENT_TYPE) {
            return Ok(None);
        }
        <Self as FromRequest<App>>::from_request(request, app).await.map(Some)
    }
}

/// A JSON body of a program whose guests' messages must not be lost: half a character in it becomes U+FFFD.
pub(crate) struct LenientBody<T>(pub(crate) T);

impl<T> FromRequest<App> for LenientBody<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        Ok(Self(read(&whole_characters(&json_body(request, app).await?))?))
    }
}

/// The bytes of a body whose content type is JSON.
async fn json_body(request: Request, app: &App) -> Result<Bytes, Problem> {
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
            "Send a JSON body with Content-Type: application/json",
        ));
    }
    // The whole body was read before (`whole` in `http`).
    Bytes::from_request(request, app).await.map_err(|_| Problem::unavailable())
}

/// JSON in which every character is a whole one: bytes that are not UTF-8, and halves of a surrogate pair,
/// become U+FFFD.
fn whole_characters(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let half = |text: &str| {
        let escaped = text.strip_prefix("\\u").and_then(|rest| rest.get(..4))?;
        u16::from_str_radix(escaped, 16).ok()
    };
    let mut whole = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some((before, _)) = rest.split_once('\\') {
        whole.push_str(before);
        rest = rest.get(before.len()..).unwrap_or_default();
        let pair = rest.get(6..).and_then(half);
        let (length, is_whole) = match (half(rest), pair) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => (12, true),
            (Some(0xd800..0xe000), _) => (6, false),
            (Some(_), _) => (6, true),
            // An escaped character: one that is not ASCII is not JSON, and stays for the parser.
            (None, _) => (2, true),
        };
        let (escaped, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        whole.push_str(if is_whole { escaped } else { "\\ufffd" });
        rest = after;
    }
    whole.push_str(rest);
    whole.into_bytes()
}

/// Reads and validates JSON.
///
/// # Errors
/// `400` for what is no JSON, `422` with the members that are wrong.
pub(crate) fn read<T>(bytes: &[u8]) -> Result<T, Problem>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    // Some programs write U+FEFF before a text.
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    // serde would take an array for an object, its members in the order in which we wrote them.
    let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if !is_object && is_json(bytes) {
        return Err(Problem::invalid_field("body", "must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json);
    let is_whole = value.is_ok() && json.end().is_ok();
    if !is_whole && !is_json(bytes) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_json",
            "The body is not valid JSON",
        ));
    }
    validate(value.map_err(|error| {
        let field = error.path().to_string();
        wrong_member(&field, &plain(&error.into_inner().to_string()))
    })?)
}

/// Whether it is JSON, whatever its contents. serde reports a number in place of a string as a syntax
/// error.
fn is_json(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok()
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

fn validate<T: Validate<Context = ()>>(value: T) -> Result<T, Problem> {
    match value.validate() {
        Ok(()) => Ok(value),
        Err(report) => Err(Problem::invalid(
            report
                .iter()
                .map(|(path, error)| FieldError {
                    field: path.to_string(),
                    message: in_words(&error.to_string()),
                })
                .collect(),
        )),
    }
}

/// What is said of a length or a number by the library that checks it, in a sentence that goes on after the name.
fn in_words(message: &str) -> String {
    const WORDS: [(&str, &str, &str); 4] = [
        ("length is lower than ", "is too short (at least ", ")"),
        ("length is greater than ", "is too long (at most ", ")"),
        ("lower than ", "must be at least ", ""),
        ("greater than ", "must be at most ", ""),
    ];
    for (start, before, after) in WORDS {
        if let Some(limit) = message.strip_prefix(start) {
            return format!("{before}{limit}{after}");
        }
    }
    message.to_owned()
}

/// Names the member that is wrong. If it is missing, unknown or duplicated, only serde's message has its
/// name.
fn wrong_member(path: &str, message: &str) -> Problem {
    let named = |before| message.strip_prefix(before).and_then(|rest| rest.strip_suffix('`'));
    let (member, why) = if let Some(missing) = named("missing field `") {
        (Some(missing), "is required")
    } else if let Some(twice) = named("duplicate field `") {
        (Some(twice), "must appear only once")
    } else if let Some(rest) = message.strip_prefix("unknown field `")
        && let Some((unknown, _)) = rest.split_once('`')
    {
        (Some(unknown), "is not a member of this body")
    } else {
        (None, message)
    };
    match (path, member) {
        (".", Some(member)) => Problem::invalid_field(member, why),
        (".", None) => Problem::invalid_field("body", why),
        (path, Some(member)) if path.rsplit('.').next() != Some(member) => {
            Problem::invalid_field(&format!("{path}.{member}"), why)
        }
        (path, _) => Problem::invalid_field(path, why),
    }
}

/// Translates serde's error into words for the author of the input. Texts that are not known here name Rust
/// types and are not shown.
fn plain(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or(message);
    let expected = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|start| message.strip_prefix(start)?.rsplit_once(", expected "))
        .map(|(_, expected)| expected);
    if let Some(expected) = expected {
        return must_be(expected).to_owned();
    }
    // These name the member: see `wrong_member`.
    if ["missing field `", "duplicate field `", "unknown field `"]
        .iter()
        .any(|start| message.starts_with(start))
    {
        return message.to_owned();
    }
    match message {
        "invalid digit found in string" => "must be a positive whole number".to_owned(),
        "number too large to fit in target type" => "is too large".to_owned(),
        "number too small to fit in target type" => "is too small".to_owned(),
        "provided string was not `true` or `false`" => "must be true or false".to_owned(),
        own if own.starts_with("must ") => own.to_owned(),
        _ => match message.strip_prefix("unknown variant ").and_then(|it| it.split_once(", ")) {
            Some((_, expected)) => {
                format!("must be {}", expected.trim_start_matches("expected ").replace('`', ""))
            }
            None => "has the wrong type".to_owned(),
        },
    }
}

/// What serde expects, in words for the author of the input.
fn must_be(expected: &str) -> &'static str {
    match expected {
        "a boolean" => "must be true or false",
        "i8" | "i16" | "i32" | "i64" | "isize" => "must be a whole number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "must be a positive whole number",
        "f32" | "f64" => "must be a number",
        "a sequence" => "must be a list",
        "a map" => "must be an object",
        text if text.contains("string") => "must be text",
        object if object.starts_with("struct ") => "must be an object",
        _ => "has the wrong type",
    }
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

/// Reads and validates a query; an empty value counts as absent.
///
/// # Errors
/// `422` with what is wrong.
pub(super) fn query<T>(uri: &Uri) -> Result<T, Problem>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    let given = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let given = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(given.filter(|(_, value)| !value.is_empty()))
        .finish();
    let query = serde_urlencoded::Deserializer::new(form_urlencoded::parse(given.as_bytes()));
    validate(serde_path_to_error::deserialize(query).map_err(|error| {
        let field = error.path().to_string();
        wrong_member(&field, &plain(&error.into_inner().to_string()))
    })?)
}

/// The id in a path; anything that is not an id is answered with `404`.
pub(crate) struct PathId(pub(crate) i64);

impl FromRequestParts<App> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let id = axum::extract::Path::<String>::from_request_parts(parts, app).await;
        id.ok()
            .and_then(|axum::extract::Path(id)| id.parse().ok())
            .filter(|id| (1..crate::protocol::ID_LIMIT).contains(id))
            .map(Self)
            .ok_or_else(|| Problem::not_found("not_found", "Nothing with this id exists"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_becomes_a_whole_one() {
        for (given, expected) in [
            (r#"{"name":"Guest \ud83d"}"#, r#"{"name":"Guest \ufffd"}"#),
            (r#"{"name":"\ude42 Guest"}"#, r#"{"name":"\ufffd Guest"}"#),
            (r#"{"name":"\ud83d\ud83d\ude42"}"#, r#"{"name":"\ufffd\ud83d\ude42"}"#),
            (r#"{"name":"\uD83D\n\uDE42"}"#, r#"{"name":"\ufffd\n\ufffd"}"#),
            (r#"{"name":"\\ud83d"}"#, r#"{"name":"\\ud83d"}"#),
            (r#"{"name":"\\\ud83d"}"#, r#"{"name":"\\\ufffd"}"#),
            (r#"{"name":"\u00fc \ud83d\ude42"}"#, r#"{"name":"\u00fc \ud83d\ude42"}"#),
            (r#"{"name":"\ud8"}"#, r#"{"name":"\ud8"}"#),
            (r#"{"name":"\ü"}"#, r#"{"name":"\ü"}"#),
            ("\\", "\\"),
        ] {
            let whole = whole_characters(given.as_bytes());
            assert_eq!(String::from_utf8(whole).unwrap(), expected, "{given}");
        }
        let cut = [&b"{\"name\":\"Guest "[..], &[0xf0, 0x9f, 0x99], b"\"}"].concat();
        assert_eq!(whole_characters(&cut), "{\"name\":\"Guest \u{fffd}\"}".as_bytes());
    }
}
