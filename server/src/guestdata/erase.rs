//! Erasing one guest, from the tables and from the files.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    backup, files,
    hub::Effect,
    journal::{WriteError, Written},
    protocol::Id,
    store::{
        StoreError,
        erasure::{self, Step},
    },
};

use super::clearing;

/// How long an erasure waits for the files to be cleared: clients give a call up after 10 s.
const CLEARED_WITHIN: Duration = Duration::from_secs(5);

/// What became of erasing a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) conversations: usize,
    pub(crate) messages: u64,
    /// Whether the files hold nothing of the guest either. Otherwise they are being cleared.
    pub(crate) is_cleared: bool,
}

/// Erases a guest: from the tables, as a rule in one transaction, and then from whatever pages and journal
/// files still hold. The first transaction has the entry in the audit log; an erasure that has begun is
/// finished even after a restart. Returns `None` if the property has no such guest.
///
/// # Errors
/// [`WriteError`]; then nothing was erased, or erasing continues within an hour or at the next start.
pub(crate) async fn erase(
    app: &App,
    property_id: Id,
    guest_id: Id,
    actor: Actor,
) -> Result<Option<Outcome>, WriteError<StoreError>> {
    let entry = Entry::new(property_id, actor, "erased", Subject::Guest(guest_id));
    let erased = {
        // Otherwise an hourly round could continue this erasure, and each would count a part of the messages.
        let _alone = app.erasing.lock().await;
        erase_from_tables(app, (property_id, guest_id), Some(entry)).await?
    };
    let Some((conversations, messages)) = erased else { return Ok(None) };
    app.exports.forget_guest(guest_id);
    let clearing = tokio::spawn({
        let app = app.clone();
        async move { clearing::clear(&app).await }
    });
    let is_cleared = if app.is_serving {
        let in_time = tokio::time::timeout(CLEARED_WITHIN, clearing).await;
        in_time.is_ok_and(|cleared| cleared.unwrap_or(false))
    } else {
        // No one else is served by this program.
        clearing.await.unwrap_or(false)
    };
    Ok(Some(Outcome { conversations, messages, is_cleared }))
}

/// Erases in steps, so that other writes are made in between. Returns how many conversations and messages there were.
async fn erase_from_tables(
    app: &App,
    (property_id, guest_id): (Id, Id),
    mut entry: Option<Entry>,
) -> Result<Option<(usize, u64)>, WriteError<StoreError>> {
    let mut messages = 0;
    let mut has_begun = false;
    loop {
        let (now, first) = (app.clock.now(), entry.take());
        let step = app.journal.write(move |writer| {
            Box::pin(async move {
                let step = erasure::erase_guest(writer, property_id, guest_id, now).await?;
                let (erased, is_done) = match step {
                    None => return Ok(Written::quiet(None)),
                    Some(Step::Begun(erased)) => (erased, false),
                    Some(Step::Done(erased)) => (erased, true),
                };
                let done = (erased.conversations, erased.messages, is_done);
                let effect = Effect::Erased { property_id, gone: erased.gone, at: now };
                Ok::<_, StoreError>(Written::logged(Some(done), first).telling([effect]))
            })
        });
        let started = app.clock.passed();
        match step.await? {
            // Another call has erased the rest meanwhile.
            None => return Ok(has_begun.then_some((0, messages))),
            Some((conversations, more, true)) => return Ok(Some((conversations, messages + more))),
            Some((_, more, false)) => {
                messages += more;
                has_begun = true;
            }
        }
        // At least half of the time is left to other writes.
        tokio::time::sleep(app.clock.passed().saturating_sub(started)).await;
    }
}

/// Finishes what was begun before the server was stopped or killed: erasing guests, and clearing the files. Returns
/// whether the files are cleared.
///
/// # Errors
/// [`WriteError`]; it continues at the next start.
pub(crate) async fn finish_erasing(app: &App) -> Result<bool, WriteError<StoreError>> {
    let alone = app.erasing.lock().await;
    let guests = {
        let connection = app.store.pool().acquire().await.map_err(StoreError::from);
        let mut connection = connection.map_err(WriteError::Refused)?;
        erasure::being_erased(&mut connection).await.map_err(WriteError::Refused)?
    };
    for guest in guests {
        erase_from_tables(app, guest, None).await?;
    }
    drop(alone);
    Ok(clearing::clear(app).await)
}

/// Files of the data directory that hold the database as it was at another time, or may.
pub(crate) async fn older_copies(data_dir: PathBuf) -> Vec<String> {
    let found = files::blocking(move || Ok(copies_in(&data_dir)));
    found.await.unwrap_or_default()
}

fn copies_in(data_dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![data_dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if is_copy(&name) || path.starts_with(data_dir.join(backup::daily::FOLDER)) {
                found.push(path.display().to_string());
            }
        }
    }
    found.sort();
    found
}

/// Whether a file is called like a database, but is not the one in use.
fn is_copy(name: &str) -> bool {
    let own = ["frontdesk.db", "frontdesk.db-wal", "frontdesk.db-shm", "frontdesk.db-journal"];
    !own.contains(&name) && (name.starts_with("frontdesk.db") || name.ends_with(".db"))
}
