//! The server that the app talks to: the one inside, or one elsewhere.

use std::{io, path::PathBuf};

use frontdesk_server::{Config, ServeError, auth::SetupToken};
use reqwest::Method;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    address::Server,
    api::Api,
    error::{Error, Result},
};

/// A server to talk to.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) api: Api,
    inside: Option<Inside>,
}

/// The server inside this program.
#[derive(Debug)]
struct Inside {
    setup_token: SetupToken,
    data_dir: PathBuf,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Backend {
    /// A server elsewhere.
    pub(crate) fn remote(server: Server) -> Result<Self> {
        Ok(Self { api: Api::new(server)?, inside: None })
    }

    /// Starts the server inside on a loopback port. The demo hotel takes any port when that one is taken.
    ///
    /// # Errors
    /// `port_taken`, or `server_failed` with the server's own sentence.
    pub(crate) async fn embedded(data_dir: PathBuf, port: u16, demo: bool) -> Result<Self> {
        let listener = match TcpListener::bind(("127.0.0.1", port)).await {
            Err(error) if demo && error.kind() == io::ErrorKind::AddrInUse => {
                TcpListener::bind(("127.0.0.1", 0)).await
            }
            bound => bound,
        };
        let listener = listener.map_err(|error| cannot_listen(port, &error))?;
        let server = Server::on_loopback(listener.local_addr().map_err(Error::internal)?.port())?;
        let (setup_token, stop) = (SetupToken::generate(), CancellationToken::new());
        let config =
            Config { demo, setup_token: Some(setup_token.clone()), ..Config::new(&data_dir) };
        let shutdown = stop.clone().cancelled_owned();
        let (failed, failure) = tokio::sync::oneshot::channel();
        let serving = tokio::spawn(async move {
            if let Err(error) = frontdesk_server::serve(listener, config, shutdown).await {
                tracing::error!(%error, "the server inside has ended");
                let _ = failed.send(error);
            }
        });
        let inside = Inside { setup_token, data_dir, stop, serving };
        let backend = Self { api: Api::new(server)?, inside: Some(inside) };
        // It is there when it answers; when it ends instead, it has said why.
        tokio::select! {
            Ok(error) = failure => Err(server_failed(&error)),
            answer = backend.api.call(Method::GET, "/healthz", None, None) => match answer {
                Err(error) if error.code == "unreachable" => Err(error),
                _ => Ok(backend),
            },
        }
    }

    /// Asks whether a Frontdesk server is there at all.
    ///
    /// # Errors
    /// `unreachable` or `no_frontdesk`.
    pub(crate) async fn verify(&self) -> Result<()> {
        match self.api.call(Method::GET, "/auth/me/", None, None).await {
            // It wants to know who asks: that is the answer of the contract.
            Err(error) if error.code == "unauthorized" => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(self.api.no_frontdesk()),
        }
    }

    /// Under what name the sign-in is kept.
    pub(crate) fn account(&self) -> String {
        match &self.inside {
            Some(inside) => format!("this computer: {}", inside.data_dir.display()),
            None => self.api.server().as_str().to_owned(),
        }
    }

    /// Opens `POST /setup/` of the server inside.
    pub(crate) fn setup_token(&self) -> Option<&str> {
        self.inside.as_ref().map(|inside| inside.setup_token.reveal())
    }

    /// Whether the server inside has no account yet. One elsewhere is set up by whoever started it.
    pub(crate) async fn needs_setup(&self) -> Result<bool> {
        if self.inside.is_none() {
            return Ok(false);
        }
        // Whether there is staff is looked at before the token, and an empty token never fits.
        let nobody = json!({
            "setup_token": "", "property_name": "-", "username": "-", "name": "-",
            "password": "-".repeat(20),
        });
        match self.api.call(Method::POST, "/setup/", Some(&nobody), None).await {
            Err(error) if error.code == "already_set_up" => Ok(false),
            Err(error) if error.code == "unreachable" => Err(error),
            _ => Ok(true),
        }
    }

    /// Stops the server inside and waits until everything it accepted is on disk.
    pub(crate) async fn stop(self) {
        if let Some(inside) = self.inside {
            inside.stop.cancel();
            let _ = inside.serving.await;
        }
    }
}

fn cannot_listen(port: u16, error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::AddrInUse {
        return Error::new(
            "port_taken",
            format!(
                "Port {port} is used by another program, perhaps another Frontdesk server. Quit it, or \
                 choose “Hotel server” and enter 127.0.0.1:{port} to use that one."
            ),
        );
    }
    Error::new("port_taken", format!("The server cannot listen on port {port}: {error}."))
}

fn server_failed(error: &ServeError) -> Error {
    let mut sentence = error.to_string();
    if let Some(first) = sentence.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    Error::new("server_failed", format!("{}.", sentence.trim_end_matches('.')))
}
