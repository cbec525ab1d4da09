//! How long and how often everything is measured.

use std::time::Duration;

/// Connections of the department that the fan-out is measured with.
pub const FANOUT_CONNECTIONS: usize = 500;

/// Messages a second of the fan-out at a steady pace.
pub const STEADY_PER_SECOND: u32 = 20;

/// Numbers of connections that write at the same time, each into a property of its own; also the
/// numbers of messages in one transaction of the references.
pub const WRITERS: [usize; 3] = [1, 16, 64];

/// Connections of the department in which everybody writes and everybody hears everybody.
pub const CROWD: usize = 64;

/// Connections that do nothing.
pub const IDLE_CONNECTIONS: usize = 5_000;

/// Handshakes that are under way at the same time.
pub const HANDSHAKES_AT_ONCE: usize = 32;

/// Staff members that the connections of one department are spread over.
pub const STAFF: usize = 10;

/// Messages in the database when lists are measured.
pub const LIST_MESSAGES: i64 = 1_000_000;

/// Conversations in the database when lists are measured.
pub const LIST_CONVERSATIONS: i64 = 50_000;

/// Reads a second while lists are measured, and messages written a second beside them.
pub const LIST_PER_SECOND: u32 = 50;

/// Length of a message's text in bytes.
pub const CONTENT_BYTES: usize = 80;

/// How long a frame may be on its way before it counts as lost.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The share of a run that differs between a thorough and a quick one.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Runs of each figure, reference and Frontdesk in turn; the median counts.
    pub runs: usize,
    /// Time before measuring begins, in each run.
    pub warm_up: Duration,
    /// Time that is measured, in each run.
    pub measured: Duration,
}

impl Settings {
    /// What the published figures are made with.
    pub const THOROUGH: Self =
        Self { runs: 5, warm_up: Duration::from_secs(1), measured: Duration::from_secs(5) };

    /// Enough to see whether a change helps.
    pub const QUICK: Self =
        Self { runs: 1, warm_up: Duration::from_millis(500), measured: Duration::from_secs(2) };
}
