//! What is done from time to time while a server runs.

mod clock;

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::MissedTickBehavior;

use crate::{
    app::App,
    auth::session_end,
    backup, files, guestdata,
    hub::Effect,
    journal::{WriteError, Written},
    protocol::Id,
    store::{StoreError, audit, events, gateways, sessions, staff},
};

pub(crate) use clock::{compare_at_start, confirm_clock, record_at_end, watch_clock};

/// How often the server looks for sessions that have ended: their connections close within a second.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(500);

/// How often the server checks whether the database is still the one in the data directory: a change must be noticed
/// within 5 s.
const FILES_INTERVAL: Duration = Duration::from_secs(1);
const _: () = assert!(FILES_INTERVAL.as_secs() * 2 < 5, "a look that comes late is in time, too");

/// How often what is out of date is put in order: sessions in use or at their end, old events, closed
/// conversations.
const KEEPING_INTERVAL: Duration = Duration::from_hours(1);

/// How long each of these rounds may spend on unfinished erasures.
const ERASING_TIMEOUT: Duration = Duration::from_mins(30);

/// How often the server looks whether there is a backup of today: a failed one is tried again soon.
const BACKUP_INTERVAL: Duration = Duration::from_mins(15);

/// How often the server looks whether it has been set up, so that its first backup is made.
const SETUP_INTERVAL: Duration = Duration::from_secs(1);

/// How often the log says where the audit log stands.
const HEADS_INTERVAL: Duration = Duration::from_hours(24);

/// How often the times of the gateways' latest messages are saved.
const GATEWAYS_INTERVAL: Duration = Duration::from_mins(1);

/// How long an event can be told again (contract 1.6).
const EVENTS_KEPT: Duration = Duration::from_hours(7 * 24);

/// Events forgotten in one transaction: other changes wait for it.
const PRUNE_EVENTS: u32 = 5_000;

/// Checks whether the database is still the one in the data directory, until the task is stopped.
pub(crate) async fn watch_files(app: App) {
    let mut interval = tokio::time::interval(FILES_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        compare_files(&app).await;
    }
}

async fn compare_files(app: &App) {
    let files = std::sync::Arc::clone(&app.files);
    // An error of the task itself says nothing about the files.
    if let Ok(are_in_place) = files::blocking(move || Ok(files.are_in_place())).await {
        app.journal.set_in_place(are_in_place);
    }
}

/// Closes connections whose sessions have ended, until the task is stopped.
pub(crate) async fn watch_sessions(app: App) {
    let mut interval = tokio::time::interval(EXPIRY_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        app.hub.expire(app.clock_watch.steady_now());
    }
}

/// Puts in order what is out of date, until the task is stopped.
pub(crate) async fn keep_order(app: App) {
    let mut interval = tokio::time::interval(KEEPING_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = keep_order_once(&app).await {
            tracing::warn!(%error, "hourly maintenance failed; it runs again in an hour");
        }
    }
}

/// Saves the times of the gateways' latest messages, until the task is stopped.
pub(crate) async fn watch_gateways(app: App) {
    let mut interval = tokio::time::interval(GATEWAYS_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        note_gateways(&app).await;
    }
}

/// Saves the times of the gateways' latest messages.
pub(crate) async fn note_gateways(app: &App) {
    let latest = app.gateway_traffic.take_unsaved();
    if latest.is_empty() {
        return;
    }
    let noted = app.journal.write(move |writer| {
        Box::pin(async move {
            gateways::note_messages(writer, &latest).await?;
            Ok::<_, StoreError>(Written::quiet(()))
        })
    });
    if let Err(error) = noted.await {
        tracing::warn!(%error, "the times of the gateways' latest messages could not be saved");
    }
}

/// Logs the newest hash of the audit log once a day, until the task is stopped: a person who changes the
/// audit log later would have to change every copy of that log line, too.
pub(crate) async fn log_audit_heads(app: App) {
    let mut interval = tokio::time::interval(HEADS_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        match heads(&app).await {
            Ok(heads) => {
                for (property, entries, hash) in heads {
                    tracing::info!(property, entries, hash, "newest entry of the audit log");
                }
            }
            Err(error) => tracing::warn!(%error, "the audit log cannot be read"),
        }
    }
}

async fn heads(app: &App) -> Result<Vec<(Id, i64, String)>, StoreError> {
    let mut connection = app.store.pool().acquire().await?;
    audit::heads(&mut connection).await
}

/// Makes a backup a day, until the task is stopped. `/readyz` says when it could not.
pub(crate) async fn keep_backups(app: App) {
    // Before the set-up there is nothing to be kept.
    while !matches!(staff::exist(app.store.pool()).await, Ok(true)) {
        tokio::time::sleep(SETUP_INTERVAL).await;
    }
    let mut interval = tokio::time::interval(BACKUP_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        // Another database in its place must not take the place of the backups of this one.
        compare_files(&app).await;
        if !app.journal.is_in_place() {
            continue;
        }
        let (data_dir, keep) = (&app.config.data_dir, app.config.daily_backups);
        // A jump that was not followed yet must not cost a backup from before it.
        let spared = match app.clock_watch.jump() {
            Some(jump) => jump.kept_backups,
            None if app.clock_watch.trusted_now().is_none() => backup::daily::kept_names(data_dir),
            None => Vec::new(),
        };
        let kept = backup::daily::keep(data_dir, app.clock.now(), keep, &spared).await;
        match &kept {
            Ok(Some(made)) => tracing::info!(file = %made.file.display(), "daily backup made"),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "today's backup could not be made; trying again in a quarter of an hour");
            }
        }
        app.backup_failed.store(kept.is_err(), Ordering::Relaxed);
    }
}

async fn keep_order_once(app: &App) -> Result<(), WriteError<StoreError>> {
    let steady = app.clock_watch.steady_now();
    let used = app.hub.extend_sessions(session_end(steady));
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                sessions::touch(writer, &used, steady).await?;
                Ok::<_, StoreError>(Written::quiet(()))
            })
        })
        .await?;
    if app.clock_watch.trusted_now().is_some() {
        remove_what_is_too_old(app).await?;
    } else {
        tracing::warn!("the clock has jumped: nothing is removed because of its age");
    }
    // Clearing waits for programs that read the database; sessions must be extended meanwhile. It continues in
    // an hour.
    if let Ok(finished) =
        tokio::time::timeout(ERASING_TIMEOUT, guestdata::finish_erasing(app)).await
    {
        finished?;
    }
    Ok(())
}

/// Removes what is too old. Each step checks again whether the date can be relied on: the clock may jump meanwhile.
async fn remove_what_is_too_old(app: &App) -> Result<(), WriteError<StoreError>> {
    let Some(now) = app.clock_watch.trusted_now() else { return Ok(()) };
    app.journal
        .write(move |writer| {
            Box::pin(async move {
                sessions::delete_expired(writer, now).await?;
                Ok::<_, StoreError>(Written::quiet(()))
            })
        })
        .await?;
    while let Some(now) = app.clock_watch.trusted_now() {
        let before = now.minus(EVENTS_KEPT).as_millis();
        let pruned = app
            .journal
            .write(move |writer| {
                Box::pin(async move {
                    let pruned = events::prune(writer, before, PRUNE_EVENTS).await?;
                    let effects = pruned.iter().map(|(property_id, seq)| Effect::Pruned {
                        property_id: *property_id,
                        seq: *seq,
                    });
                    Ok::<_, StoreError>(Written::quiet(pruned.len()).telling(effects))
                })
            })
            .await?;
        if pruned == 0 {
            break;
        }
    }
    guestdata::keep_retention(app).await
}
