//! What the person has in front of them.

use frontdesk_server::protocol::Id;
use serde::Deserialize;

use super::MINUTE;

/// A key or the pointer was used so lately that the person is taken to sit at the window.
const USED_WITHIN: i64 = MINUTE;

/// What the window says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Presence {
    pub(crate) visible: bool,
    pub(crate) focused: bool,
    /// A key or the pointer was used in it since it last said so.
    pub(crate) used: bool,
}

/// The window, and the screen that it is on.
#[derive(Debug, Default)]
pub(super) struct Watching {
    visible: bool,
    focused: bool,
    used_at: Option<i64>,
    pub(super) locked: bool,
    pub(super) open: Option<Id>,
}

impl Watching {
    pub(super) fn set(&mut self, presence: Presence, now: i64) {
        (self.visible, self.focused) = (presence.visible, presence.focused);
        if presence.used {
            self.used_at = Some(now);
        }
    }

    /// The page stopped: nobody is at the window until it is used again.
    pub(super) fn left(&mut self) {
        (self.visible, self.focused, self.used_at) = (false, false, None);
    }

    pub(super) fn clock_went_back(&mut self, by: i64) {
        self.used_at = self.used_at.map(|at| at.saturating_sub(by));
    }

    /// Whether the person works in the window.
    pub(super) fn is_present(&self, now: i64) -> bool {
        self.visible
            && self.focused
            && !self.locked
            && self.used_at.is_some_and(|used_at| now < used_at + USED_WITHIN)
    }

    pub(super) fn in_front(&self, now: i64) -> Option<Id> {
        self.open.filter(|_| self.is_present(now))
    }

    /// When the conversation in front will not be in front any more if nothing is used.
    pub(super) fn in_front_until(&self, now: i64) -> Option<i64> {
        self.in_front(now)?;
        Some(self.used_at? + USED_WITHIN)
    }
}
