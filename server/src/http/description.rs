//! The interface, described: `/openapi.json`, and the page that shows it.

use axum::{Router, http::StatusCode};
use utoipa::{
    OpenApi as _,
    openapi::{
        Content, Header, ObjectBuilder, OpenApi, Ref, RefOr, Response, Server, Type,
        path::{Operation, ParameterIn, PathItem},
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_swagger_ui::{self as swagger_ui, SwaggerUi};

use crate::auth::COOKIE;

use super::limits;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Frontdesk",
        description = "The HTTP interface of the chat server. The WebSocket protocol is described in docs/protocol.md."
    ),
    security(("session" = []), ("cookie" = []))
)]
struct Description;

/// `/docs`. Its links are whole, so that it works with and without its final slash.
pub(super) fn page(public_path: &str) -> String {
    let files = format!("{public_path}/docs/files");
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Frontdesk</title>\
        <link rel=\"stylesheet\" href=\"{files}/swagger-ui.css\">\
        <link rel=\"stylesheet\" href=\"{files}/index.css\"><div id=\"swagger-ui\"></div>\
        <script src=\"{files}/swagger-ui-bundle.js\"></script>\
        <script src=\"{files}/swagger-ui-standalone-preset.js\"></script>\
        <script src=\"{files}/swagger-initializer.js\"></script></html>"
    )
}

/// What stands above the calls.
pub(super) fn beginning() -> OpenApi {
    let mut description = Description::openapi();
    let about = description.info.description.get_or_insert_default();
    about.push_str("\n\n");
    about.push_str(limits::FORMATS);
    description
}

/// `/openapi.json`, and the files of the page.
pub(super) fn router<S: Clone + Send + Sync + 'static>(
    mut description: OpenApi,
    public_path: &str,
) -> Router<S> {
    complete(&mut description);
    if !public_path.is_empty() {
        description.servers = Some(vec![Server::new(public_path)]);
    }
    let shown = swagger_ui::Config::from(format!("{public_path}/openapi.json"));
    let mut document = serde_json::to_value(&description).unwrap_or_default();
    limits::describe(&mut document);
    SwaggerUi::new("/docs/files")
        .external_url_unchecked("/openapi.json", document)
        .config(shown)
        .into()
}

/// Adds what holds for every call of a kind, so that the calls themselves say only what is their own.
fn complete(description: &mut OpenApi) {
    let components = description.components.get_or_insert_default();
    for scheme in ["session", "gateway"] {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme(scheme, bearer);
    }
    let cookie = ApiKeyValue::with_description(
        COOKIE,
        "Of browsers. Calls that change something, and sockets, also need an Origin header that is the server's own or listed.",
    );
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    for (path, item) in &mut description.paths.paths {
        for (method, operation) in operations(item) {
            // Two handlers may have one name; a call is a method and a path.
            operation.operation_id =
                Some(format!("{method}{}", path.replace(['/', '-', '{', '}'], "_")));
            for status in possible(operation) {
                let responses = &mut operation.responses.responses;
                responses
                    .entry(status.as_str().to_owned())
                    .or_insert_with(|| Response::default().into());
            }
            for (status, response) in &mut operation.responses.responses {
                if let (Ok(status), RefOr::T(response)) = (status.parse(), response) {
                    finish(status, response);
                }
            }
        }
    }
}

/// The calls of a path, by their methods.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, post, patch, delete, .. } = item;
    [("get", get), ("post", post), ("patch", patch), ("delete", delete)]
        .into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// What a call of this kind may be answered, beside what it says itself.
fn possible(operation: &Operation) -> Vec<StatusCode> {
    let mut statuses = vec![
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::MISDIRECTED_REQUEST,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    // A call that says nothing of proofs needs a session, as the whole description says.
    if operation.security.is_none() {
        statuses.extend([
            StatusCode::UNAUTHORIZED,
            StatusCode::FORBIDDEN,
            StatusCode::TOO_MANY_REQUESTS,
        ]);
    }
    if operation.request_body.is_some() {
        statuses.extend([
            StatusCode::BAD_REQUEST,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            StatusCode::UNPROCESSABLE_ENTITY,
        ]);
    }
    for parameter in operation.parameters.iter().flatten() {
        match parameter {
            RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path => {
                statuses.push(StatusCode::NOT_FOUND);
            }
            _ => statuses.push(StatusCode::UNPROCESSABLE_ENTITY),
        }
    }
    statuses
}

/// Errors are problems, and every answer has words.
fn finish(status: StatusCode, response: &mut Response) {
    if response.description.is_empty() {
        response.description = status.canonical_reason().unwrap_or_default().to_owned();
    }
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).build();
        let mut header = Header::new(seconds);
        header.description = Some(
            "Seconds after which to try again; with 503 only where they are known.".to_owned(),
        );
        response.headers.insert("Retry-After".to_owned(), header.into());
    }
    if status.is_client_error() || status.is_server_error() {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        response.content.clear();
        response.content.insert("application/problem+json".to_owned(), problem.into());
    }
}
