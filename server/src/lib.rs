//! The chat server of Frontdesk.
pub mod protocol;
