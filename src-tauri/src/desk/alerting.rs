//! What alerts reach, and what a person has chosen about them.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use frontdesk_server::protocol::Id;
use tauri::{Manager, UserAttentionType};

use super::{Desk, lock};
use crate::{
    WINDOW,
    alerts::{Generation, Outlets, TrayState},
    attention::{Pause, Preferences, Sound},
    computer::{self, ComputerEvent},
    connection::Push,
    error::{Error, Result},
    notify::{Notice, Which},
    sealed::Owner,
    settings::PersonSettings,
    tray,
};

/// People whose choices are kept in the settings; more are not kept.
const MAX_PEOPLE: usize = 500;

impl Outlets for Desk {
    fn push(&self, push: Push) {
        Self::push(self, push);
    }

    async fn show(&self, notice: Notice) -> std::result::Result<(), String> {
        self.notifications.show(notice).await
    }

    fn withdraw(&self, which: Which) {
        self.notifications.withdraw(which);
    }

    async fn play(&self, sound: Sound) -> std::result::Result<(), String> {
        self.speaker.play(sound).await
    }

    fn show_state(&self, state: TrayState) {
        *lock(&self.tray_state) = state;
        tray::show_state(&self.app, state);
    }

    fn attract(&self) {
        let Some(window) = self.app.get_webview_window(WINDOW) else { return };
        if window.is_focused().unwrap_or(false) {
            return;
        }
        if let Err(error) = window.request_user_attention(Some(UserAttentionType::Critical)) {
            tracing::warn!(%error, "the taskbar cannot be asked for attention");
        }
    }

    fn follow(&self, conversations: BTreeSet<Id>) {
        let Ok(connection) = self.connection() else { return };
        tauri::async_runtime::spawn(async move { connection.follow(conversations).await });
    }

    fn keep_awake(&self, wanted: bool) {
        self.keep_awake.set(wanted);
    }

    fn pause_ended(&self) {
        let (Some(owner), settings) = (self.owner(), self.settings.clone()) else { return };
        tauri::async_runtime::spawn(async move {
            let change = settings.change(|settings| {
                if let Some(person) = settings.people.get_mut(&owner.hash()) {
                    person.pause = None;
                }
            });
            if let Err(error) = change.await {
                tracing::warn!(%error, "the end of the pause could not be saved");
            }
        });
    }
}

impl Desk {
    /// How the signed-in person wants to be alerted.
    pub(crate) fn alert_preferences(&self) -> Preferences {
        if let Some(preferences) = self.alerts.preferences() {
            return preferences;
        }
        let chosen = self.chosen_alerts(self.owner().as_ref());
        chosen.alerts.unwrap_or_else(|| self.default_alerts())
    }

    /// # Errors
    /// `invalid_preferences`, or `settings_not_saved`: then they hold until the program ends.
    pub(crate) async fn save_alert_preferences(&self, preferences: Preferences) -> Result<()> {
        if !Preferences::REPEATS.contains(&preferences.repeat_minutes) {
            return Err(Error::new(
                "invalid_preferences",
                "Choose reminders every 2, 5 or 10 minutes, or never.",
            ));
        }
        self.alerts.set_preferences(preferences);
        self.choose_alerts(|person| person.alerts = Some(preferences)).await
    }

    /// # Errors
    /// `settings_not_saved`: the pause holds until the program ends.
    pub(crate) async fn set_pause(&self, pause: Option<Pause>) -> Result<()> {
        self.alerts.set_pause(pause);
        self.choose_alerts(|person| person.pause = pause).await
    }

    async fn choose_alerts(&self, choose: impl FnOnce(&mut PersonSettings)) -> Result<()> {
        let Some(owner) = self.owner() else {
            // The demo hotel keeps nothing beyond the end of the program.
            let mut person = PersonSettings::default();
            choose(&mut person);
            if let Some(alerts) = person.alerts {
                *lock(&self.demo_alerts) = alerts;
                self.has_demo_alerts.store(true, Ordering::Relaxed);
            }
            return Ok(());
        };
        let change = self.settings.change(|settings| {
            let key = owner.hash();
            if settings.people.len() < MAX_PEOPLE || settings.people.contains_key(&key) {
                choose(settings.people.entry(key).or_default());
            }
        });
        change.await
    }

    /// What a person has chosen before.
    pub(super) fn chosen_alerts(&self, owner: Option<&Owner>) -> PersonSettings {
        let settings = self.settings.get();
        owner.and_then(|owner| settings.people.get(&owner.hash()).copied()).unwrap_or_default()
    }

    /// What holds where a person has not chosen.
    pub(super) fn default_alerts(&self) -> Preferences {
        if self.state().is_demo { *lock(&self.demo_alerts) } else { Preferences::default() }
    }

    /// The hotel's own choice, where the person has not made one.
    pub(super) fn set_default_repeat(&self, generation: Generation, minutes: u8) {
        let owner = self.owner();
        let has_chosen = match &owner {
            Some(owner) => self.chosen_alerts(Some(owner)).alerts.is_some(),
            None => self.has_demo_alerts.load(Ordering::Relaxed),
        };
        if has_chosen {
            return;
        }
        let preferences = Preferences { repeat_minutes: minutes, ..self.default_alerts() };
        if owner.is_none() {
            *lock(&self.demo_alerts) = preferences;
        }
        self.alerts.set_default_preferences(generation, preferences);
    }

    /// Passes on what the desktop says about the computer.
    pub(crate) async fn watch_computer(self: Arc<Self>) {
        let mut events = computer::watch();
        while let Some(event) = events.recv().await {
            match event {
                ComputerEvent::Locked(is_locked) => self.alerts.set_locked(is_locked),
                ComputerEvent::Woke => self.reconnect_now().await,
            }
        }
    }

    /// Connects now, if somebody is signed in.
    pub(crate) async fn reconnect_now(&self) {
        if let Ok(connection) = self.connection() {
            connection.reconnect_now().await;
        }
    }

    fn owner(&self) -> Option<Owner> {
        self.state().owner()
    }
}
