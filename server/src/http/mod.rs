//! The HTTP interface for staff, gateways and operators, and the web UI.

mod account;
mod audit;
mod caller;
mod clock;
mod conversations;
mod cors;
mod deliveries;
mod departments;
mod description;
mod exports;
mod extract;
mod gateway;
mod gateways;
mod guest_numbers;
mod guest_patch;
mod guests;
mod host;
#[cfg(any(debug_assertions, feature = "fuzzing"))]
pub(crate) mod hostile;
mod limits;
mod operations;
mod paging;
mod patch;
mod path;
mod problem;
mod property;
mod rooms;
mod second_factor;
mod setup;
mod sign_in;
mod staff;
mod stays;
mod transfer;
mod ui;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::HttpBody as _,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    trace::TraceLayer,
};
use utoipa_axum::router::OpenApiRouter;

use crate::{app::App, ws};

pub use path::is_own_path;
pub(crate) use problem::Problem;

/// Largest body, in bytes.
const BODY_MAX_BYTES: usize = 256 * 1024;

/// Nothing but the program's own files, and nothing inline.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Once reached by TLS, never again without: for a year.
const HSTS: &str = "max-age=31536000";

/// Everything the server answers, listening there.
pub(crate) fn router(app: App, listener: SocketAddr) -> Router {
    let hosts = Arc::new(host::Hosts::new(&app.config, listener));
    let public_path: Arc<str> = app.config.public_path.as_str().into();
    let cors = cors::layer(&app.config);
    let (api, description) = OpenApiRouter::with_openapi(description::beginning())
        .merge(sign_in::router())
        .merge(account::router())
        .merge(second_factor::router())
        .merge(audit::router())
        .merge(clock::router())
        .merge(conversations::router())
        .merge(deliveries::router())
        .merge(transfer::router())
        .merge(guests::router())
        .merge(exports::router())
        .merge(rooms::router())
        .merge(stays::router())
        .merge(gateway::router())
        .merge(gateways::router())
        .merge(setup::router())
        .merge(staff::router())
        .merge(departments::router())
        .merge(property::router())
        .merge(operations::router())
        .split_for_parts();
    let routes = Router::new()
        .merge(api)
        .merge(ws::router())
        .merge(description::router(description, &app.config.public_path))
        .fallback(ui::serve)
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This address does not support this method",
            )
        })
        .layer(middleware::from_fn(whole))
        .layer(middleware::from_fn_with_state(app.clone(), in_time))
        .layer(middleware::from_fn_with_state(app.clone(), caller::report_silent_proxy))
        .with_state(app)
        .layer(CatchPanicLayer::custom(|_| {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Something went wrong in the server, and the error was logged; try again",
            )
            .into_response()
        }));
    let routes = match cors {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    // The path is completed before routes are looked up, so that it works with and without its
    // final slash.
    let request_id = HeaderName::from_static("x-request-id");
    Router::new().fallback_service(
        tower::ServiceBuilder::new()
            .layer(SetRequestIdLayer::new(request_id.clone(), MakeRequestUuid))
            .layer(TraceLayer::new_for_http().make_span_with(span))
            .layer(PropagateRequestIdLayer::new(request_id))
            .layer(middleware::from_fn_with_state(public_path, path::complete))
            .layer(middleware::from_fn(secure))
            .layer(middleware::from_fn_with_state(hosts, host::check))
            .service(routes),
    )
}

/// Method and path, but never the query: it may carry a token.
fn span(request: &Request) -> tracing::Span {
    let id = request.extensions().get::<RequestId>();
    let id = id.and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
    tracing::debug_span!("request", id, method = %request.method(), path = request.uri().path())
}

/// Reads the whole body before the request is handled. If a body were left unread, the connection would be
/// closed before the answer arrives; and no request should hold a permit while it waits for a slow
/// connection.
async fn whole(request: Request, next: Next) -> Response {
    if !request.body().is_end_stream()
        && let Some(encoding) = content_encoding(request.headers())
    {
        let identity = HeaderValue::from_static("identity");
        return ([(header::ACCEPT_ENCODING, identity)], Problem::encoded_body(&encoding))
            .into_response();
    }
    let (parts, body) = request.into_parts();
    match axum::body::to_bytes(body, BODY_MAX_BYTES).await {
        Ok(bytes) => next.run(Request::from_parts(parts, bytes.into())).await,
        Err(error) => {
            let too_large = std::error::Error::source(&error)
                .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
            let problem = if too_large {
                Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "body_too_large",
                    "The body is larger than 256 KiB",
                )
            } else {
                Problem::new(
                    StatusCode::BAD_REQUEST,
                    "unreadable_body",
                    "The body is incomplete; send the request again",
                )
            };
            ([(header::CONNECTION, "close")], problem).into_response()
        }
    }
}

/// How a body is encoded, if it is.
fn content_encoding(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .flat_map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .split(',')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .map(|encoding| encoding.trim().to_ascii_lowercase())
        .find(|encoding| !matches!(encoding.as_str(), "" | "identity"))
}

/// Answers `408` when a request is not complete in time.
async fn in_time(State(app): State<App>, request: Request, next: Next) -> Response {
    let limit = app.config.request_timeout;
    let limit = if exports::is_slow(request.uri().path()) {
        limit.max(exports::LONGEST_ANSWER)
    } else {
        limit
    };
    let answer = tokio::time::timeout(limit, next.run(request)).await;
    answer.unwrap_or_else(|_| {
        Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "The request took too long; send it again",
        )
        .into_response()
    })
}

/// What every answer carries.
async fn secure(request: Request, next: Next) -> Response {
    let is_tls = caller::is_tls(request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if is_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Answers about guests stay out of every cache; built assets say otherwise themselves.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
