//! The one way in: what the program, the desktop app and the tests call.

use std::{net::SocketAddr, time::Duration};

use axum::serve::ListenerExt;
use tokio::{net::TcpListener, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{
    Config, OpenError,
    app::App,
    auth::session_end,
    http,
    hub::Effect,
    journal::Written,
    store::{StoreError, events, sessions},
};

/// How often sessions are looked over for their end: connections close within a second of it.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(500);

/// How often the house is kept: sessions in use, sessions that ended, events no longer kept.
const KEEPING_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// How long an event can be told again: 7 days, in milliseconds (contract 1.6).
const EVENT_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Events forgotten in one transaction: other changes wait for it.
const PRUNE_EVENTS: u32 = 5_000;

/// How long requests that were accepted may take when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a server could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data directory could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The listener broke.
    #[error("the server cannot accept connections: {0}")]
    Listen(#[from] std::io::Error),
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
    let app = App::open(config).await?;
    run(listener, app, shutdown).await
}

/// The same with an [`App`] that is open.
pub(crate) async fn run(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let stopping = CancellationToken::new();
    let watch = tokio::spawn(watch_sessions(app.clone()));
    let keeping = tokio::spawn(keep_house(app.clone()));
    let service = http::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    // Frames are small and must not wait for company.
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a socket keeps its delay");
        }
    });
    let signal = {
        let (app, stopping) = (app.clone(), stopping.clone());
        async move {
            shutdown.await;
            tracing::info!("stopping");
            app.hub.close_all();
            stopping.cancel();
        }
    };
    let serving = axum::serve(listener, service).with_graceful_shutdown(signal);
    let late = async {
        stopping.cancelled().await;
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    let served = tokio::select! {
        served = serving.into_future() => served,
        () = late => Ok(()),
    };
    watch.abort();
    keeping.abort();
    app.close().await;
    Ok(served?)
}

async fn watch_sessions(app: App) {
    let mut interval = tokio::time::interval(EXPIRY_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        app.hub.expire(app.clock.now());
    }
}

async fn keep_house(app: App) {
    let mut interval = tokio::time::interval(KEEPING_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = keep_house_once(&app).await {
            tracing::warn!(%error, "the house could not be kept; in an hour again");
        }
    }
}

async fn keep_house_once(app: &App) -> Result<(), crate::journal::WriteError<StoreError>> {
    let now = app.clock.now();
    let used = app.hub.extend_sessions(session_end(now));
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                sessions::touch(writer, &used, now).await?;
                sessions::delete_expired(writer, now).await?;
                Ok::<_, StoreError>(Written::quiet(()))
            })
        })
        .await?;
    loop {
        let before = now.plus_millis(-EVENT_MILLIS).as_millis();
        let pruned = app
            .journal
            .write(move |writer| {
                Box::pin(async move {
                    let pruned = events::prune(writer, before, PRUNE_EVENTS).await?;
                    let effects = pruned
                        .iter()
                        .map(|(property_id, seq)| Effect::Pruned {
                            property_id: *property_id,
                            seq: *seq,
                        })
                        .collect();
                    Ok::<_, StoreError>(Written { value: pruned.len(), effects })
                })
            })
            .await?;
        if pruned == 0 {
            return Ok(());
        }
    }
}
