//! Accepts connections: how many there may be, how long each may take to say what it wants and to take what
//! it is told, and TLS.

mod held;
mod places;

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderName, HeaderValue},
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use crate::{Config, tls::Tls};

use held::Held;
pub(crate) use places::{Places, raise_open_files};

/// Largest head of a request, in bytes: its first line and all its headers.
const HEAD_MAX_BYTES: usize = 32 * 1024;

/// Bytes of a connection that the system may hold for a client that does not read (Linux: twice as many, with
/// its own records). Left alone it holds megabytes for each, and it takes minutes until a reader shows as slow.
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// How long to wait when the system has no more sockets.
const NO_SOCKETS_PAUSE: Duration = Duration::from_secs(1);

/// How often certificates are read again.
const RENEWAL_INTERVAL: Duration = Duration::from_hours(1);

/// How those behind a proxy's TLS are told from others; a door with TLS says so itself.
pub(crate) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Where connections come in.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    /// Without it, what is said can be read on the way.
    pub(crate) tls: Option<Tls>,
}

/// Serves until it is stopped, then finishes what was asked for.
pub(crate) async fn serve(
    Door { listener, tls }: Door,
    router: Router,
    config: &Config,
    places: Arc<Places>,
    stopping: CancellationToken,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout)
        .max_buf_size(HEAD_MAX_BYTES);
    let connections = TaskTracker::new();
    let mut renewals = tokio::time::interval(RENEWAL_INTERVAL);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => break,
            _ = renewals.tick(), if tls.is_some() => {
                if let Some(tls) = tls.clone() {
                    connections.spawn_blocking(move || tls.renew());
                }
                continue;
            }
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        let Some(place) = places.take(peer.ip()) else {
            tracing::debug!(%peer, "too many connections");
            continue;
        };
        // Frames are small and must not wait for company.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a socket keeps its delay");
        }
        if let Err(error) = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES) {
            tracing::debug!(%error, "a socket keeps its buffer");
        }
        let held = Held::new(stream, place, config.write_timeout);
        let caller = Caller { peer, is_tls: tls.is_some() };
        let serving = (http.clone(), router.clone(), stopping.clone());
        match &tls {
            None => {
                connections.spawn(run(serving, held, caller));
            }
            Some(tls) => {
                let handshake =
                    tokio::time::timeout(config.head_timeout, tls.acceptor().accept(held));
                connections.spawn(async move {
                    match handshake.await {
                        Ok(Ok(stream)) => run(serving, stream, caller).await,
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS with this caller"),
                        Err(_) => tracing::debug!(%peer, "no TLS handshake came"),
                    }
                });
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Who is at the door, and whether others can listen.
#[derive(Clone, Copy, Debug)]
struct Caller {
    peer: SocketAddr,
    is_tls: bool,
}

async fn run(
    (http, router, stopping): (http1::Builder, Router, CancellationToken),
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    Caller { peer, is_tls }: Caller,
) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        if is_tls {
            request.headers_mut().insert(FORWARDED_PROTO, HeaderValue::from_static("https"));
        }
        router.clone().call(request)
    });
    let io = TokioIo::new(stream);
    let mut connection = pin!(http.serve_connection(io, service).with_upgrades());
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "a connection broke off");
    }
}

/// A connection that broke while it was being accepted is none; without sockets others must end first.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "a connection could not be accepted");
        tokio::time::sleep(NO_SOCKETS_PAUSE).await;
    }
}
