//! What is counted.

use std::time::Duration;

use crate::chat::Refused;

/// The server's counters.
#[derive(Debug, Default)]
pub struct Metrics {}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A command was answered.
    pub fn count_command(&self, _command: &'static str, _refused: Option<&Refused>) {}

    /// A frame that was no command was refused.
    pub fn count_refusal(&self, _command: &'static str) {}

    /// A batch of so many changes was committed in this time.
    pub fn count_commit(&self, _took: Duration, _changes: usize) {}

    /// A batch could not be stored.
    pub fn count_failed_commit(&self) {}

    /// A connection was closed because it read too slowly.
    pub fn count_slow_reader(&self) {}
}
