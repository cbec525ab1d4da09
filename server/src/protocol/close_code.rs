//! The codes with which connections are closed.

/// Why the server ends a connection (contract 1.1, 1.4), with the number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// The server stops.
    GoingAway = 1001,
    /// A frame that violates RFC 6455.
    Violation = 1002,
    /// A binary frame.
    Unsupported = 1003,
    /// Bytes that are not UTF-8.
    InvalidText = 1007,
    /// It went on although it was told to slow down.
    Policy = 1008,
    /// A frame over the limit.
    TooBig = 1009,
    /// The events that the client missed could not be read.
    ReplayFailed = 1011,
    /// It read too slowly.
    TooSlow = 1013,
    /// Its session ended.
    SessionEnded = 4401,
    /// The person's departments changed.
    DepartmentsChanged = 4403,
}

impl CloseCode {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// A word beside the number, for people who read logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::GoingAway => "server is stopping",
            Self::Violation => "protocol violation",
            Self::Unsupported => "text frames only",
            Self::InvalidText => "not UTF-8",
            Self::Policy => "too many messages",
            Self::TooBig => "frame is too big",
            Self::ReplayFailed => "replay failed",
            Self::TooSlow => "reader is too slow",
            Self::SessionEnded => "session ended",
            Self::DepartmentsChanged => "departments changed",
        }
    }
}
