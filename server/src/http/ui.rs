//! The web UI, out of the program itself.

use axum::{
    extract::State,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
};

use crate::app::App;

use super::{description, problem::Problem};

/// The UI as it was built; nothing when it was not.
#[derive(rust_embed::RustEmbed)]
#[folder = "../ui/dist"]
#[allow_missing = true]
struct Built;

/// Shown instead of a UI that was not built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><title>Frontdesk</title>\
<h1>Frontdesk is running</h1><p>This program was built without its web UI. Build it with \
<code>cd ui &amp;&amp; npm ci &amp;&amp; npm run build</code>, then build the server again.</p>\
<p>The <a href=\"/docs/\">HTTP interface</a> still works.</p></html>";

/// Files of the UI; for every other path that a browser navigates to, the way to its page. The page names its files
/// by where it stands, so it stands at one address only.
pub(super) async fn serve(
    State(app): State<App>,
    method: Method,
    uri: Uri,
    headers: axum::http::HeaderMap,
) -> Response {
    let path = uri.path().trim_start_matches('/');
    if !matches!(method, Method::GET | Method::HEAD) {
        return Problem::not_found("not_found", "There is nothing at this address").into_response();
    }
    if path == "docs" {
        return Html(description::page(&app.config.public_path)).into_response();
    }
    if let Some(file) = Built::get(path).filter(|_| !path.is_empty()) {
        // Names of built assets change with their content.
        let caching = if path.starts_with("assets/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        return answer(file, caching);
    }
    let wants_page = path.is_empty()
        || headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"));
    if !wants_page || path.starts_with("assets/") {
        return Problem::not_found("not_found", "There is nothing at this address").into_response();
    }
    if !path.is_empty() {
        // Relative: a proxy may have cut off a path before this one.
        let up = "../".repeat(path.matches('/').count());
        let page = if up.is_empty() { "./".to_owned() } else { up };
        return ([(header::LOCATION, page)], StatusCode::SEE_OTHER).into_response();
    }
    match Built::get("index.html") {
        Some(page) => answer(page, "no-cache"),
        None => (StatusCode::OK, Html(NOT_BUILT)).into_response(),
    }
}

fn answer(file: rust_embed::EmbeddedFile, caching: &'static str) -> Response {
    let kind = HeaderValue::from_str(file.metadata.mimetype());
    let mut response = file.data.into_owned().into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        kind.unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    response
}
