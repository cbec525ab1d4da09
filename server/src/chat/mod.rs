//! The rules of the chat: who may do what, and what follows from it. No sockets, no SQL.
//!
//! A [`Change`] is what somebody wants; the writer applies it to a [`Working`] set of conversations
//! and gets an [`Answer`] and [`Event`]s, or a [`Refused`].

mod access;
mod change;
mod conversations;
mod deliveries;
mod event;
mod lines;
mod messages;
mod reads;
mod rules;
mod staff;
mod working;

pub use access::check as check_access;
pub use access::{Owner, resume};
pub use change::{
    Action, Answer, Change, Creation, DeliveryReport, GuestKey, GuestMessage, GuestSelector,
    Refused, Retry, Stored,
};
pub use conversations::{guest_changed, new_conversation};
pub use deliveries::{
    DeliveryNews, DeliveryRow, GatewayError, GatewayHealth, LoadedDelivery, WAITS_FOR_A_WAY,
    bring_up_to_date, retry_through,
};
pub use event::{Event, EventKind, Gone};
pub use messages::{guest_text, staff_text};
pub use rules::{Moment, act};
pub use staff::{Department, Staff};
pub use working::{
    ConversationState, CreatedRow, KnownText, LastTransfer, LineRow, MessageRow, NewDelivery,
    StaffState, ToDeliver, TransferredState, Working,
};
