//! Notifications that come close together: more than three become one, and not each of them sounds.

use std::collections::VecDeque;

use super::SECOND;

/// More than [`SINGLE`] notifications in this time become one.
const WINDOW: i64 = 10 * SECOND;

/// At most this number is shown one by one.
const SINGLE: usize = 3;

/// Two sounds are at least so far apart: each lasts a second and a half.
const SOUND_EVERY: i64 = 3 * SECOND;

/// How often one notification for many sounds while more come in.
const SOUND_FOR_MANY_EVERY: i64 = 10 * SECOND;

#[derive(Debug, Default)]
pub(super) struct Bursts {
    messages: VecDeque<i64>,
    undelivered: VecDeque<i64>,
    sounded_at: Option<i64>,
}

/// Two sorts of notifications are counted apart, as no sentence fits both.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sort {
    Message,
    Undelivered,
}

impl Bursts {
    pub(super) fn clock_went_back(&mut self, by: i64) {
        let times =
            self.messages.iter_mut().chain(&mut self.undelivered).chain(&mut self.sounded_at);
        for at in times {
            *at = at.saturating_sub(by);
        }
    }

    /// Counts `notifications` more of them. Returns whether they become one with those just before.
    pub(super) fn count(&mut self, sort: Sort, notifications: usize, now: i64) -> bool {
        let times = match sort {
            Sort::Message => &mut self.messages,
            Sort::Undelivered => &mut self.undelivered,
        };
        times.retain(|at| now < at + WINDOW);
        for _ in 0..notifications.min(SINGLE + 1) {
            times.push_back(now);
        }
        while times.len() > SINGLE + 1 {
            times.pop_front();
        }
        times.len() > SINGLE
    }

    /// Whether a sound may be played now; it is, then.
    pub(super) fn may_sound(&mut self, is_for_many: bool, now: i64) -> bool {
        let pause = if is_for_many { SOUND_FOR_MANY_EVERY } else { SOUND_EVERY };
        if self.sounded_at.is_some_and(|at| now < at + pause) {
            return false;
        }
        self.sounded_at = Some(now);
        true
    }
}
