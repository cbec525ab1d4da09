//! Keeps below the server's rate limit, so that a long outbox is not refused after a reconnect.

use std::time::Duration;

use tokio::time::Instant;

/// The server allows 20 commands a second in bursts of 60 (contract 1.4). Some room is left for the
/// commands that are not paced: a person's own clicks and keys.
const INTERVAL: Duration = Duration::from_millis(75);
const BURST: u32 = 30;

/// A token bucket.
#[derive(Debug)]
pub(crate) struct Pace {
    /// When the bucket is full again.
    full_at: Instant,
}

impl Pace {
    /// A full bucket.
    pub(crate) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes a token, or says when there will be one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let next = self.full_at.max(now) + INTERVAL;
        let latest = now + INTERVAL * BURST;
        if next > latest {
            return Err(now + (next - latest));
        }
        self.full_at = next;
        Ok(())
    }

    /// The server found it too much: nothing for a second.
    pub(crate) fn hold(&mut self, now: Instant) {
        self.full_at = now + INTERVAL * BURST + Duration::from_secs(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_an_even_pace() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!((0..100).filter(|_| pace.take(start).is_ok()).count(), 30);
        assert_eq!(pace.take(start), Err(start + INTERVAL));
        let later = start + INTERVAL;
        assert_eq!(pace.take(later), Ok(()));
        assert!(pace.take(later).is_err());
    }

    #[test]
    fn held_for_a_second() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        pace.hold(start);
        let retry = pace.take(start).unwrap_err();
        assert!(retry > start + Duration::from_secs(1));
        assert_eq!(pace.take(retry), Ok(()));
    }
}
