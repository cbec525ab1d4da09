//! The server that the app talks to: the one inside, or one elsewhere.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use frontdesk_server::{Config, OpenError, ServeError, SetupToken, backup, clock::Clock};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    address::Server,
    api::{Api, Found},
    error::{Error, Result},
    network::Shared,
};

/// Daily backups that the server inside keeps: nobody else makes any on a desk's computer.
const DAILY_BACKUPS: u32 = 7;

/// How long another Frontdesk on this computer may take to answer.
const RUNNING_WITHIN: Duration = Duration::from_secs(2);

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
    /// Any free port instead of `port`.
    pub(crate) any_port: bool,
    /// Name of a daily backup that takes the place of the database first.
    pub(crate) restore: Option<String>,
    /// Go on without data that only the backups have.
    pub(crate) accept_lost_data: bool,
}

impl Backend {
    /// A server elsewhere.
    pub(crate) fn remote(server: Server) -> Result<Self> {
        Ok(Self { api: Api::new(server)?, inside: None })
    }

    /// Starts the server inside. The demo hotel takes any port when its own is taken.
    ///
    /// # Errors
    /// `port_taken` or `in_use` with the Frontdesk that is `running`, `data_lost` with the `backups`, `no_certificate`,
    /// or `server_failed` with the server's own sentence.
    pub(crate) async fn embedded(place: Place) -> Result<Self> {
        let Place { data_dir, port, shared_port, demo, any_port, restore, accept_lost_data } =
            place;
        // The more telling of the two reasons, where a server runs on this very directory.
        if frontdesk_server::Server::is_running(&data_dir) {
            return Err(in_use(port).await);
        }
        let wanted = if any_port { 0 } else { port };
        let listener = match TcpListener::bind(("127.0.0.1", wanted)).await {
            Err(error) if demo && error.kind() == io::ErrorKind::AddrInUse => {
                TcpListener::bind(("127.0.0.1", 0)).await
            }
            bound => bound,
        };
        let listener = match listener {
            Ok(listener) => listener,
            Err(error) => return Err(cannot_listen(port, &error).await),
        };
        let server = Server::on_loopback(listener.local_addr().map_err(Error::internal)?.port())?;
        let door = match shared_port {
            Some(port) => Some(Shared::open(&data_dir, port).await?),
            None => None,
        };
        if let Some(name) = restore {
            restore_backup(&data_dir, &name).await?;
        }
        let setup_token = SetupToken::generate();
        let token = Some(setup_token.clone());
        let config = Config {
            demo,
            setup_token: token,
            accept_lost_data,
            // The demo hotel is nobody's work.
            daily_backups: if demo { 0 } else { DAILY_BACKUPS },
            // Programs on the same computer take replies.
            callbacks_to_this_computer: true,
            ..Config::new(&data_dir)
        };
        let opened = frontdesk_server::Server::open(config).await;
        let mut opened = match opened {
            Ok(opened) => opened,
            Err(ServeError::Open(OpenError::InUse(_))) => return Err(in_use(port).await),
            Err(error) => return Err(server_failed(&error)),
        };
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

    /// The loopback port of the server inside.
    pub(crate) fn port(&self) -> Option<u16> {
        self.inside.as_ref()?;
        self.api.server().port()
    }

    /// Whether the server is elsewhere.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.inside.is_none()
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

/// Puts a daily backup in the place of the database, which is kept beside it.
async fn restore_backup(data_dir: &Path, name: &str) -> Result<()> {
    let folder = data_dir.join(backup::daily::FOLDER);
    // Only a file of that folder.
    let is_name = Path::new(name).file_name().is_some_and(|it| it == name);
    let failed = |why: String| Error::new("restore_failed", sentence(&why));
    if !is_name {
        return Err(failed("there is no such backup".to_owned()));
    }
    let restored = backup::restore(data_dir, &folder.join(name), &Clock::System).await;
    let restored = restored.map_err(|error| failed(error.to_string()))?;
    tracing::warn!(name, kept = ?restored.kept, "a backup took the place of the database");
    Ok(())
}

/// The Frontdesk that listens on a port of this computer, if one does.
async fn running(port: u16) -> Option<String> {
    let server = Server::on_loopback(port).ok()?;
    let address = server.as_str().to_owned();
    let api = Api::new(server).ok()?;
    let asking = tokio::time::timeout(RUNNING_WITHIN, api.find_frontdesk()).await;
    matches!(asking, Ok(Ok(Found::Frontdesk))).then_some(address)
}

async fn in_use(port: u16) -> Error {
    let error = Error::new(
        "in_use",
        "Frontdesk is running on this computer already with the same data, perhaps in another session of your account.",
    );
    error.with("running", running(port).await)
}

async fn cannot_listen(port: u16, error: &io::Error) -> Error {
    if error.kind() != io::ErrorKind::AddrInUse {
        return Error::new(
            "port_taken",
            format!("The server cannot listen on port {port}: {error}."),
        )
        .with("other_port", true);
    }
    let running = running(port).await;
    let by = if running.is_some() {
        "another Frontdesk on this computer, perhaps of another person who is signed in to it"
    } else {
        "another program"
    };
    Error::new("port_taken", format!("Port {port} is used by {by}."))
        .with("running", running)
        .with("other_port", true)
}

fn server_failed(error: &ServeError) -> Error {
    let ServeError::Open(OpenError::Lost { lost, .. }) = error else {
        return Error::new("server_failed", sentence(&error.to_string()));
    };
    let backups = lost.backups.iter().filter_map(|backup| {
        let file = backup.file.file_name()?.to_str()?;
        Some(json!({ "file": file, "day": backup.day.to_string() }))
    });
    Error::new("data_lost", sentence(&lost.to_string()))
        .with("backups", backups.collect::<Vec<_>>())
}

/// With a capital letter and a full stop.
fn sentence(words: &str) -> String {
    let mut sentence = words.to_owned();
    if let Some(first) = sentence.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    format!("{}.", sentence.trim_end_matches('.'))
}
