//! How fast one connection may send commands.

use std::{collections::VecDeque, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock, Reference as _},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

/// A burst is this many seconds' worth of commands (contract 1.4: 20 a second, bursts of 60).
const BURST_SECONDS: u32 = 3;

/// So many refusals within [`PATIENCE`] are borne; one more closes the connection.
const REFUSALS_BORNE: usize = 10;

/// See [`REFUSALS_BORNE`].
const PATIENCE: Duration = Duration::from_secs(10);

type Limiter<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// What to do with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Carry it out.
    Accept,
    /// Refuse it.
    Refuse,
    /// Refuse it, and close the connection.
    Close,
}

/// The limits of one connection.
pub(super) struct Limits<C: Clock = MonotonicClock> {
    clock: C,
    /// The limiter, and its burst.
    limiter: Option<(Limiter<C>, NonZeroU32)>,
    refusals: VecDeque<C::Instant>,
}

impl<C: Clock + Clone> Limits<C> {
    /// So many commands a second; 0: any number.
    pub(super) fn new(commands_per_second: u32, clock: C) -> Self {
        let limiter = NonZeroU32::new(commands_per_second).map(|rate| {
            let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
            let quota = Quota::per_second(rate).allow_burst(burst);
            (RateLimiter::direct_with_clock(quota, clock.clone()), burst)
        });
        Self { clock, limiter, refusals: VecDeque::new() }
    }

    /// Judges a command that has just arrived, by how many it counts. What counts as more than a burst counts as a burst.
    pub(super) fn judge(&mut self, cost: NonZeroU32) -> Verdict {
        let is_within = self.limiter.as_ref().is_none_or(|(limiter, burst)| {
            limiter.check_n(cost.min(*burst)).is_ok_and(|fits| fits.is_ok())
        });
        if is_within {
            return Verdict::Accept;
        }
        let now = self.clock.now();
        self.refusals.push_back(now);
        self.refusals.retain(|refused| now.duration_since(*refused) < PATIENCE.into());
        if self.refusals.len() > REFUSALS_BORNE { Verdict::Close } else { Verdict::Refuse }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    /// What becomes of so many commands at once: how many are accepted, refused, and the end.
    fn judged(limits: &mut Limits<FakeRelativeClock>, commands: usize) -> [usize; 3] {
        judged_at(limits, commands, 1)
    }

    /// The same for commands that count as more than one.
    fn judged_at(limits: &mut Limits<FakeRelativeClock>, commands: usize, cost: u32) -> [usize; 3] {
        let cost = NonZeroU32::new(cost).unwrap();
        let verdicts: Vec<_> = (0..commands).map(|_| limits.judge(cost)).collect();
        [Verdict::Accept, Verdict::Refuse, Verdict::Close]
            .map(|each| verdicts.iter().filter(|verdict| **verdict == each).count())
    }

    #[test]
    fn a_burst_passes_then_refusals_then_the_end() {
        let mut limits = Limits::new(20, FakeRelativeClock::default());
        assert_eq!(judged(&mut limits, 60), [60, 0, 0]);
        assert_eq!(judged(&mut limits, 10), [0, 10, 0]);
        assert_eq!(judged(&mut limits, 5), [0, 0, 5]);
    }

    #[test]
    fn with_time_commands_pass_again_and_refusals_are_forgotten() {
        let clock = FakeRelativeClock::default();
        let mut limits = Limits::new(20, clock.clone());
        assert_eq!(judged(&mut limits, 70), [60, 10, 0]);
        clock.advance(Duration::from_secs(1));
        assert_eq!(judged(&mut limits, 21), [20, 0, 1]);
        clock.advance(PATIENCE - Duration::from_secs(1));
        assert_eq!(judged(&mut limits, 70), [60, 9, 1]);
        clock.advance(PATIENCE);
        assert_eq!(judged(&mut limits, 70), [60, 10, 0]);
    }

    #[test]
    fn a_command_may_count_as_many_but_never_as_more_than_a_burst() {
        let clock = FakeRelativeClock::default();
        let mut limits = Limits::new(20, clock.clone());
        assert_eq!(judged_at(&mut limits, 2, 51), [1, 1, 0]);
        assert_eq!(judged(&mut limits, 10), [9, 1, 0]);
        clock.advance(Duration::from_millis(2_550));
        assert_eq!(judged_at(&mut limits, 2, 51), [1, 1, 0]);
        let mut slow = Limits::new(1, clock.clone());
        assert_eq!(judged_at(&mut slow, 2, 51), [1, 1, 0]);
        clock.advance(Duration::from_secs(3));
        assert_eq!(judged_at(&mut slow, 1, 51), [1, 0, 0]);
    }

    #[test]
    fn zero_means_no_limit() {
        let mut limits = Limits::new(0, FakeRelativeClock::default());
        assert_eq!(judged(&mut limits, 10_000), [10_000, 0, 0]);
    }
}
