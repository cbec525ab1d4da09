//! When those who still wait are signalled again.

use frontdesk_server::protocol::Id;

use super::{AMBER, Attention, RED, Signal, SignalKind, waits::Wait};

impl Attention {
    /// When somebody who waits has to be signalled again.
    pub(super) fn repeat_due(&self, now: i64) -> Option<i64> {
        self.waits.iter().filter_map(|(id, wait)| self.due_of(*id, wait, now)).min()
    }

    /// When this one has to be.
    fn due_of(&self, id: Id, wait: &Wait, now: i64) -> Option<i64> {
        let in_front = self.watching.in_front_until(now).filter(|_| self.in_front(now) == Some(id));
        let held = wait
            .held_until
            .max(wait.typed_until)
            .max(self.silenced_until)
            .max(in_front.unwrap_or(i64::MIN));
        let due = match self.pause(now) {
            None => self.due_without_pause(wait),
            Some(pause) => {
                let afterwards = pause.until.and_then(|until| {
                    if wait.was_held_by_pause {
                        return Some(until);
                    }
                    Some(self.due_without_pause(wait)?.max(until))
                });
                let past_red = self.due_past_red(wait);
                [afterwards, past_red].into_iter().flatten().min()
            }
        };
        Some(due?.max(held))
    }

    fn due_without_pause(&self, wait: &Wait) -> Option<i64> {
        if wait.was_held_by_pause {
            return Some(wait.since);
        }
        let (amber, red) = (wait.since + AMBER, wait.since + RED);
        // The red limit is signalled when it is passed, whatever was signalled shortly before, and also without
        // repeats.
        let limit = wait.signalled_at.is_none_or(|at| at < red).then_some(red);
        let again = self
            .preferences
            .period()
            .map(|period| wait.signalled_at.map_or(amber, |at| amber.max(at + period)));
        [again, limit].into_iter().flatten().min()
    }

    /// During a pause: once when the red limit is passed, and then as often as without a pause.
    fn due_past_red(&self, wait: &Wait) -> Option<i64> {
        if !self.preferences.sound_past_red_in_pause {
            return None;
        }
        let red = wait.since + RED;
        match wait.signalled_at.filter(|at| *at >= red) {
            None => Some(red),
            Some(at) => Some(at + self.preferences.period()?),
        }
    }

    /// One signal for all who wait, as soon as one of them is due. Those who are being answered, and those whom the
    /// person has just opened, are left out.
    pub(super) fn repeats(&mut self, now: i64, signals: &mut Vec<Signal>) {
        let due = self.repeat_due(now).unwrap_or(i64::MAX);
        if due > now {
            self.repeats_from = due;
            return;
        }
        let in_front = self.in_front(now);
        let is_paused = self.pause(now).is_some();
        let mut longest = None;
        let mut count = 0;
        for (id, wait) in &mut self.waits {
            let is_left_out = Some(*id) == in_front
                || now < wait.typed_until
                || now < wait.held_until
                || (is_paused && now < wait.since + RED);
            if is_left_out {
                continue;
            }
            count += 1;
            wait.signalled_at = Some(now);
            wait.was_held_by_pause = false;
            let key = (wait.since, *id);
            if longest.as_ref().is_none_or(|(known, _)| key < *known) {
                longest = Some((key, wait.about.clone()));
            }
        }
        let Some(((since, _), about)) = longest else { return };
        let sound = self.has_sound() && self.bursts.may_sound(false, now);
        signals.push(Signal {
            kind: SignalKind::Repeat,
            about: Some(about),
            count,
            urgent: since + RED <= now,
            notify: !self.watching.is_present(now),
            sound,
        });
    }

    /// When an answer that was not delivered has to be signalled (again).
    pub(super) fn undelivered_due(&self, now: i64) -> Option<i64> {
        let pause_ends = match self.pause(now) {
            None => i64::MIN,
            Some(pause) => pause.until?,
        };
        let due = self.undelivered.values().filter_map(|entry| {
            let due = match (entry.signalled_at, self.preferences.period()) {
                (None, _) => entry.since,
                (Some(at), Some(period)) => (entry.since + AMBER).max(at + period),
                (Some(_), None) => return None,
            };
            Some(due.max(entry.held_until).max(self.silenced_until).max(pause_ends))
        });
        due.min()
    }

    pub(super) fn undelivered_repeats(&mut self, now: i64, signals: &mut Vec<Signal>) {
        if self.undelivered_due(now).is_some_and(|due| due <= now) {
            let ids: Vec<_> = self.undelivered.keys().copied().collect();
            self.signal_undelivered(&ids, now, signals);
        }
    }
}
