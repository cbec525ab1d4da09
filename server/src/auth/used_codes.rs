//! Which codes of second factors were used: each is good once (RFC 6238, 5.2).
//!
//! The computer's clock may be set back, and then codes of a later time were used. So a use counts for as long as its
//! code could be shown, measured by a clock that never goes back.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::{hub::lock, protocol::Id};

/// How long a code is taken: half a minute before its own half minute, and half a minute after.
const COUNTS_FOR: Duration = Duration::from_secs(90);

/// Steps of time whose codes are taken at one moment, beside the newest.
const STEPS_BEFORE: i64 = 2;

/// The time steps whose codes were used lately, by staff member.
#[derive(Debug)]
pub(crate) struct UsedCodes(Mutex<HashMap<Id, Vec<(i64, Instant)>>>);

impl UsedCodes {
    /// After a start: how long the clock stood still is unknown, so the last step of everybody counts from now on.
    pub(crate) fn new(last_steps: impl IntoIterator<Item = (Id, i64)>, now: Instant) -> Self {
        let used = last_steps.into_iter().map(|(staff, step)| (staff, vec![(step, now)]));
        Self(Mutex::new(used.collect()))
    }

    /// Uses the code of this time step. Returns `false` if it was used, or one after it.
    pub(crate) fn take(&self, staff: Id, step: i64, now: Instant) -> bool {
        let mut used = lock(&self.0);
        let steps = used.entry(staff).or_default();
        steps.retain(|(_, at)| now.duration_since(*at) < COUNTS_FOR);
        if steps.iter().any(|(used, _)| (0..=STEPS_BEFORE).contains(&(used - step))) {
            return false;
        }
        steps.push((step, now));
        true
    }

    /// The staff member has another secret, whose codes are others.
    pub(crate) fn forget(&self, staff: Id) {
        lock(&self.0).remove(&staff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_used_once_and_so_are_those_before_it() {
        let start = Instant::now();
        let used = UsedCodes::new([], start);
        assert!(used.take(1, 100, start));
        assert!(!used.take(1, 100, start) && !used.take(1, 99, start) && !used.take(1, 98, start));
        assert!(used.take(2, 100, start), "another person");
        assert!(used.take(1, 101, start));
        used.forget(1);
        assert!(used.take(1, 100, start), "another secret");
    }

    #[test]
    fn what_was_used_before_the_clock_was_set_back_does_not_count() {
        let start = Instant::now();
        let used = UsedCodes::new([(1, 1_000)], start);
        assert!(!used.take(1, 1_000, start));
        // Two hours back.
        assert!(used.take(1, 760, start));
        assert!(!used.take(1, 760, start + COUNTS_FOR / 2));
        // The same step comes again, for a clock that was set back by a few minutes.
        assert!(used.take(1, 760, start + COUNTS_FOR));
    }
}
