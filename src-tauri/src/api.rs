//! HTTP to the server.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode, header::RETRY_AFTER, redirect::Policy};
use serde_json::{Value, json};

use crate::{
    address::Server,
    error::{Error, Result},
    keychain::Token,
    trust,
};

/// From the first byte to the last.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A page of 200 long messages is below it.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Calls one server.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    client: Client,
    server: Server,
}

impl Api {
    pub(crate) fn new(server: Server) -> Result<Self> {
        let mut client = Client::builder();
        if let Some(fingerprint) = server.fingerprint() {
            client = client.tls_backend_preconfigured(trust::pinned(fingerprint)?);
        }
        let client = client
            .user_agent(concat!("Frontdesk/", env!("CARGO_PKG_VERSION")))
            .timeout(ANSWER_WITHIN)
            // A token follows nobody elsewhere.
            .redirect(Policy::none())
            .build()
            .map_err(Error::internal)?;
        Ok(Self { client, server })
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
        let mut response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let wait =
            response.headers().get(RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(Error::new("answer_too_long", "The server's answer is too long."));
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
        if trust::is_refused_certificate(error) {
            return Error::new(
                "untrusted_certificate",
                format!("What answers at {server} shows a certificate that nobody vouches for."),
            );
        }
        Error::new("unreachable", format!("The server {server} cannot be reached."))
    }

    pub(crate) fn no_frontdesk(&self) -> Error {
        let server = self.server.as_str();
        Error::new("no_frontdesk", format!("What answers at {server} is no Frontdesk server."))
    }
}
