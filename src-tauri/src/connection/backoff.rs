//! How long to wait before the next attempt to connect.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// Doubles from half a second to half a minute, with half of it left to chance: after an outage, not
/// every desk of the house comes back in the same instant.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause before the next attempt; `chance` is between 0 and 1.
    pub(crate) fn next_pause(&mut self, chance: f64) -> Duration {
        let doubled = FIRST.saturating_mul(2_u32.saturating_pow(self.failures)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }

    /// The same where there is a good reason to try again at once: but only once.
    pub(crate) fn next_pause_but_the_first(&mut self, chance: f64) -> Duration {
        let is_first = self.failures == 0;
        let pause = self.next_pause(chance);
        if is_first { Duration::ZERO } else { pause }
    }

    /// The connection worked: the next failure starts over.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..40).map(|_| backoff.next_pause(1.0)).collect();
        assert_eq!(pauses[0], Duration::from_millis(500));
        assert_eq!(pauses[1], Duration::from_secs(1));
        assert_eq!(pauses[5], Duration::from_secs(16));
        assert!(pauses[6..].iter().all(|pause| *pause == LONGEST));
    }

    #[test]
    fn a_good_reason_is_good_once() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next_pause_but_the_first(1.0), Duration::ZERO);
        assert_eq!(backoff.next_pause_but_the_first(1.0), Duration::from_secs(1));
        backoff.reset();
        assert_eq!(backoff.next_pause_but_the_first(1.0), Duration::ZERO);
    }

    #[test]
    fn chance_takes_up_to_half_and_a_success_starts_over() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next_pause(0.0), Duration::from_millis(250));
        assert_eq!(backoff.next_pause(0.5), Duration::from_millis(750));
        backoff.reset();
        assert_eq!(backoff.next_pause(1.0), FIRST);
    }
}
