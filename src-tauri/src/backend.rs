//! The server that the app talks to: the one inside, or one elsewhere.

use std::{io, path::PathBuf};

use frontdesk_server::{Config, ServeError, SetupToken};
use reqwest::Method;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    address::Server,
    api::Api,
    error::{Error, Result},
    network::Shared,
    trust,
};

/// Daily backups that the server inside keeps: nobody else makes any on a desk's computer.
const DAILY_BACKUPS: u32 = 7;

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
    needs_setup: bool,
    data_dir: PathBuf,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    shared: Option<Shared>,
}

/// Where the server inside is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) data_dir: PathBuf,
    /// On loopback.
    pub(crate) port: u16,
    /// Encrypted, on every address; `None`: not shared.
    pub(crate) shared_port: Option<u16>,
    pub(crate) demo: bool,
}

impl Backend {
    /// A server elsewhere.
    pub(crate) fn remote(server: Server) -> Result<Self> {
        Ok(Self { api: Api::new(server)?, inside: None })
    }

    /// Starts the server inside. The demo hotel takes any port when its own is taken.
    ///
    /// # Errors
    /// `port_taken`, `no_certificate`, or `server_failed` with the server's own sentence.
    pub(crate) async fn embedded(place: Place) -> Result<Self> {
        let Place { data_dir, port, shared_port, demo } = place;
        let listener = match TcpListener::bind(("127.0.0.1", port)).await {
            Err(error) if demo && error.kind() == io::ErrorKind::AddrInUse => {
                TcpListener::bind(("127.0.0.1", 0)).await
            }
            bound => bound,
        };
        let listener = listener.map_err(|error| cannot_listen(port, &error))?;
        let server = Server::on_loopback(listener.local_addr().map_err(Error::internal)?.port())?;
        let door = match shared_port {
            Some(port) => Some(Shared::open(&data_dir, port).await?),
            None => None,
        };
        let setup_token = SetupToken::generate();
        let token = Some(setup_token.clone());
        let config = Config {
            demo,
            setup_token: token,
            // The demo hotel is nobody's work.
            daily_backups: if demo { 0 } else { DAILY_BACKUPS },
            ..Config::new(&data_dir)
        };
        let opened = frontdesk_server::Server::open(config).await;
        let mut opened = opened.map_err(|error| server_failed(&error))?;
        let mut shared = None;
        if let Some((door, listener, tls)) = door {
            opened = opened.and_listen(listener, tls);
            shared = Some(door);
        }
        let needs_setup = opened.needs_setup().await.map_err(|error| server_failed(&error))?;
        let stop = CancellationToken::new();
        let shutdown = stop.clone().cancelled_owned();
        let serving = tokio::spawn(async move {
            if let Err(error) = opened.run(listener, shutdown).await {
                tracing::error!(%error, "the embedded server has stopped");
            }
        });
        let inside = Inside { setup_token, needs_setup, data_dir, stop, serving, shared };
        Ok(Self { api: Api::new(server)?, inside: Some(inside) })
    }

    /// Asks whether a Frontdesk server is there at all.
    ///
    /// # Errors
    /// `unreachable`, `no_frontdesk`, or `untrusted_certificate` with the `fingerprint` that is to be
    /// compared.
    pub(crate) async fn verify(&self) -> Result<()> {
        match self.api.call(Method::GET, "/auth/me/", None, None).await {
            // It wants to know who asks: that is the answer of the contract.
            Err(error) if error.code == "unauthorized" => Ok(()),
            Err(error) => Err(trust::with_fingerprint(error, self.api.server()).await),
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

    /// Whether it is the server inside, and how that is shared.
    pub(crate) fn sharing(&self) -> Option<Option<&Shared>> {
        self.inside.as_ref().map(|inside| inside.shared.as_ref())
    }

    /// Opens `POST /setup/` of the server inside.
    pub(crate) fn setup_token(&self) -> Option<&str> {
        self.inside.as_ref().map(|inside| inside.setup_token.reveal())
    }

    /// Whether the server inside had no account when it started. One elsewhere is set up by whoever
    /// started it.
    pub(crate) fn needs_setup(&self) -> bool {
        self.inside.as_ref().is_some_and(|inside| inside.needs_setup)
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
