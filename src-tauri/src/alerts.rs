//! The one place where the attention rule's results become notifications, sounds, the title, the tray, the taskbar's
//! attention, the line above the list, and subscriptions.

mod clock;
mod outlets;
mod tasks;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use frontdesk_server::{
    clock::Clock,
    protocol::{Id, Timestamp},
};
use tokio::sync::{Notify, mpsc};

use crate::{
    attention::{
        Alert, Attention, Connection, Input, Pause, Preferences, Presence, Signal, Sound, Status,
    },
    connection::Push,
    error::{self, Error},
    notify::{Notice, Topic},
};
use clock::ServerClock;
pub(crate) use outlets::{AlertTest, Outlets, TestedNotification, TestedSound, TrayState};
pub(crate) use tasks::Starter;

/// Signals that may wait for a slow sound device or desktop. More are dropped: the rule itself groups what comes
/// close together, and the title, the tray and the line show everything.
const MAX_SIGNALS: usize = 64;

/// A change of the clock by so much moves the end of a pause.
const CLOCK_MOVED_MS: i64 = 500;

/// Whose attention it is.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: Id,
    pub(crate) departments: BTreeSet<String>,
    pub(crate) preferences: Preferences,
    pub(crate) pause: Option<Pause>,
}

/// One sign-in; what belongs to an earlier one is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u64);

/// See the module.
pub(crate) struct Alerts<O> {
    outlets: Weak<O>,
    state: Mutex<State>,
    /// Something has changed, or may be due.
    changed: Notify,
    signals: mpsc::Sender<Outgoing>,
}

#[derive(Debug, Default)]
struct State {
    generation: u64,
    current: Option<Current>,
    clock: ServerClock,
    /// The computer's screen is locked.
    is_locked: bool,
    /// The state that the page reports: focus, visibility, input.
    page: Option<Presence>,
    /// The state of the window that the desktop reports.
    window: WindowState,
    /// What the outlets were given last.
    shown: Shown,
}

/// The signed-in person.
#[derive(Debug)]
struct Current {
    attention: Attention,
    preferences: Preferences,
    /// In the computer's own time.
    pause: Option<Pause>,
    departments: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct WindowState {
    is_focused: bool,
    is_hidden: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Shown {
    alert: Option<Alert>,
    tray: Option<TrayState>,
    followed: BTreeSet<Id>,
    pause: Option<Pause>,
    keeps_awake: bool,
}

/// A signal on its way to the outlets.
#[derive(Debug)]
struct Outgoing {
    generation: u64,
    signal: Signal,
    sound: Sound,
    notice: Notice,
}

#[cfg(test)]
impl Generation {
    pub(crate) fn for_tests() -> Self {
        Self(1)
    }
}

impl<O: Outlets> Alerts<O> {
    /// Nobody is signed in yet. Call [`Self::start`] once.
    pub(crate) fn new(outlets: Weak<O>) -> (Self, Starter) {
        let (signals, outgoing) = mpsc::channel(MAX_SIGNALS);
        let (state, changed) = (Mutex::default(), Notify::new());
        (Self { outlets, state, changed, signals }, Starter(outgoing))
    }

    /// A person signed in. The connection follows.
    pub(crate) fn begin(&self, person: Person) -> Generation {
        let mut state = self.state();
        state.generation += 1;
        let now = state.clock.now();
        let Person { id, departments, preferences, pause } = person;
        let attention = Attention::new(id, departments, preferences, now);
        let departments = BTreeMap::new();
        state.current = Some(Current { attention, preferences, pause, departments });
        // The window of the new sign-in has been told nothing yet.
        state.shown = Shown::default();
        let generation = Generation(state.generation);
        // Signing in is use of the window, too, though its keys were pressed before.
        let (locked, presence) = (state.is_locked, state.presence(true));
        drop(state);
        self.apply(Input::Locked(locked));
        self.apply(Input::Presence(presence));
        self.set_pause(pause);
        generation
    }

    /// The person signed out, or another server was chosen: nothing is signalled any more.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.generation += 1;
        state.current = None;
        drop(state);
        self.changed.notify_one();
    }

    /// The same for one sign-in, unless the server ended it: the tray and notifications go on saying so.
    pub(crate) fn end_of(&self, generation: Generation) {
        let is_over = {
            let state = self.state();
            let status = state.current.as_ref().map(|current| current.attention.status());
            state.generation == generation.0 && status != Some(Status::SignedOut)
        };
        if is_over {
            self.end();
        }
    }

    /// Something happened that concerns the signed-in person.
    pub(crate) fn apply(&self, input: Input<'_>) {
        self.act(input);
        self.changed.notify_one();
    }

    fn act(&self, input: Input<'_>) {
        let mut state = self.state();
        let now = state.clock.now();
        let generation = state.generation;
        if let Some(current) = &mut state.current {
            let signals = current.attention.apply(input, now);
            for signal in signals {
                let notice = words::notice(&signal, &current.departments, now);
                let sound = current.preferences.sound;
                let outgoing = Outgoing { generation, signal, sound, notice };
                if self.signals.try_send(outgoing).is_err() {
                    tracing::warn!(
                        "an alert was dropped, because earlier ones are still waiting \
                        for the desktop"
                    );
                }
            }
        }
    }

    /// The same for one sign-in.
    pub(crate) fn apply_for(&self, generation: Generation, input: Input<'_>) {
        if self.is_current(generation) {
            self.apply(input);
        }
    }

    /// A frame says how late it is on the server. `is_exact`: it was written just now.
    pub(crate) fn sync_clock(&self, at: Timestamp, is_exact: bool) {
        let mut state = self.state();
        let moved_ms = state.clock.sync(at.as_millis(), is_exact);
        if moved_ms < 0
            && let Some(current) = &mut state.current
        {
            current.attention.clock_went_back(-moved_ms);
        }
        let pause = state.current.as_ref().and_then(|current| current.pause);
        drop(state);
        if moved_ms.abs() >= CLOCK_MOVED_MS && pause.is_some() {
            self.set_pause(pause);
        }
    }

    /// What departments are called.
    pub(crate) fn name_departments(&self, generation: Generation, names: BTreeMap<String, String>) {
        let mut state = self.state();
        if state.generation == generation.0
            && let Some(current) = &mut state.current
        {
            current.departments = names;
        }
    }

    /// The server ended the sign-in.
    pub(crate) fn signed_out(&self, generation: Generation) {
        self.apply_for(generation, Input::Connection(Connection::SignedOut));
    }

    pub(crate) fn set_preferences(&self, preferences: Preferences) {
        if let Some(current) = &mut self.state().current {
            current.preferences = preferences;
        }
        self.apply(Input::Preferences(preferences));
    }

    /// The same for a person who has not chosen.
    pub(crate) fn set_default_preferences(&self, generation: Generation, preferences: Preferences) {
        if self.is_current(generation) {
            self.set_preferences(preferences);
        }
    }

    pub(crate) fn preferences(&self) -> Option<Preferences> {
        self.state().current.as_ref().map(|current| current.preferences)
    }

    /// `until` is in the computer's own time.
    pub(crate) fn set_pause(&self, pause: Option<Pause>) {
        let mut state = self.state();
        let ahead = state.clock.now() - Clock::System.now().as_millis();
        if let Some(current) = &mut state.current {
            current.pause = pause;
        }
        drop(state);
        let in_server_time = pause.map(|pause| Pause { until: pause.until.map(|at| at + ahead) });
        self.apply(Input::Pause(in_server_time));
    }

    /// The state that the page reports: focus, visibility, input.
    pub(crate) fn set_page(&self, presence: Presence) {
        let mut state = self.state();
        state.page = Some(presence);
        let presence = state.presence(presence.used);
        drop(state);
        self.apply(Input::Presence(presence));
    }

    /// The page in the window stopped, at most this long ago: it showed nothing of what came since then, and
    /// nobody is at the window until it is used again.
    pub(crate) fn page_stopped(&self, at_most: Duration) {
        let mut state = self.state();
        state.page = None;
        let at_most = i64::try_from(at_most.as_millis()).unwrap_or(i64::MAX);
        let answered_at = state.clock.now().saturating_sub(at_most);
        drop(state);
        self.apply(Input::PageStopped { answered_at });
    }

    /// The desktop gave the window the focus, or took it away.
    pub(crate) fn set_focused(&self, is_focused: bool) {
        self.set_window(|window| window.is_focused = is_focused);
    }

    /// Whether the window is hidden.
    pub(crate) fn is_hidden(&self) -> bool {
        self.state().window.is_hidden
    }

    /// The window was hidden, or shown.
    pub(crate) fn set_hidden(&self, is_hidden: bool) {
        self.set_window(|window| window.is_hidden = is_hidden);
    }

    fn set_window(&self, set: impl FnOnce(&mut WindowState)) {
        let mut state = self.state();
        set(&mut state.window);
        let presence = state.presence(false);
        drop(state);
        self.apply(Input::Presence(presence));
    }

    /// The computer's screen was locked, or unlocked.
    pub(crate) fn set_locked(&self, is_locked: bool) {
        self.state().is_locked = is_locked;
        self.apply(Input::Locked(is_locked));
    }

    /// Whether it is known that the person wrote this message.
    pub(crate) fn is_own_message(&self, message_id: Id) -> bool {
        let state = self.state();
        state.current.as_ref().is_some_and(|it| it.attention.is_own_message(message_id))
    }

    /// Where a click on a notification leads.
    pub(crate) fn conversation_of(&self, topic: Topic) -> Option<Id> {
        match topic {
            Topic::Conversation(id) | Topic::Undelivered(id) => Some(id),
            Topic::Waiting => {
                let state = self.state();
                let now = state.clock.now();
                let alert = state.current.as_ref()?.attention.alert(now)?;
                alert.longest.map(|longest| longest.conversation_id)
            }
            Topic::Connection | Topic::Test => None,
        }
    }

    /// Sends a window that was reloaded what it has to know.
    pub(crate) fn send_all(&self) {
        let (alert, pause) = {
            let state = self.state();
            (state.shown.alert.clone(), state.shown.pause)
        };
        if let Some(outlets) = self.outlets.upgrade() {
            outlets.push(Push::Alert { alert });
            outlets.push(Push::Pause { pause });
        }
    }

    /// Plays a sound.
    ///
    /// # Errors
    /// `no_sound_device`, with the system's words.
    pub(crate) async fn play(&self, sound: Sound) -> error::Result<()> {
        let Some(outlets) = self.outlets.upgrade() else { return Ok(()) };
        outlets.play(sound).await.map_err(|reason| Error::new("no_sound_device", reason))
    }

    /// Shows a test notification with the person's sound.
    pub(crate) async fn test(&self) -> AlertTest {
        let sound = self.preferences().unwrap_or_default().sound;
        let Some(outlets) = self.outlets.upgrade() else {
            let (notification, sound) = (TestedNotification::Unavailable, TestedSound::NoDevice);
            return AlertTest { notification, sound, detail: None };
        };
        let played = outlets.play(sound).await;
        let shown = outlets.show(words::test(played.is_err())).await;
        AlertTest {
            notification: match shown {
                Ok(()) => TestedNotification::Shown,
                Err(_) => TestedNotification::Unavailable,
            },
            sound: match played {
                Ok(()) if sound == Sound::None => TestedSound::Off,
                Ok(()) => TestedSound::Played,
                Err(_) => TestedSound::NoDevice,
            },
            detail: played.err().or(shown.err()),
        }
    }

    fn is_current(&self, generation: Generation) -> bool {
        self.state().generation == generation.0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What the window and the desktop say together.
    fn presence(&self, used: bool) -> Presence {
        let page = self.page.unwrap_or(Presence { visible: false, focused: false, used: false });
        Presence {
            visible: page.visible && !self.window.is_hidden,
            focused: page.focused && self.window.is_focused,
            used,
        }
    }
}

impl<O> std::fmt::Debug for Alerts<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Alerts")
    }
}

#[cfg(test)]
mod tests;
