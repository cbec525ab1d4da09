//! The two tasks of [`Alerts`]: one looks at the time and keeps the outlets up to date, one shows and sounds signals.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::Instant};

use super::{Alerts, Current, Generation, Outgoing, Outlets, Shown, TrayState};
use crate::{
    attention::{Alert, Input, SignalKind, Status},
    connection::Push,
    notify::{Topic, Which},
};

/// Time is looked at this often at least, also when nothing is due.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What [`Alerts::start`] needs.
#[derive(Debug)]
pub(crate) struct Starter(pub(super) mpsc::Receiver<Outgoing>);

impl<O: Outlets> Alerts<O> {
    /// Starts the two tasks: one looks at the time and keeps the outlets up to date, one shows and sounds signals.
    pub(crate) fn start(self: &Arc<Self>, Starter(outgoing): Starter) {
        tauri::async_runtime::spawn(Arc::clone(self).watch());
        tauri::async_runtime::spawn(Arc::clone(self).announce(outgoing));
    }

    pub(super) async fn watch(self: Arc<Self>) {
        loop {
            let due = self.refresh();
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep_until(due) => self.act(Input::Time),
            }
        }
    }

    /// Gives the outlets what has changed. Returns when time may change something.
    fn refresh(&self) -> Instant {
        let mut state = self.state();
        let now = state.clock.now();
        let mut pause_ended = false;
        let mut next = Shown::default();
        let mut due = None;
        let mut tray = TrayState { count: 0, status: None, is_paused: false };
        if let Some(Current { attention, pause, preferences, .. }) = &mut state.current {
            if pause.is_some() && attention.pause(now).is_none() {
                (*pause, pause_ended) = (None, true);
            }
            let status = attention.status();
            tray = TrayState {
                count: attention.count(),
                status: Some(status),
                is_paused: pause.is_some(),
            };
            next = Shown {
                alert: attention.alert(now),
                tray: None,
                followed: attention.followed(now),
                pause: *pause,
                keeps_awake: preferences.keep_awake && status != Status::SignedOut,
            };
            due = attention.next_due(now);
        }
        next.tray = Some(tray);
        let before = std::mem::replace(&mut state.shown, next.clone());
        drop(state);
        if let Some(outlets) = self.outlets.upgrade() {
            give(&*outlets, &before, next);
            if pause_ended {
                outlets.pause_ended();
            }
        }
        let wait = due.and_then(|due| u64::try_from(due - now).ok()).map(Duration::from_millis);
        // A millisecond more, as times were rounded down.
        let wait = wait.map_or(LOOK_EVERY, |wait| wait.min(LOOK_EVERY) + Duration::from_millis(1));
        Instant::now() + wait
    }

    pub(super) async fn announce(self: Arc<Self>, mut outgoing: mpsc::Receiver<Outgoing>) {
        while let Some(Outgoing { generation, signal, sound, mut notice }) = outgoing.recv().await {
            let Some(outlets) = self.outlets.upgrade() else { return };
            if !self.is_current(Generation(generation)) {
                continue;
            }
            let played = if signal.sound { outlets.play(sound).await } else { Ok(()) };
            if let Err(error) = &played {
                tracing::warn!(error, "there is no sound device: the notification sounds instead");
            }
            outlets.attract();
            if !signal.notify {
                continue;
            }
            // Without a device, only the desktop's notification can sound.
            notice.plays_sound = played.is_err();
            if signal.kind == SignalKind::Many {
                outlets.withdraw(Which::Conversations);
            }
            if self.is_current(Generation(generation)) {
                let _ = outlets.show(notice).await;
            }
        }
    }
}

fn give(outlets: &impl Outlets, before: &Shown, next: Shown) {
    if let Some(tray) = next.tray.filter(|_| before.tray != next.tray) {
        outlets.show_state(tray);
    }
    // Answered, closed or in front of the person: the notification about them has served its purpose.
    withdraw_settled(outlets, before.alert.as_ref(), next.alert.as_ref());
    if before.alert != next.alert {
        outlets.push(Push::Alert { alert: next.alert });
    }
    if before.pause != next.pause {
        outlets.push(Push::Pause { pause: next.pause });
    }
    if before.keeps_awake != next.keeps_awake {
        outlets.keep_awake(next.keeps_awake);
    }
    if before.followed != next.followed {
        outlets.follow(next.followed);
    }
}

fn withdraw_settled(outlets: &impl Outlets, before: Option<&Alert>, next: Option<&Alert>) {
    let Some(before) = before else { return };
    let next = next.map_or(&[][..], |next| &next.conversation_ids);
    for id in &before.conversation_ids {
        if !next.contains(id) {
            outlets.withdraw(Which::Topic(Topic::Conversation(*id)));
        }
    }
    if next.is_empty() {
        outlets.withdraw(Which::Topic(Topic::Waiting));
    }
}
