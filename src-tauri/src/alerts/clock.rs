//! What time it is on the server: waits are as long there as here, whatever this computer's clock says.

use frontdesk_server::clock::Clock;
use tokio::time::Instant;

/// The server's time, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerClock {
    at: Instant,
    millis: i64,
}

impl Default for ServerClock {
    /// Until the server has said something, its clock is taken to be this computer's.
    fn default() -> Self {
        Self { at: Instant::now(), millis: Clock::System.now().as_millis() }
    }
}

impl ServerClock {
    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        let elapsed = i64::try_from(self.at.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.millis.saturating_add(elapsed)
    }

    /// The server wrote this time into a frame; `is_exact`: just now. An older frame only proves that it is not
    /// earlier. Returns by how much the clock moved.
    pub(super) fn sync(&mut self, millis: i64, is_exact: bool) -> i64 {
        let before = self.now();
        if !is_exact && millis <= before {
            return 0;
        }
        *self = Self { at: Instant::now(), millis };
        millis - before
    }
}

#[cfg(test)]
impl ServerClock {
    /// Time passes.
    pub(super) fn advance(&mut self, millis: i64) {
        self.millis += millis;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_server_and_goes_on_between_frames() {
        // The test itself takes less than this.
        let about = |clock: &ServerClock, expected: i64| (clock.now() - expected).abs() < 60_000;
        let mut clock = ServerClock::default();
        clock.sync(1_000_000_000, true);
        clock.advance(5_000_000);
        assert!(about(&clock, 1_005_000_000));
        assert_eq!(clock.sync(1_001_000_000, false), 0, "an old frame in a replay");
        assert!(about(&clock, 1_005_000_000));
        assert!(clock.sync(1_006_000_000, false) > 900_000);
        assert!(about(&clock, 1_006_000_000));
        assert!(clock.sync(900_000_000, true) < -100_000_000);
        assert!(about(&clock, 900_000_000));
    }
}
