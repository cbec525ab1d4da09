//! What alerts reach, and what is shown there.

use std::collections::BTreeSet;

use frontdesk_server::protocol::Id;
use serde::Serialize;

use crate::{
    attention::{Sound, Status},
    connection::Push,
    notify::{Notice, Which},
};

/// What the title and the tray show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrayState {
    /// Conversations with something unread and a waiting guest.
    pub(crate) count: usize,
    /// `None`: nobody is signed in.
    pub(crate) status: Option<Status>,
    pub(crate) is_paused: bool,
}

/// What a test notification with sound came to: the interface's `AlertTest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct AlertTest {
    pub(crate) notification: TestedNotification,
    pub(crate) sound: TestedSound,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TestedNotification {
    Shown,
    Unavailable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TestedSound {
    Played,
    /// The person chose none.
    Off,
    NoDevice,
}

/// Everything outside that alerts reach.
pub(crate) trait Outlets: Send + Sync + 'static {
    /// Sends something to the window.
    fn push(&self, push: Push);

    /// Shows a notification; the error says why it is not shown.
    fn show(&self, notice: Notice) -> impl Future<Output = Result<(), String>> + Send;

    /// Takes notifications off the screen.
    fn withdraw(&self, which: Which);

    /// Plays a sound; the error says why there is none.
    fn play(&self, sound: Sound) -> impl Future<Output = Result<(), String>> + Send;

    /// Shows this in the title and on the tray.
    fn show_state(&self, state: TrayState);

    /// Asks for attention in the taskbar, unless the window is in front.
    fn attract(&self);

    /// Subscribes to these conversations, beside those that the window opens.
    fn follow(&self, conversations: BTreeSet<Id>);

    /// Keeps the computer awake, or no longer.
    fn keep_awake(&self, wanted: bool);

    /// The pause ended by itself.
    fn pause_ended(&self);
}
