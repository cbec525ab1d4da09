//! What the rule is given, and what it returns.

use std::collections::BTreeSet;

use frontdesk_server::protocol::{Conversation, Frame, Id, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AMBER, MINUTE, Presence};

/// How one person wants to be alerted at this computer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preferences {
    /// Which sound is played.
    pub(crate) sound: Sound,
    /// Minutes between repeats while somebody waits past amber; 0: never.
    pub(crate) repeat_minutes: u8,
    /// Waits past the red limit cause a sound during a pause, too.
    pub(crate) sound_past_red_in_pause: bool,
    /// The computer does not sleep while somebody is signed in and it has mains power.
    pub(crate) keep_awake: bool,
    /// Single-letter commands on a row of the list.
    pub(crate) letter_commands: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            sound: Sound::Bell,
            repeat_minutes: 5,
            sound_past_red_in_pause: true,
            keep_awake: true,
            letter_commands: true,
        }
    }
}

impl Preferences {
    /// The choices on the screen.
    pub(crate) const REPEATS: [u8; 4] = [0, 2, 5, 10];

    /// Milliseconds between repeats; `None`: never.
    pub(super) fn period(self) -> Option<i64> {
        (self.repeat_minutes > 0).then(|| i64::from(self.repeat_minutes) * MINUTE)
    }

    /// For how long opening a conversation or *Silence* holds repeats back.
    pub(super) fn hold(self) -> i64 {
        self.period().unwrap_or(AMBER)
    }
}

/// One of the sounds that Frontdesk ships.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sound {
    Bell,
    Chime,
    Marimba,
    None,
}

/// No notifications until then; `None`: until it is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pause {
    pub(crate) until: Option<i64>,
}

/// How the connection to the server stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Connection {
    /// Live; every event up to now has come.
    Connected,
    /// Live, but events are missing: a list follows.
    Resync,
    /// Gone. Events that come from now on are those that were missed.
    Lost,
    /// The server ended the sign-in.
    SignedOut,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    /// An event, each once, in order.
    Frame(&'a Frame),
    /// What `GET /chat/conversations/?waiting=true` has answered, all pages; `seq` is that of the first page.
    List { seq: i64, conversations: &'a [Conversation] },
    /// The person's answers that could not be delivered: the newest one of each conversation in
    /// `GET /chat/conversations/?not_reached=true`, whose `seq` this is.
    NotDelivered { seq: i64, answers: &'a [NotDelivered] },
    /// The window changed, or was used.
    Presence(Presence),
    /// The page in the window stopped. What came since `answered_at` was in front of nobody.
    PageStopped { answered_at: i64 },
    /// The computer's screen was locked or unlocked.
    Locked(bool),
    /// Which conversation is on the screen.
    Open(Option<Id>),
    /// The person chose differently.
    Preferences(Preferences),
    /// The person paused notifications, or ended the pause.
    Pause(Option<Pause>),
    /// The person wants no repeats for one period.
    Silence,
    /// The person created, reopened or transferred this conversation by a call over HTTP.
    Own(Id),
    /// The person wrote this message.
    OwnMessage(Id),
    /// The person's departments changed.
    Departments(BTreeSet<String>),
    /// The connection changed.
    Connection(Connection),
    /// Nothing, but time has passed.
    Time,
}

/// An answer of the person that could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotDelivered {
    /// Its conversation.
    pub(crate) about: About,
    pub(crate) message_id: Id,
}

/// Something to show, and perhaps to sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) kind: SignalKind,
    /// What is shown: the only conversation, or the one that has waited longest.
    pub(crate) about: Option<About>,
    /// How many conversations it is about.
    pub(crate) count: usize,
    /// A guest has waited past the red limit.
    pub(crate) urgent: bool,
    /// Show a notification of the desktop. Not needed by a person who works in the window: the line above the list
    /// says the same.
    pub(crate) notify: bool,
    /// Play the person's sound.
    pub(crate) sound: bool,
}

/// What a [`Signal`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignalKind {
    /// One guest's message, or a waiting guest who arrived in one of the person's departments.
    Message,
    /// A colleague started a conversation, and nobody is waiting in it.
    Started,
    /// More than three of the above at once; `count` guests wait.
    Many,
    /// `count` guests still wait.
    Repeat,
    /// `count` answers of the person were not delivered.
    Undelivered,
    /// The server cannot be reached.
    Offline,
    /// The server ended the sign-in.
    SignedOut,
    /// The server can be reached again; `count` guests wait.
    Back,
}

/// The conversation that a signal is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) conversation_id: Id,
    pub(crate) guest_name: String,
    pub(crate) room_number: Option<String>,
    /// Slug.
    pub(crate) department: String,
    /// One line of the newest message.
    pub(crate) preview: String,
    /// Since when the guest waits; `None` where nobody does.
    pub(crate) waiting_since: Option<i64>,
}

/// What waits and deserves attention now: the line above the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Alert {
    /// The longest wait first.
    pub(crate) conversation_ids: Vec<Id>,
    pub(crate) count: usize,
    pub(crate) longest: Option<Longest>,
    pub(crate) is_past_red: bool,
}

/// The conversation that has waited longest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Longest {
    pub(crate) conversation_id: Id,
    pub(crate) guest_name: String,
    pub(crate) room_number: Option<String>,
    pub(crate) department: String,
    pub(crate) waiting_since: Timestamp,
}

/// What the title and the tray say of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It was not there yet since the sign-in.
    Connecting,
    Connected,
    Offline,
    SignedOut,
}
