//! Clearing the files of what was erased, a few pages at a time, while others write.

use std::time::Duration;

use crate::{
    app::App,
    journal::{WriteError, Written},
    store::{StoreError, backup, erasure, pages::Pass},
};

/// First pause before emptying the journal file is tried again; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Clears the files of everything that was erased until now. One task at a time does it; erasures during a pass
/// share the next one. Returns whether the files are cleared; otherwise the next hourly round, or the next
/// start, continues.
pub(super) async fn clear(app: &App) -> bool {
    let _alone = app.clearing.lock().await;
    loop {
        match clear_once(app).await {
            Ok(None) => return true,
            Ok(Some(generation)) => {
                tracing::info!(generation, "the files are cleared of what was erased");
            }
            Err(error) => {
                tracing::warn!(%error, "erased data may still be in the files; clearing them continues within an hour");
                return false;
            }
        }
    }
}

/// Goes through all pages, if something was erased since that was last done. Returns which erasures are covered.
async fn clear_once(app: &App) -> Result<Option<String>, WriteError<StoreError>> {
    let mut pass = {
        let connection = app.store.pool().acquire().await.map_err(StoreError::from);
        let mut connection = connection.map_err(WriteError::Refused)?;
        let wanted = erasure::wanted_clearing(&mut connection).await;
        let Some(generation) = wanted.map_err(WriteError::Refused)? else { return Ok(None) };
        Pass::begin(&mut connection, generation).await.map_err(WriteError::Refused)?
    };
    loop {
        let started = app.clock.passed();
        let step = app.journal.write(move |writer| {
            Box::pin(async move {
                let is_done = pass.step(writer).await?;
                Ok::<_, StoreError>(Written::quiet((pass, is_done)))
            })
        });
        let is_done;
        (pass, is_done) = step.await?;
        if is_done {
            break;
        }
        // At least half of the time is left to other writes.
        tokio::time::sleep(app.clock.passed().saturating_sub(started)).await;
    }
    empty_journal(app).await?;
    let generation = pass.generation().to_owned();
    let covered = generation.clone();
    let cleared = app.journal.write(move |writer| {
        Box::pin(async move {
            let is_all = erasure::cleared(writer, &covered).await?;
            Ok::<_, StoreError>(Written::quiet(is_all))
        })
    });
    if !cleared.await? {
        tracing::debug!("more was erased meanwhile; going through all pages again");
    }
    Ok(Some(generation))
}

/// Empties the journal file, which holds older versions of the pages. Waits for programs that read the database.
async fn empty_journal(app: &App) -> Result<(), WriteError<StoreError>> {
    let mut pause = FIRST_PAUSE;
    loop {
        {
            // Most of the work, on a connection other than the writer's.
            let connection = app.store.pool().acquire().await.map_err(StoreError::from);
            let mut connection = connection.map_err(WriteError::Refused)?;
            backup::fold_some(&mut connection).await.map_err(WriteError::Refused)?;
        }
        if app.journal.fold_journal().await {
            return Ok(());
        }
        if app.journal.is_stopping() {
            return Err(WriteError::Unavailable);
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}
