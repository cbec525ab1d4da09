//! Closed conversations that have been kept as long as their property wants.

use std::time::Duration;

use crate::{
    app::App,
    audit::{Actor, Entry, Subject},
    hub::Effect,
    journal::{WriteError, Written},
    protocol::{Id, Timestamp},
    store::{
        StoreError,
        erasure::{self, Retention},
    },
};

/// Conversations in one transaction: other changes wait for it.
const AT_ONCE: u32 = 50;

const DAY: Duration = Duration::from_hours(24);

/// Deletes or anonymises what each property does not want to keep any longer; stops when the clock jumps.
///
/// # Errors
/// [`WriteError`]; what was done before it stands.
pub(crate) async fn keep_retention(app: &App) -> Result<(), WriteError<StoreError>> {
    let properties = erasure::properties(&app.store).await.map_err(WriteError::Refused)?;
    for (property_id, _, retention) in properties {
        let Some(days) = retention.days else { continue };
        let kept = DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX));
        while let Some(now) = app.clock_watch.trusted_now() {
            let started = app.clock.passed();
            if !part(app, property_id, retention, (now.minus(kept), now)).await? {
                break;
            }
            // At least half of the time is left to other writes.
            tokio::time::sleep(app.clock.passed().saturating_sub(started)).await;
        }
    }
    Ok(())
}

/// Takes the next few; returns whether there were any.
async fn part(
    app: &App,
    property_id: Id,
    retention: Retention,
    (before, now): (Timestamp, Timestamp),
) -> Result<bool, WriteError<StoreError>> {
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            let ids = erasure::outlived(writer, property_id, before, AT_ONCE).await?;
            if ids.is_empty() {
                return Ok(Written::quiet(false));
            }
            let ((erased, done), action) = if retention.anonymises {
                (erasure::anonymise_some(writer, property_id, &ids, now).await?, "anonymised")
            } else {
                (erasure::delete_some(writer, property_id, &ids, now).await?, "deleted")
            };
            let entries = done.iter().map(|id| {
                Entry::new(property_id, Actor::Server, action, Subject::Conversation(*id))
            });
            let effect = Effect::Erased { property_id, gone: erased.gone, at: now };
            Ok::<_, StoreError>(Written::logged(true, entries).telling([effect]))
        })
    });
    written.await
}
