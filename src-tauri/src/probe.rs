//! Finds the server that a person means: tries the likely addresses, and reports the result of each.

use std::time::Duration;

use futures_util::{StreamExt, stream};

use crate::{
    address::{Server, Typed},
    api::{Api, Found},
    error::{Error, Result},
    trust::{self, Trust},
};

/// Time for each address; all are tried at the same time.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Redirects that are followed, each to `https` of the same host.
const MAX_REDIRECTS: usize = 3;

/// What an address turned out to be.
type Tried = std::result::Result<Server, (Server, Error)>;

/// The first of the servers that may be meant which answers as a Frontdesk server.
///
/// # Errors
/// `plain_http` when only an unencrypted one answers and the person has not accepted that; `untrusted_certificate` or
/// `certificate_changed`, with what has to be compared; `no_server_found`, with what was tried.
pub(crate) async fn find(typed: &Typed, accept_plain_http: bool, trust: &Trust) -> Result<Server> {
    let mut servers = typed.servers(typed.is_private().await);
    if matches!(trust, Trust::Pinned(_)) {
        // Only an encrypted server has the certificate that was compared.
        servers.retain(Server::is_encrypted);
    }
    let count = servers.len().max(1);
    let trying = servers.into_iter().map(|server| try_one(server.with_trust(trust.clone())));
    let mut tried = stream::iter(trying).buffered(count);
    let mut failed = Vec::new();
    while let Some(outcome) = tried.next().await {
        match outcome {
            Ok(server) if accept_plain_http => return Ok(server),
            Ok(server) => return server.check_encrypted().map(|()| server),
            Err(failure) => failed.push(failure),
        }
    }
    drop(tried);
    // A certificate that is not trusted may be that of the server that is meant.
    let is_certificate = |(_, error): &(Server, Error)| error.is_about_certificate();
    if let Some(at) = failed.iter().position(is_certificate) {
        let (server, error) = failed.swap_remove(at);
        return Err(trust::with_fingerprint(error, &server).await);
    }
    Err(nothing_found(&failed))
}

async fn try_one(mut server: Server) -> Tried {
    for _ in 0..=MAX_REDIRECTS {
        let asking = async { Api::new(server.clone())?.find_frontdesk().await };
        let found = tokio::time::timeout(ANSWER_WITHIN, asking).await;
        match found.unwrap_or_else(|_| Err(Error::new("unreachable", "no answer"))) {
            Ok(Found::Frontdesk) => return Ok(server),
            Ok(Found::Redirect(location)) => match server.redirected(&location) {
                Some(next) => server = next,
                None => break,
            },
            Err(error) => return Err((server, error)),
        }
    }
    Err((server, Error::new("no_frontdesk", "another website")))
}

/// The error that names each address that was tried, with the reason.
fn nothing_found(failed: &[(Server, Error)]) -> Error {
    let tried: Vec<_> = failed
        .iter()
        .map(|(server, error)| {
            let why = error.reason().unwrap_or(match &*error.code {
                "no_frontdesk" => "another program answers",
                _ => "no answer",
            });
            format!("{} ({why})", server.as_str())
        })
        .collect();
    let proxies: Vec<_> = failed.iter().filter_map(|(server, _)| server.proxy()).collect();
    let proxy = proxies.first().map(|it| format!(" through the proxy {it}")).unwrap_or_default();
    Error::new(
        "no_server_found",
        format!(
            "There is no Frontdesk server at this address. Tried{proxy}: {}. Check the address, and that Frontdesk \
             runs on that computer and is shared.",
            tried.join(", ")
        ),
    )
}

#[cfg(test)]
mod tests {
    use axum::{
        Json, Router,
        http::StatusCode,
        response::{IntoResponse, Redirect},
        routing::get,
    };
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    async fn serve(router: Router) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(axum::serve(listener, router).into_future());
        port
    }

    async fn frontdesk() -> u16 {
        let refuse = async || {
            let problem =
                json!({ "status": 401, "code": "unauthorized", "title": "", "detail": "" });
            (StatusCode::UNAUTHORIZED, Json(problem)).into_response()
        };
        serve(Router::new().route("/auth/me/", get(refuse))).await
    }

    async fn find_at(typed: &str) -> std::result::Result<String, Error> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let typed = Typed::parse(typed).unwrap();
        find(&typed, false, &Trust::System).await.map(|server| server.as_str().to_owned())
    }

    #[tokio::test]
    async fn a_server_without_tls_is_found_without_a_scheme() {
        let port = frontdesk().await;
        let expected = format!("http://localhost:{port}");
        assert_eq!(find_at(&format!("localhost:{port}")).await.unwrap(), expected);
        assert_eq!(find_at(&format!("localhost.:{port}/hotel")).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn what_was_tried_is_named_and_nobody_is_followed_to_another_host() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let error = find_at(&format!("127.0.0.1:{closed}")).await.unwrap_err();
        assert_eq!(error.code, "no_server_found");
        for tried in ["https", "http"] {
            let expected = format!("{tried}://127.0.0.1:{closed} (connection refused)");
            assert!(error.message.contains(&expected), "{error}");
        }
        let elsewhere = async || Redirect::permanent("https://evil.example/auth/me/");
        let port = serve(Router::new().route("/auth/me/", get(elsewhere))).await;
        let error = find_at(&format!("http://127.0.0.1:{port}")).await.unwrap_err();
        assert!(error.message.contains("another program answers"), "{error}");
    }

    #[tokio::test]
    async fn a_redirect_to_https_of_the_same_host_is_followed() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let there = move || async move {
            Redirect::permanent(&format!("https://127.0.0.1:{closed}/auth/me/"))
        };
        let port = serve(Router::new().route("/auth/me/", get(there))).await;
        let error = find_at(&format!("http://127.0.0.1:{port}")).await.unwrap_err();
        // Nobody listens there, and it was tried.
        assert!(error.message.contains(&format!("https://127.0.0.1:{closed} ")), "{error}");
    }
}
