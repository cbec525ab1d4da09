//! The one way in: what the program, the desktop app and the tests call.

use std::{io, path::Path, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    Config, OpenError,
    admin::AdminSocket,
    app::{self, App, Holder},
    auth::ForeignOrigin,
    backup, delivery,
    demo::{self, DemoError},
    http,
    journal::Written,
    keeping,
    listen::{self, Door, Places, raise_open_files},
    store::{StoreError, staff},
    tls::Tls,
};

/// How long requests that were accepted may take when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the last bytes of connections may be on their way when the server stops.
const LAST_BYTES_TIMEOUT: Duration = Duration::from_millis(300);

/// How often connections that have joined meanwhile are closed too.
const CLOSING_INTERVAL: Duration = Duration::from_millis(20);

/// Pause before a data directory that a command has open is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A program that takes the lock of a data directory writes within this time what it is.
const HOLDER_NAMED_WITHIN: Duration = Duration::from_millis(500);

/// How long a start waits for an unknown program (on Windows a locked file cannot be read).
const UNKNOWN_HOLDER_PATIENCE: Duration = Duration::from_secs(10);

/// Why a server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data directory could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The demo hotel cannot be there.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// The command line could not reach the server.
    #[error(
        "the local socket in the data directory could not be created ({0}); check this user's write access"
    )]
    Socket(io::Error),
    /// No reply could be sent.
    #[error("the HTTP client that sends replies could not be started: {0}")]
    Client(#[from] reqwest::Error),
    /// A page of another site is listed.
    #[error(transparent)]
    ForeignOrigin(#[from] ForeignOrigin),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The listener broke.
    #[error("the server cannot accept connections: {0}")]
    Listen(#[from] io::Error),
}

/// Serves on a listener that is bound already, until `shutdown` is done; then stops accepting,
/// finishes what was accepted, closes connections with 1001 and the database.
///
/// # Errors
/// [`ServeError`], in words for whoever started the program. Nothing was changed.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    Server::open(config).await?.run(listener, shutdown).await
}

/// A server that can run: [`serve`] in two steps, for those who want to know that the first worked.
#[derive(Debug)]
pub struct Server {
    app: App,
    socket: AdminSocket,
    deliveries: delivery::Clients,
    doors: Vec<Door>,
}

impl Server {
    /// Opens the data directory, and fills it where the demo hotel is wanted.
    ///
    /// # Errors
    /// [`ServeError`], in words for whoever started the program.
    pub async fn open(config: Config) -> Result<Self, ServeError> {
        // The first one stays; a program that embeds the server may have installed the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let deliveries = delivery::Clients::new(config.callback_rules())?;
        let wants_demo = config.demo;
        if wants_demo {
            demo::check_directory(&config.data_dir).await?;
        }
        let app = open_when_free(config).await?;
        if let Err(error) = backup::sweep(&app.config.data_dir) {
            tracing::warn!(%error, "the partial file of a killed backup could not be removed");
        }
        if wants_demo {
            demo::fill_if_empty(&app).await?;
        }
        let socket = AdminSocket::listen(&app.config.data_dir).map_err(ServeError::Socket)?;
        Ok(Self { app, socket, deliveries, doors: Vec::new() })
    }

    /// Whether a program has the data directory open.
    #[must_use]
    pub fn is_running(data_dir: &Path) -> bool {
        app::is_locked(data_dir)
    }

    /// Whether there is no account yet, so that the setup token opens the first one.
    ///
    /// # Errors
    /// [`ServeError::Store`].
    pub async fn needs_setup(&self) -> Result<bool, ServeError> {
        Ok(!staff::exist(self.app.store.pool()).await?)
    }

    /// Listens there too, with TLS, when it runs.
    #[must_use]
    pub fn and_listen(mut self, listener: TcpListener, tls: Tls) -> Self {
        self.doors.push(Door { listener, tls: Some(tls) });
        self
    }

    /// Serves, as [`serve`] does.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let Self { app, socket, deliveries, mut doors } = self;
        let address = listener.local_addr()?;
        app.config.check(address)?;
        let stopping = CancellationToken::new();
        let mut keeping = JoinSet::new();
        keeping.spawn(keeping::watch_clock(app.clone()));
        keeping.spawn(keeping::watch_files(app.clone()));
        keeping.spawn(keeping::watch_sessions(app.clone()));
        keeping.spawn(keeping::keep_order(app.clone()));
        keeping.spawn(keeping::log_audit_heads(app.clone()));
        keeping.spawn(keeping::watch_gateways(app.clone()));
        if app.config.daily_backups > 0 {
            keeping.spawn(keeping::keep_backups(app.clone()));
        }
        let mut workers = JoinSet::new();
        workers.spawn(delivery::run(app.clone(), deliveries, stopping.clone()));
        workers.spawn(socket.run(app.clone(), stopping.clone()));
        if app.config.demo {
            workers.spawn(demo::play(app.clone(), address, stopping.clone()));
        }
        doors.push(Door { listener, tls: app.config.tls.clone() });
        let signal = async {
            shutdown.await;
            tracing::info!("stopping");
            stopping.cancel();
        };
        let places = Arc::new(Places::new(&app.config, raise_open_files()));
        let mut serving = Vec::with_capacity(doors.len());
        for door in doors {
            let router = http::router(app.clone(), door.listener.local_addr()?);
            let (places, stopping) = (Arc::clone(&places), stopping.clone());
            serving.push(listen::serve(door, router, &app.config, places, stopping));
        }
        let serving = join_all(serving);
        let closing = async {
            stopping.cancelled().await;
            close_connections(&app).await;
            while workers.join_next().await.is_some() {}
        };
        let late = async {
            stopping.cancelled().await;
            tokio::time::sleep(DRAIN_TIMEOUT).await;
        };
        tokio::select! {
            _ = async { tokio::join!(signal, serving, closing) } => {}
            () = late => {}
        }
        places.all_closed(LAST_BYTES_TIMEOUT).await;
        keeping.shutdown().await;
        workers.shutdown().await;
        keeping::note_gateways(&app).await;
        keeping::record_at_end(&app).await;
        app.close().await;
        Ok(())
    }
}

/// Opens the data directory. A command that has it open is waited for; another server is not.
async fn open_when_free(config: Config) -> Result<App, OpenError> {
    let started = tokio::time::Instant::now();
    let (mut is_logged, mut seen_server) = (false, None);
    loop {
        let error = match App::open(config.clone(), Holder::Server).await {
            Err(error @ OpenError::InUse(_)) => error,
            opened => return opened,
        };
        let waits = match app::is_locked_by_command(&config.data_dir) {
            Some(true) => {
                seen_server = None;
                true
            }
            // A program that has just taken the lock may not have written yet what it is.
            Some(false) => {
                seen_server.get_or_insert_with(tokio::time::Instant::now).elapsed()
                    < HOLDER_NAMED_WITHIN
            }
            None => started.elapsed() < UNKNOWN_HOLDER_PATIENCE,
        };
        if !waits {
            return Err(error);
        }
        if !is_logged && seen_server.is_none() {
            tracing::warn!(
                data_dir = %config.data_dir.display(),
                "a command has the data directory open; the server starts when the command is done"
            );
            is_logged = true;
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
}

/// Closes all connections once what they sent so far is answered.
async fn close_connections(app: &App) {
    // Whatever waits for the writer comes before this, and its answers before the end.
    let all_before =
        app.journal.write(|_| Box::pin(async { Ok::<_, StoreError>(Written::quiet(())) }));
    if all_before.await.is_err() {
        tracing::warn!(
            "the database does not respond; connections are closed without waiting for it"
        );
    }
    app.sockets.close();
    // Again and again: a connection that was being made may have joined meanwhile.
    loop {
        app.hub.close_all();
        tokio::select! {
            () = app.sockets.wait() => return,
            () = tokio::time::sleep(CLOSING_INTERVAL) => {}
        }
    }
}
