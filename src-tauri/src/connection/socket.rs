//! Opening the socket, and what its end means.

use std::{sync::Arc, time::Duration};

use tokio::net::TcpStream;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{
        self,
        client::IntoClientRequest,
        http::{HeaderValue, StatusCode, header::AUTHORIZATION},
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{address::Server, keychain::Token, trust};

/// An open connection to the server.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Name lookup, connection, TLS and handshake together take no longer, or have failed.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// No frame of the server comes near it.
const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// Why there is no socket (any more).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It may work later.
    Lost,
    /// The person's departments changed: it works again at once.
    DepartmentsChanged,
    /// The sign-in does not count any more; the sentence is for the screen.
    SignedOut(String),
}

/// Opens a socket with the token as proof.
pub(super) async fn open(server: &Server, token: &Token) -> Result<Socket, Ended> {
    let mut request = server.socket_url().into_client_request().map_err(|error| {
        tracing::error!(%error, "the server's address makes no request");
        Ended::Lost
    })?;
    let proof = HeaderValue::from_str(&format!("Bearer {}", token.reveal()));
    let mut proof = proof.map_err(|_| signed_out())?;
    proof.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, proof);
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES));
    // Without a connector of ours the system's certificates are read, and only for `wss:`.
    let connector = server.fingerprint().map(trust::pinned).transpose().map_err(|_| Ended::Lost)?;
    let connector = connector.map(|config| Connector::Rustls(Arc::new(config)));
    let opening = connect_async_tls_with_config(request, Some(config), true, connector);
    match tokio::time::timeout(OPEN_WITHIN, opening).await {
        Ok(Ok((socket, _response))) => Ok(socket),
        Ok(Err(error)) => Err(why_refused(error)),
        Err(_elapsed) => {
            tracing::info!("the server does not answer");
            Err(Ended::Lost)
        }
    }
}

fn why_refused(error: tungstenite::Error) -> Ended {
    match error {
        tungstenite::Error::Http(response) if response.status() == StatusCode::UNAUTHORIZED => {
            signed_out()
        }
        tungstenite::Error::Http(response) if response.status() == StatusCode::FORBIDDEN => {
            let body = response.body().as_deref().unwrap_or_default();
            let detail = serde_json::from_slice::<serde_json::Value>(body).ok();
            let detail = detail.as_ref().and_then(|problem| problem.get("detail")?.as_str());
            Ended::SignedOut(detail.unwrap_or("This account may not use the desk.").to_owned())
        }
        error => {
            tracing::info!(%error, "the server cannot be reached");
            Ended::Lost
        }
    }
}

/// What a close frame (or its absence) means.
pub(super) fn why_closed(close: Option<&CloseFrame>) -> Ended {
    match close.map(|close| close.code) {
        Some(CloseCode::Library(4401)) => signed_out(),
        Some(CloseCode::Library(4403)) => Ended::DepartmentsChanged,
        code => {
            tracing::info!(?code, "the connection was closed");
            Ended::Lost
        }
    }
}

fn signed_out() -> Ended {
    Ended::SignedOut("Your sign-in has ended. Please sign in again.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(code: u16) -> Ended {
        why_closed(Some(&CloseFrame { code: code.into(), reason: "".into() }))
    }

    #[test]
    fn close_codes_mean_what_the_contract_says() {
        assert!(matches!(close(4401), Ended::SignedOut(_)));
        assert_eq!(close(4403), Ended::DepartmentsChanged);
        for temporary in [1000, 1001, 1008, 1011, 1013] {
            assert_eq!(close(temporary), Ended::Lost, "{temporary}");
        }
        assert_eq!(why_closed(None), Ended::Lost);
    }
}
