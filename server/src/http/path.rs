//! The path of a request, before routes are looked up.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::Uri,
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

/// First parts of the interface's paths, which all end with a slash.
const ROOTS: [&str; 16] = [
    "audit",
    "auth",
    "chat",
    "clock",
    "departments",
    "exports",
    "gateway",
    "gateways",
    "guests",
    "property",
    "rooms",
    "setup",
    "staff",
    "stays",
    "webhooks",
    "ws",
];

/// Paths without one, and first parts of the paths of files.
const OTHERS: [&str; 8] =
    ["assets", "docs", "g", "healthz", "metrics", "openapi.json", "readyz", "sounds"];

/// Whether the server itself has paths that begin so: no prefix may.
#[must_use]
pub fn is_own_path(first_part: &str) -> bool {
    ROOTS.contains(&first_part) || OTHERS.contains(&first_part)
}

/// Cuts off the path below which browsers find the server, where the proxy has left it, and adds the final slash to
/// the paths of the interface.
pub(super) async fn complete(
    State(public_path): State<Arc<str>>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let below = path.strip_prefix(&*public_path).filter(|_| !public_path.is_empty());
    if below == Some("") {
        // What the page names is found below the path only where it ends with a slash.
        return Redirect::to(&format!("{public_path}/")).into_response();
    }
    let inner = below.filter(|rest| rest.starts_with('/')).unwrap_or(path);
    let completed = completed(inner);
    if completed != path {
        let completed = match request.uri().query() {
            Some(query) => format!("{completed}?{query}"),
            None => completed,
        };
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = completed.parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    next.run(request).await
}

/// The path as the routes have it.
fn completed(path: &str) -> String {
    let root = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    if ROOTS.contains(&root) && !path.ends_with('/') {
        return format!("{path}/");
    }
    let without = path.strip_suffix('/').filter(|path| {
        matches!(*path, "/docs" | "/healthz" | "/metrics" | "/openapi.json" | "/readyz")
    });
    without.unwrap_or(path).to_owned()
}
