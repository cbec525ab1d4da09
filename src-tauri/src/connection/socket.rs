//! Opening the socket, and what its end means.

use std::time::Duration;

use frontdesk_server::protocol::CloseCode;
use reqwest::Upgraded;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::protocol::{CloseFrame, Role, WebSocketConfig},
};

use crate::{api::Api, error::Error, keychain::Token, trust};

/// An open connection to the server.
pub(super) type Socket = WebSocketStream<Upgraded>;

/// Where the server has it.
const PATH: &str = "/ws/chat/";

/// Name lookup, connection, TLS and handshake together take no longer, or have failed.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// No frame of the server comes near it.
const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// Why there is no socket (any more).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It may work later. Why it does not now is said where there are words for it.
    Lost(Option<String>),
    /// The person's departments changed: it works again at once.
    DepartmentsChanged,
    /// The session is no longer valid; the text is shown on the screen.
    SignedOut(String),
    /// The server shows another certificate than the one that was compared: both are in the error.
    OtherCertificate(Box<Error>),
}

/// Opens a socket with the token as proof.
pub(super) async fn open(api: &Api, token: &Token) -> Result<Socket, Ended> {
    let stream = match tokio::time::timeout(OPEN_WITHIN, api.open_socket(PATH, token)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.code == "certificate_changed" => {
            let error = trust::with_fingerprint(error, api.server()).await;
            tracing::warn!(%error, "the server's certificate changed");
            return Err(Ended::OtherCertificate(Box::new(error)));
        }
        Ok(Err(error)) => return Err(why_refused(error)),
        Err(_elapsed) => {
            tracing::info!("the server does not answer");
            return Err(Ended::Lost(Some("The server does not answer.".to_owned())));
        }
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES));
    Ok(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await)
}

fn why_refused(error: Error) -> Ended {
    match error.status() {
        Some(401) => signed_out(),
        Some(403) => Ended::SignedOut(error.message),
        _ => {
            tracing::info!(%error, "the server cannot be reached");
            Ended::Lost(Some(error.message))
        }
    }
}

/// Interprets a close frame, or its absence.
pub(super) fn why_closed(close: Option<&CloseFrame>) -> Ended {
    const SESSION_ENDED: u16 = CloseCode::SessionEnded.number();
    const DEPARTMENTS_CHANGED: u16 = CloseCode::DepartmentsChanged.number();
    match close.map(|close| u16::from(close.code)) {
        Some(SESSION_ENDED) => signed_out(),
        Some(DEPARTMENTS_CHANGED) => Ended::DepartmentsChanged,
        code => {
            tracing::info!(?code, "the connection was closed");
            Ended::Lost(None)
        }
    }
}

fn signed_out() -> Ended {
    Ended::SignedOut("Your session has ended. Please sign in again.".to_owned())
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
            assert_eq!(close(temporary), Ended::Lost(None), "{temporary}");
        }
        // Codes of later versions, and of nobody.
        for unknown in [1002, 1015, 3000, 4402, 4410, 4999] {
            assert_eq!(close(unknown), Ended::Lost(None), "{unknown}");
        }
        assert_eq!(why_closed(None), Ended::Lost(None));
    }
}
