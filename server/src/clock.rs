//! Time as a parameter: the wall clock in programs, one that tests turn.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crate::protocol::Timestamp;

/// Where the server reads the time of day.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The computer's clock.
    #[default]
    System,
    /// A clock that stands at so many milliseconds since 1970 until somebody moves it.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still at `now`.
    #[must_use]
    pub fn standing_at(now: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(now.as_millis())))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(match self {
            #[expect(clippy::disallowed_methods, reason = "the one place that asks the computer")]
            Self::System => jiff::Timestamp::now().as_millisecond(),
            Self::Manual(millis) => millis.load(Ordering::SeqCst),
        })
    }
}
