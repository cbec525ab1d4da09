//! Erasing one guest, from the tables and from the files.

use std::path::{Path, PathBuf};

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    backup, files,
    hub::Effect,
    journal::{WriteError, Written},
    protocol::Id,
    store::{StoreError, erasure},
};

/// What became of erasing a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) conversations: usize,
    pub(crate) messages: u64,
    /// Whether the files hold nothing of the guest either.
    pub(crate) is_cleared: bool,
}

/// Erases a guest: from the tables at once, in one transaction with its entry in the audit log, and then
/// from whatever pages and journal files still hold. Returns `None` if the property has no such guest.
///
/// # Errors
/// [`WriteError`]; then nothing was erased.
pub(crate) async fn erase(
    app: &App,
    property_id: Id,
    guest_id: Id,
    actor: Actor,
) -> Result<Option<Outcome>, WriteError<StoreError>> {
    let now = app.clock.now();
    let erased = app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let erased = erasure::erase_guest(writer, property_id, guest_id, now).await?;
                let Some(erased) = erased else { return Ok(Written::quiet(None)) };
                let entry = Entry::new(property_id, actor, "erased", Subject::Guest(guest_id));
                let counts = (erased.conversations, erased.messages);
                let effect = Effect::Erased { property_id, gone: erased.gone, at: now };
                Ok::<_, StoreError>(Written::logged(Some(counts), [entry]).telling([effect]))
            })
        })
        .await?;
    let Some((conversations, messages)) = erased else { return Ok(None) };
    // A read that lasts longer than SQLite waits may be in the way: then it is left for later.
    let is_cleared = app.journal.clear_files().await;
    Ok(Some(Outcome { conversations, messages, is_cleared }))
}

/// Clears the files if something was erased since they last were: the server may have been killed in
/// between, or the disk full.
///
/// # Errors
/// [`StoreError`] when the database cannot be read.
pub(crate) async fn finish_clearing(app: &App) -> Result<(), StoreError> {
    let mut connection = app.store.pool().acquire().await?;
    let wanted = erasure::is_clearing_wanted(&mut connection).await?;
    drop(connection);
    if wanted {
        app.journal.clear_files().await;
    }
    Ok(())
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
