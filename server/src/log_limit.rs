//! Keeps strangers from filling the log.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::hub::lock;

/// How often a message that strangers cause is logged at most.
const INTERVAL: Duration = Duration::from_mins(1);

/// When a message was logged last.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<Option<Instant>>);

impl LogLimit {
    /// Whether the message may be logged now; if so, it counts as logged.
    pub(crate) fn allows(&self) -> bool {
        let mut logged = lock(&self.0);
        let is_due = logged.is_none_or(|at| at.elapsed() >= INTERVAL);
        if is_due {
            *logged = Some(Instant::now());
        }
        is_due
    }
}
