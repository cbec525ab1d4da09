//! What is done when the clock has jumped.

use std::{path::Path, time::Duration};

use sqlx::{Connection as _, SqliteConnection};
use tokio::time::MissedTickBehavior;

use crate::{
    app::App,
    audit::Actor,
    backup,
    clock::{Clock, Jump, by_how_much},
    files,
    journal::{WriteError, Written},
    store::{StoreError, audit, clock},
};

/// How often the time of day is compared with the time that has passed.
const COMPARE_INTERVAL: Duration = Duration::from_millis(500);

/// How often the time is recorded: a start compares the time of day with it.
const RECORD_INTERVAL: Duration = Duration::from_mins(1);

/// Compares the time of day with the last recorded one, before the time is used for anything else. Returns the
/// jump that is not confirmed yet.
///
/// # Errors
/// [`StoreError::Database`].
pub(crate) async fn compare_at_start(
    writer: &mut SqliteConnection,
    source: &Clock,
    data_dir: &Path,
) -> Result<Option<Jump>, StoreError> {
    let now = source.now();
    let mut transaction = writer.begin().await?;
    let recorded = clock::recorded(&mut transaction).await?;
    let new = recorded.as_ref().and_then(|(at, _)| by_how_much(*at, now));
    let mut jump = recorded.and_then(|(_, jump)| jump);
    if let Some(millis) = new {
        warn(millis);
        clock::shift(&mut transaction, millis).await?;
        let kept_backups = backup::daily::kept_names(data_dir);
        jump = Some(Jump { at: now, millis, ran: Duration::ZERO, kept_backups });
    }
    clock::record(&mut transaction, now, jump.as_ref()).await?;
    transaction.commit().await?;
    Ok(jump)
}

/// Compares the clocks, until the task is stopped.
pub(crate) async fn watch_clock(app: App) {
    let mut interval = tokio::time::interval(COMPARE_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut recorded = app.clock.passed();
    loop {
        interval.tick().await;
        if let Some(millis) = app.clock_watch.compare() {
            // Stored times are compared with the time before the jump until this has worked.
            if let Err(error) = follow_jump(&app, millis).await {
                tracing::error!(%error, "the clock has jumped, but this cannot be recorded; trying again");
            }
            continue;
        }
        let has_waited = app.clock_watch.has_waited();
        if has_waited {
            tracing::warn!(
                "the server has run for a day since the clock jumped; it relies on the date again"
            );
        }
        if has_waited || app.clock.passed().saturating_sub(recorded) >= RECORD_INTERVAL {
            recorded = app.clock.passed();
            if let Err(error) = record(&app).await {
                tracing::warn!(%error, "the time cannot be recorded");
            }
        }
    }
}

/// Records the time of the end: the next start compares the time of day with it.
pub(crate) async fn record_at_end(app: &App) {
    if app.clock_watch.compare().is_none()
        && let Err(error) = record(app).await
    {
        tracing::warn!(%error, "the time cannot be recorded");
    }
}

/// Confirms the date. Returns whether the clock had jumped.
///
/// # Errors
/// [`WriteError`]; then the date is not relied on.
pub(crate) async fn confirm_clock(app: &App, actor: Actor) -> Result<bool, WriteError<StoreError>> {
    if let Some(millis) = app.clock_watch.compare() {
        follow_jump(app, millis).await?;
    }
    if app.clock_watch.jump().is_none() {
        return Ok(false);
    }
    let now = app.clock.now();
    let confirmed = app.journal.write(move |writer| {
        Box::pin(async move {
            clock::record(writer, now, None).await?;
            let entries = audit::everywhere(writer, actor, "clock_confirmed").await?;
            Ok::<_, StoreError>(Written::logged((), entries))
        })
    });
    confirmed.await?;
    app.clock_watch.confirm();
    tracing::info!("the date was confirmed");
    Ok(true)
}

async fn record(app: &App) -> Result<(), WriteError<StoreError>> {
    let (now, jump) = (app.clock.now(), app.clock_watch.jump());
    let recorded = app.journal.write(move |writer| {
        Box::pin(async move {
            clock::record(writer, now, jump.as_ref()).await?;
            Ok::<_, StoreError>(Written::quiet(()))
        })
    });
    recorded.await
}

/// Shifts stored times by a jump, in the database and in memory. Meanwhile sessions and waits may seem to last
/// longer, never shorter.
async fn follow_jump(app: &App, millis: i64) -> Result<(), WriteError<StoreError>> {
    warn(millis);
    let data_dir = app.config.data_dir.clone();
    let names = files::blocking(move || Ok(backup::daily::kept_names(&data_dir))).await;
    let kept_backups = names.unwrap_or_default();
    let now = app.clock.now();
    let jump = Jump { at: now, millis, ran: Duration::ZERO, kept_backups };
    let in_memory = |millis: i64| {
        app.hub.shift_sessions(millis);
        app.throttle.shift(millis);
    };
    // The time that stored times are compared with is the earlier one of before and after, as long as both are
    // in use.
    if millis < 0 {
        app.clock_watch.shift(millis);
        in_memory(millis);
    }
    app.clock_watch.jumped(jump.clone());
    let shifted = app.journal.write(move |writer| {
        Box::pin(async move {
            clock::shift(writer, millis).await?;
            clock::record(writer, now, Some(&jump)).await?;
            Ok::<_, StoreError>(Written::quiet(()))
        })
    });
    if let Err(error) = shifted.await {
        if millis < 0 {
            app.clock_watch.shift(millis.saturating_neg());
            in_memory(millis.saturating_neg());
        }
        return Err(error);
    }
    if millis > 0 {
        in_memory(millis);
        app.clock_watch.shift(millis);
    }
    Ok(())
}

fn warn(millis: i64) {
    tracing::warn!(
        seconds = millis / 1000,
        "the clock has jumped: until the date is confirmed (`clock confirm`) or the server has run for 24 h, nothing is \
         deleted or given up because of its age"
    );
}
