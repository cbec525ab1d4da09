//! Time as a parameter: the computer's clocks in programs, and clocks that tests set.

mod watch;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crate::protocol::Timestamp;

pub(crate) use watch::{ClockWatch, Jump, by_how_much};

/// Where the server reads the time of day, and how much time has passed.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The computer's clock.
    #[default]
    System,
    /// A clock that stands at this many milliseconds since 1970 until a test moves it. Moving it lets time pass.
    Manual(Arc<AtomicI64>),
    /// Shows the time of another clock plus this many milliseconds. Changing these makes the time of day jump, while no
    /// more time passes than on the other clock.
    Offset(Box<Self>, Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still at `now`.
    #[must_use]
    pub fn standing_at(now: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(now.as_millis())))
    }

    /// The same clock, whose time of day jumps by the milliseconds in `offset` when a test changes them.
    #[must_use]
    pub fn with_offset(self, offset: Arc<AtomicI64>) -> Self {
        Self::Offset(Box::new(self), offset)
    }

    /// The time of day.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            #[expect(
                clippy::disallowed_methods,
                reason = "the one place that reads the computer's clock"
            )]
            Self::System => Timestamp::from_millis(jiff::Timestamp::now().as_millisecond()),
            Self::Manual(millis) => Timestamp::from_millis(millis.load(Ordering::SeqCst)),
            Self::Offset(clock, millis) => clock.now().plus_millis(millis.load(Ordering::SeqCst)),
        }
    }

    /// How much time has passed since some moment in the past. Setting the computer's clock does not change it.
    /// On Linux and Windows it goes on while the computer sleeps, so that a night's sleep is not taken for a
    /// jump of the clock.
    #[must_use]
    pub fn passed(&self) -> Duration {
        match self {
            Self::System => of_this_computer(),
            Self::Manual(millis) => {
                Duration::from_millis(millis.load(Ordering::SeqCst).try_into().unwrap_or(0))
            }
            Self::Offset(clock, _) => clock.passed(),
        }
    }
}

#[cfg(target_os = "linux")]
fn of_this_computer() -> Duration {
    // `Instant` stands still while the computer sleeps.
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(not(target_os = "linux"))]
fn of_this_computer() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}
