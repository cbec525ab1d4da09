//! What pages of the listed origins may read (CORS). Without a list no other page may read anything.

use std::time::Duration;

use axum::http::{HeaderName, Method, header, request::Parts};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{auth, config::Config};

/// How long a browser may keep what it was told about a call.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_mins(10);

/// Lets pages of exactly the listed origins call with the session cookie, and read the answers; `None` where none is
/// listed.
pub(super) fn layer(config: &Config) -> Option<CorsLayer> {
    if config.allowed_origins.is_empty() {
        return None;
    }
    let config = config.clone();
    let is_listed = move |origin: &axum::http::HeaderValue, _: &Parts| {
        origin.to_str().is_ok_and(|origin| auth::is_listed(&config, origin))
    };
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(is_listed))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("prefer"),
        ])
        .expose_headers([
            header::CONTENT_DISPOSITION,
            header::DATE,
            header::RETRY_AFTER,
            HeaderName::from_static("x-request-id"),
        ])
        .max_age(PREFLIGHT_MAX_AGE);
    Some(layer)
}
