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

/// Deletes or anonymises what each property does not want to keep any longer.
///
/// # Errors
/// [`WriteError`]; what was done before it stands.
pub(crate) async fn keep_retention(
    app: &App,
    now: Timestamp,
) -> Result<(), WriteError<StoreError>> {
    let properties = erasure::properties(&app.store).await.map_err(WriteError::Refused)?;
    for (property_id, _, retention) in properties {
        let Some(days) = retention.days else { continue };
        let before = now.minus(DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX)));
        while part(app, property_id, retention, (before, now)).await? > 0 {}
    }
    Ok(())
}

/// Takes the next few; returns how many there were.
async fn part(
    app: &App,
    property_id: Id,
    retention: Retention,
    (before, now): (Timestamp, Timestamp),
) -> Result<usize, WriteError<StoreError>> {
    let written = app.journal.write(move |writer| {
        Box::pin(async move {
            let ids = erasure::outlived(writer, property_id, before, AT_ONCE).await?;
            if ids.is_empty() {
                return Ok(Written::quiet(0));
            }
            let (erased, action) = if retention.anonymises {
                let erased =
                    erasure::anonymise_conversations(writer, property_id, &ids, now).await?;
                (erased, "anonymised")
            } else {
                (erasure::delete_conversations(writer, property_id, &ids, now).await?, "deleted")
            };
            let entries = ids.iter().map(|id| {
                Entry::new(property_id, Actor::Server, action, Subject::Conversation(*id))
            });
            let effect = Effect::Erased { property_id, gone: erased.gone, at: now };
            Ok::<_, StoreError>(Written::logged(ids.len(), entries).telling([effect]))
        })
    });
    written.await
}
