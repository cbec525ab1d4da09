//! How fast one connection may send commands.

use std::{
    collections::VecDeque,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use governor::{
    Quota, RateLimiter,
    clock::MonotonicClock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

/// A burst is this many seconds' worth of commands (contract 1.4: 20 a second, bursts of 60).
const BURST_SECONDS: u32 = 3;

/// So many refusals within [`PATIENCE`] are borne; one more closes the connection.
const REFUSALS_BORNE: usize = 10;

/// See [`REFUSALS_BORNE`].
const PATIENCE: Duration = Duration::from_secs(10);

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<Instant>>;

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
pub(super) struct Limits {
    limiter: Option<Limiter>,
    refusals: VecDeque<Instant>,
}

impl Limits {
    /// So many commands a second; 0: any number.
    pub(super) fn new(commands_per_second: u32) -> Self {
        let limiter = NonZeroU32::new(commands_per_second).map(|rate| {
            let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
            RateLimiter::direct_with_clock(
                Quota::per_second(rate).allow_burst(burst),
                MonotonicClock,
            )
        });
        Self { limiter, refusals: VecDeque::new() }
    }

    /// Judges one command that arrived now.
    pub(super) fn judge(&mut self, now: Instant) -> Verdict {
        if self.limiter.as_ref().is_none_or(|limiter| limiter.check().is_ok()) {
            return Verdict::Accept;
        }
        self.refusals.push_back(now);
        self.refusals.retain(|refused| now.duration_since(*refused) < PATIENCE);
        if self.refusals.len() > REFUSALS_BORNE { Verdict::Close } else { Verdict::Refuse }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_refusals_then_the_end() {
        let mut limits = Limits::new(20);
        let now = Instant::now();
        let verdicts: Vec<_> = (0..200).map(|_| limits.judge(now)).collect();
        let accepted = verdicts.iter().filter(|verdict| **verdict == Verdict::Accept).count();
        // The loop takes some time itself, in which a few more become free.
        assert!((60..80).contains(&accepted), "{accepted}");
        assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Refuse).count(), 10);
        assert_eq!(verdicts.last(), Some(&Verdict::Close));
    }

    #[test]
    fn zero_means_no_limit() {
        let mut limits = Limits::new(0);
        let now = Instant::now();
        assert!((0..10_000).all(|_| limits.judge(now) == Verdict::Accept));
    }
}
