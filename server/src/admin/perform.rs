//! Who carries a request out: the server that runs on the data directory, else this very program.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    app::{App, Holder, OpenError},
    config::Config,
    store,
};

use super::{
    AdminError, Request, Response,
    execute::execute,
    socket::{AskError, ask},
};

/// How long a server may take to start or to stop before the command gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pause before looking again.
const PAUSE: Duration = Duration::from_millis(100);

/// Logs that a backup was written. A database that an older version wrote is left as it is, and so is
/// one of a newer version: a backup is not what brings it up to date.
///
/// # Errors
/// [`AdminError`]; the backup is there all the same.
pub async fn note_backup(data_dir: &Path) -> Result<(), AdminError> {
    if store::is_up_to_date(data_dir).await? {
        perform(data_dir, Request::NoteBackup).await?;
    }
    Ok(())
}

/// Has a request carried out on a data directory, whether or not a server runs on it.
///
/// # Errors
/// [`AdminError`]: a sentence that says what to do. Nothing was changed.
pub async fn perform(data_dir: &Path, request: Request) -> Result<Response, AdminError> {
    let started = Instant::now();
    loop {
        match App::open(Config::new(data_dir), Holder::Command).await {
            Ok(app) => {
                let result = execute(&app, request).await;
                app.close().await;
                return result;
            }
            Err(OpenError::InUse(_)) => {}
            Err(error) => return Err(AdminError::failed(error.to_string())),
        }
        match ask(data_dir, &request).await {
            Ok(result) => return result,
            Err(AskError::NobodyThere) if started.elapsed() < PATIENCE => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(AskError::NobodyThere) => {
                return Err(AdminError::failed(format!(
                    "another program is using the data directory {} and does not respond; \
                     try again, or stop that program",
                    data_dir.display()
                )));
            }
            Err(error) => return Err(AdminError::failed(error.to_string())),
        }
    }
}
