//! Notices when the computer's clock jumps. After a jump nothing is destroyed because of the date until the date is
//! confirmed or the server has run for a day.

use std::{sync::Mutex, time::Duration};

use crate::{hub::lock, protocol::Timestamp};

use super::Clock;

/// Time of day and passed time differ by more than this: the clock has jumped.
const JUMP: Duration = Duration::from_hours(1);

/// At a start, a time of day that is longer after the last recorded time counts as a jump.
const LONGEST_REST: Duration = Duration::from_hours(30 * 24);

/// At a start, the time of day may be this long before the last recorded time: time servers correct clocks by
/// seconds.
const CORRECTION: Duration = Duration::from_mins(1);

/// After a jump, an unconfirmed date is relied on again when the server has run for this long in total.
const WAIT: Duration = Duration::from_hours(24);

/// A jump of the clock after which the date is not confirmed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Jump {
    /// The time of day after it.
    pub(crate) at: Timestamp,
    /// By how many milliseconds; negative: back.
    pub(crate) millis: i64,
    /// How long the server has run since.
    pub(crate) ran: Duration,
    /// File names of the daily backups that were there before it. They are neither counted nor removed.
    pub(crate) kept_backups: Vec<String>,
}

/// Compares the time of day with the time that has passed.
#[derive(Debug)]
pub(crate) struct ClockWatch {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The time of day and the passed time of the last comparison.
    time: Timestamp,
    passed: Duration,
    jump: Option<Jump>,
}

impl State {
    /// By how many milliseconds the clock has jumped since the last comparison; 0: not at all.
    fn difference(&self, now: Timestamp, passed: Duration) -> i64 {
        let elapsed = i64::try_from(passed.saturating_sub(self.passed).as_millis());
        let expected = self.time.plus_millis(elapsed.unwrap_or(i64::MAX));
        let difference = now.as_millis().saturating_sub(expected.as_millis());
        if u128::from(difference.unsigned_abs()) > JUMP.as_millis() { difference } else { 0 }
    }
}

/// By how many milliseconds the clock jumped while the server was off, from the last recorded time; `None`: it
/// did not.
pub(crate) fn by_how_much(recorded: Timestamp, now: Timestamp) -> Option<i64> {
    let has_jumped = now.plus(CORRECTION) < recorded || now.since(recorded) > LONGEST_REST;
    has_jumped.then(|| now.as_millis().saturating_sub(recorded.as_millis()))
}

impl ClockWatch {
    /// A watch that begins now; `jump` is the unconfirmed one, if any.
    pub(crate) fn new(clock: Clock, jump: Option<Jump>) -> Self {
        let state = State { time: clock.now(), passed: clock.passed(), jump };
        Self { clock, state: Mutex::new(state) }
    }

    fn read(&self) -> (Timestamp, Duration) {
        (self.clock.now(), self.clock.passed())
    }

    /// The time of day that stored times are compared with: as if a jump had not happened, until stored times
    /// have been shifted by it.
    pub(crate) fn steady_now(&self) -> Timestamp {
        let state = lock(&self.state);
        let (now, passed) = self.read();
        now.plus_millis(state.difference(now, passed).saturating_neg())
    }

    /// The time of day, if anything may be destroyed because of it. `None`: the clock has jumped.
    pub(crate) fn trusted_now(&self) -> Option<Timestamp> {
        let state = lock(&self.state);
        let (now, passed) = self.read();
        (state.jump.is_none() && state.difference(now, passed) == 0).then_some(now)
    }

    /// The jump after which the date is not confirmed yet.
    pub(crate) fn jump(&self) -> Option<Jump> {
        lock(&self.state).jump.clone()
    }

    /// Compares the clocks. Small differences are forgotten. Returns the milliseconds of a jump, which stored
    /// times must be shifted by.
    pub(crate) fn compare(&self) -> Option<i64> {
        let mut state = lock(&self.state);
        let (now, passed) = self.read();
        let difference = state.difference(now, passed);
        if difference != 0 {
            return Some(difference);
        }
        let more = passed.saturating_sub(state.passed);
        (state.time, state.passed) = (now, passed);
        if let Some(jump) = &mut state.jump {
            jump.ran += more;
        }
        None
    }

    /// From now on, stored times are compared with a time that is shifted by this many milliseconds.
    pub(crate) fn shift(&self, millis: i64) {
        let mut state = lock(&self.state);
        state.time = state.time.plus_millis(millis);
    }

    /// Sets the unconfirmed jump.
    pub(crate) fn jumped(&self, jump: Jump) {
        lock(&self.state).jump = Some(jump);
    }

    /// Forgets the jump after the server has run for a day. Returns whether it did.
    pub(crate) fn has_waited(&self) -> bool {
        let mut state = lock(&self.state);
        let is_over = state.jump.as_ref().is_some_and(|jump| jump.ran >= WAIT);
        if is_over {
            state.jump = None;
        }
        is_over
    }

    /// Forgets the jump: the date is confirmed.
    pub(crate) fn confirm(&self) {
        lock(&self.state).jump = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use super::*;

    const HOUR: i64 = 60 * 60 * 1000;
    const DAY: i64 = 24 * HOUR;
    const START: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn hands() -> (Clock, Arc<AtomicI64>, Arc<AtomicI64>) {
        let (time, offset) = (Arc::new(AtomicI64::new(START.as_millis())), Arc::default());
        (Clock::Manual(Arc::clone(&time)).with_offset(Arc::clone(&offset)), time, offset)
    }

    #[test]
    fn only_a_difference_of_more_than_an_hour_is_a_jump() {
        let (clock, time, offset) = hands();
        let watch = ClockWatch::new(clock.clone(), None);
        time.fetch_add(400 * DAY, Ordering::SeqCst);
        assert_eq!(watch.compare(), None, "time that has passed is not a jump");
        for small in [HOUR, -HOUR] {
            offset.fetch_add(small, Ordering::SeqCst);
            assert_eq!(watch.compare(), None);
        }
        assert_eq!(watch.trusted_now(), Some(clock.now()));
        for jump in [2 * HOUR, -2 * HOUR, DAY, -DAY, 400 * DAY, -400 * DAY] {
            let before = clock.now();
            offset.fetch_add(jump, Ordering::SeqCst);
            assert_eq!(watch.steady_now(), before, "stored times are not shifted yet");
            assert_eq!(watch.trusted_now(), None);
            assert_eq!(watch.compare(), Some(jump));
            watch.shift(jump);
            assert_eq!(watch.steady_now(), clock.now());
            assert_eq!(watch.compare(), None);
        }
    }

    #[test]
    fn after_a_jump_the_date_is_trusted_again_when_the_server_has_run_for_a_day() {
        let (clock, time, _) = hands();
        let ran = Duration::from_hours(20);
        let jump = Jump { at: START, millis: DAY, ran, kept_backups: Vec::new() };
        let watch = ClockWatch::new(clock.clone(), Some(jump));
        for _ in 0..3 {
            time.fetch_add(HOUR, Ordering::SeqCst);
            assert_eq!(watch.compare(), None);
            assert!(!watch.has_waited());
            assert_eq!(watch.trusted_now(), None);
        }
        time.fetch_add(HOUR, Ordering::SeqCst);
        watch.compare();
        assert!(watch.has_waited());
        assert_eq!(watch.trusted_now(), Some(clock.now()));
    }

    #[test]
    fn at_a_start_the_clock_has_jumped_back_or_by_more_than_thirty_days() {
        for (hours, has_jumped) in [(0, false), (-1, true), (30 * 24, false), (30 * 24 + 1, true)] {
            let now = START.plus_millis(hours * HOUR);
            assert_eq!(by_how_much(START, now), has_jumped.then_some(hours * HOUR), "{hours}");
        }
        assert_eq!(by_how_much(START, START.plus_millis(-60_000)), None, "a correction");
    }
}
