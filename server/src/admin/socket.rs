//! The local socket of a running server: requests of its owner, one JSON line each way.
//!
//! It stands in the data directory, with mode 0600. A directory whose path is too long for a socket
//! is reached through a short symbolic link in a folder that only this user can enter.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use interprocess::local_socket::{
    ListenerOptions, Name,
    tokio::{Listener, Stream, prelude::*},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::app::App;

use super::{AdminError, Request, Response, execute::execute};

/// Name of the socket in the data directory.
#[cfg(unix)]
const SOCKET_FILE: &str = "frontdesk.sock";

/// Longest path of a socket that every Unix takes, in bytes.
#[cfg(unix)]
const PATH_MAX_BYTES: usize = 100;

/// Longest request or answer.
const LINE_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// How long the owner may take to write a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the server may take to answer one.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Requests that are carried out at the same time; further ones wait.
const AT_ONCE: usize = 8;

/// A socket name, and what keeps it reachable.
struct Place {
    name: Name<'static>,
    #[cfg(unix)]
    _short: Option<tempfile::TempDir>,
}

#[cfg(unix)]
fn place(data_dir: &Path) -> io::Result<Place> {
    use interprocess::local_socket::{GenericFilePath, ToFsName as _};
    let mut path = std::path::absolute(data_dir)?.join(SOCKET_FILE);
    let mut short = None;
    if path.as_os_str().len() > PATH_MAX_BYTES {
        let folder = tempfile::Builder::new().prefix("frontdesk-").rand_bytes(8).tempdir()?;
        let link = folder.path().join("d");
        std::os::unix::fs::symlink(std::path::absolute(data_dir)?, &link)?;
        path = link.join(SOCKET_FILE);
        short = Some(folder);
    }
    Ok(Place { name: path.to_fs_name::<GenericFilePath>()?.into_owned(), _short: short })
}

#[cfg(windows)]
fn place(data_dir: &Path) -> io::Result<Place> {
    use interprocess::local_socket::{GenericNamespaced, ToNsName as _};
    use sha2::{Digest as _, Sha256};
    let path = std::fs::canonicalize(data_dir)?;
    let hash = hex::encode(Sha256::digest(path.as_os_str().as_encoded_bytes()));
    let name = format!("frontdesk-{hash}");
    Ok(Place { name: name.to_ns_name::<GenericNamespaced>()?.into_owned() })
}

/// Where the socket's file is, on systems where it has one.
#[cfg(unix)]
fn file(data_dir: &Path) -> Option<PathBuf> {
    Some(data_dir.join(SOCKET_FILE))
}

#[cfg(windows)]
fn file(_data_dir: &Path) -> Option<PathBuf> {
    None
}

/// The listening socket of a server that holds the data directory's lock.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    listener: Listener,
    file: Option<PathBuf>,
}

impl AdminSocket {
    /// Listens in the data directory. The caller holds the directory's lock, so an existing socket file was
    /// left by a server that was killed.
    pub(crate) fn listen(data_dir: &Path) -> io::Result<Self> {
        let file = file(data_dir);
        if let Some(file) = &file {
            match std::fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let listener = owner_only(|| {
            let place = place(data_dir)?;
            Ok((ListenerOptions::new().name(place.name.clone()).reclaim_name(false), place))
        })?;
        if let Some(file) = &file {
            restrict(file)?;
        }
        Ok(Self { listener, file })
    }

    /// Answers until told to stop; what has been accepted is answered still.
    pub(crate) async fn run(self, app: App, stopping: CancellationToken) {
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let mut answers = JoinSet::new();
        while let Some(accepted) = stopping.run_until_cancelled(self.listener.accept()).await {
            match accepted {
                Ok(stream) => {
                    let (app, permits) = (app.clone(), Arc::clone(&permits));
                    answers.spawn(async move {
                        let _permit = permits.acquire_owned().await;
                        if let Err(error) = answer(&app, &stream).await {
                            tracing::warn!(%error, "a request over the local socket was not answered");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the local socket cannot accept; trying again");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            while answers.try_join_next().is_some() {}
        }
        if let Some(file) = &self.file {
            // The next server removes what is left.
            let _ = std::fs::remove_file(file);
        }
        while answers.join_next().await.is_some() {}
    }
}

#[cfg(unix)]
fn owner_only(
    options: impl Fn() -> io::Result<(ListenerOptions<'static>, Place)>,
) -> io::Result<Listener> {
    use interprocess::os::unix::local_socket::ListenerOptionsExt as _;
    let (listener, _place) = options()?;
    match listener.mode(0o600).create_tokio() {
        // Not every Unix can say the mode beforehand; there it is set right afterwards.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            let (listener, _place) = options()?;
            listener.create_tokio()
        }
        result => result,
    }
}

#[cfg(windows)]
fn owner_only(
    options: impl Fn() -> io::Result<(ListenerOptions<'static>, Place)>,
) -> io::Result<Listener> {
    // A pipe's default rights let others read, but only its owner and administrators write.
    let (listener, _place) = options()?;
    listener.create_tokio()
}

#[cfg(unix)]
fn restrict(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))
}

#[cfg(windows)]
fn restrict(_file: &Path) -> io::Result<()> {
    Ok(())
}

async fn answer(app: &App, stream: &Stream) -> io::Result<()> {
    let line = tokio::time::timeout(REQUEST_TIMEOUT, read_line(stream)).await??;
    let result = match serde_json::from_str::<Request>(&line) {
        Ok(request) => execute(app, request).await,
        // Both ends are the same program, unless one has been replaced meanwhile.
        Err(_) => Err(AdminError::failed(
            "the running server has another version and does not support this command; \
             restart the server, then try again",
        )),
    };
    write_line(stream, &result).await
}

async fn read_line(stream: &Stream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(LINE_MAX_BYTES)).read_line(&mut line).await?;
    if line.ends_with('\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

async fn write_line<T: serde::Serialize>(mut stream: &Stream, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.flush().await
}

/// Why a running server could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// Nobody listens (yet, or any more): nothing was done.
    #[error("no server responds on the local socket")]
    NobodyThere,
    /// It is gone, or took too long: what was asked may have been done.
    #[error(
        "the running server did not answer ({0}); check whether the command was carried out before you repeat it"
    )]
    NoAnswer(io::Error),
}

/// Has the server that runs on the data directory carry out a request.
///
/// # Errors
/// [`AskError`] when no answer came; the answer itself may be an [`AdminError`].
pub(super) async fn ask(
    data_dir: &Path,
    request: &Request,
) -> Result<Result<Response, AdminError>, AskError> {
    let place = place(data_dir).map_err(|_| AskError::NobodyThere)?;
    let stream = Stream::connect(place.name.clone()).await.map_err(|_| AskError::NobodyThere)?;
    let exchange = async {
        write_line(&stream, request).await?;
        let line = read_line(&stream).await?;
        Ok::<_, io::Error>(serde_json::from_str(&line)?)
    };
    match tokio::time::timeout(ANSWER_TIMEOUT, exchange).await {
        Ok(answer) => answer.map_err(AskError::NoAnswer),
        Err(elapsed) => Err(AskError::NoAnswer(elapsed.into())),
    }
}
