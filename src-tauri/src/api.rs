//! HTTP to the server, and the WebSocket that begins as a request: the same trust and the same proxy for both.

use std::{io, time::Duration};

use reqwest::{
    Client, Method, Response, StatusCode, Upgraded,
    header::{
        CONNECTION, LOCATION, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    redirect::Policy,
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use crate::{
    address::Server,
    error::{Error, Result},
    keychain::Token,
    trust::refusal,
};

/// From the first byte to the last.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A page of 200 long messages is below it.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// What an address responds with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A Frontdesk server.
    Frontdesk,
    /// A redirect to this location.
    Redirect(String),
}

/// Calls one server.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    client: Client,
    /// Begins each socket on a connection of its own: a kept one may have died while the computer slept.
    sockets: Client,
    server: Server,
}

impl Api {
    pub(crate) fn new(server: Server) -> Result<Self> {
        let tls = server.trust().config()?;
        let client = || {
            let client = Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .user_agent(concat!("Frontdesk/", env!("CARGO_PKG_VERSION")))
                .timeout(ANSWER_WITHIN)
                // A token follows nobody elsewhere.
                .redirect(Policy::none());
            if server.is_near() { client.no_proxy() } else { client }
        };
        Ok(Self {
            client: client().build().map_err(Error::internal)?,
            sockets: client().pool_max_idle_per_host(0).build().map_err(Error::internal)?,
            server,
        })
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// One call; the answer's body, `null` when it has none.
    ///
    /// # Errors
    /// The server's problem, `invalid_path`, or `unreachable` when there is no answer.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        token: Option<&Token>,
    ) -> Result<Value> {
        let mut request = self.client.request(method, self.server.url(path)?);
        if let Some(token) = token {
            request = request.bearer_auth(token.reveal());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.read(response).await
    }

    /// Asks whether a Frontdesk server is there at all.
    ///
    /// # Errors
    /// `unreachable`, `no_frontdesk`, or why the certificate is not trusted.
    pub(crate) async fn find_frontdesk(&self) -> Result<Found> {
        let request = self.client.get(self.server.url("/auth/me/")?);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
        if response.status().is_redirection()
            && let Some(location) = location
        {
            return Ok(Found::Redirect(location.to_owned()));
        }
        match self.read(response).await {
            // It wants to know who asks: that is the answer of the contract.
            Err(error) if error.code == "unauthorized" => Ok(Found::Frontdesk),
            Err(error) if error.status().is_none() => Err(error),
            _ => Err(self.no_frontdesk()),
        }
    }

    /// Opens the WebSocket at a path.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub(crate) async fn open_socket(&self, path: &str, token: &Token) -> Result<Upgraded> {
        let key = generate_key();
        let request = self
            .sockets
            .get(self.server.url(path)?)
            .bearer_auth(token.reveal())
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return match self.read(response).await {
                Ok(_) => Err(self.no_frontdesk()),
                Err(error) => Err(error),
            };
        }
        let accepted = response.headers().get(SEC_WEBSOCKET_ACCEPT);
        if accepted.is_none_or(|it| *it != derive_accept_key(key.as_bytes())) {
            return Err(self.no_frontdesk());
        }
        response.upgrade().await.map_err(|error| self.unreachable(&error))
    }

    /// The answer's body, `null` when it has none.
    async fn read(&self, mut response: Response) -> Result<Value> {
        let status = response.status();
        let wait =
            response.headers().get(RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(Error::new(
                    "answer_too_long",
                    "Frontdesk could not read the server's answer, because it is too long.",
                ));
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return match bytes.as_slice() {
                [] => Ok(Value::Null),
                json => serde_json::from_slice(json).map_err(|_| self.no_frontdesk()),
            };
        }
        Err(self.refused(status, wait, &bytes))
    }

    /// The server's own words, where they are a problem of the contract.
    fn refused(&self, status: StatusCode, retry_after: Option<u64>, body: &[u8]) -> Error {
        let Ok(Value::Object(mut problem)) = serde_json::from_slice(body) else {
            return self.no_frontdesk();
        };
        problem.insert("status".to_owned(), json!(status.as_u16()));
        if let Some(seconds) = retry_after {
            problem.insert("retry_after".to_owned(), json!(seconds));
        }
        Error::problem(Value::Object(problem))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        tracing::info!(%error, "no answer");
        let server = self.server.as_str();
        if let Some(refusal) = refusal(error, &self.server) {
            return refusal;
        }
        let why = reason(error);
        let proxy = self.server.proxy();
        let through = proxy.map(|it| format!(" through the proxy {it}")).unwrap_or_default();
        Error::new(
            "unreachable",
            format!("The server {server} cannot be reached{through} ({why}). Check the address and the network, then try again."),
        )
        .because(why)
    }

    pub(crate) fn no_frontdesk(&self) -> Error {
        let server = self.server.as_str();
        Error::new("no_frontdesk", format!("{server} is not a Frontdesk server."))
    }
}

/// Why there was no answer, in a few words.
fn reason(error: &reqwest::Error) -> String {
    let mut innermost: &(dyn std::error::Error + 'static) = error;
    let mut is_name = false;
    while let Some(cause) = innermost.source() {
        is_name |= cause.to_string().contains("dns error");
        innermost = cause;
    }
    if error.is_timeout() {
        return "no answer".to_owned();
    }
    if is_name {
        return "the name is not known".to_owned();
    }
    match innermost.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => {
            "the connection was closed".to_owned()
        }
        Some(io::ErrorKind::InvalidData) => "it does not answer in TLS".to_owned(),
        _ => innermost.to_string(),
    }
}
