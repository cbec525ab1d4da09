//! The rules of the chat: who may do what, and what follows from it. No sockets, no SQL.
//!
//! A [`Change`] is what somebody wants; the writer applies it to a [`Working`] set of conversations
//! and gets an [`Answer`] and [`Event`]s, or a [`Refused`].

mod change;
mod event;
mod rules;
mod staff;
mod working;

pub use change::{Answer, Change, GuestKey, GuestMessage, GuestSelector, Refused};
pub use event::{Event, EventKind, Gone};
pub use rules::{Moment, apply, guest_text, new_conversation, staff_text};
pub use staff::{Department, Staff};
pub use working::{ConversationState, CreatedRow, KnownText, MessageRow, StaffState, Working};
