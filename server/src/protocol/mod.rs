//! The words that cross the wire: commands in, frames out, and the shapes inside them.
//!
//! Nothing here does I/O or knows a rule. `docs/protocol.md` says what each means; the TypeScript
//! twins in `ui/src/protocol/` are generated from these types (`make gen`).

mod close_code;
mod command;
mod delivery;
mod error;
mod extensible;
mod frame;
mod isolate;
mod line;
mod model;
mod preview;
mod timestamp;
mod update;

pub use close_code::CloseCode;
pub(crate) use command::has_nul;
pub use command::{
    Command, Named, RESUME_MAX_CONVERSATIONS, Resume, check_characters, check_content,
};
pub use delivery::{Channel, Delivery, DeliveryReason, DeliveryState};
pub use error::{CommandError, ErrorCode, ErrorFrame};
pub use extensible::Extensible;
pub use frame::{
    Acknowledgment, Frame, NewConversation, OnlinePerson, Resumed, Seq, Typing, UserStatus,
    UserStatusType,
};
pub use isolate::isolated;
pub use line::{Line, LineDetail, LineKind, NumberDetail, TransferDetail};
pub use model::{
    Conversation, ConversationStatus, GuestInfo, Message, MessageGuest, MessageType, PersonType,
    PropertyInfo, User, UserType,
};
pub use preview::preview;
pub use timestamp::Timestamp;
pub use update::{
    ClosedConversation, ConversationUpdate, DeliveryUpdate, GuestUpdate, LineUpdate, NewMessage,
    Read, Transferred,
};

/// A database id: positive, below 2^53, so that JavaScript holds it exactly.
pub type Id = i64;

/// The first number that is no id any more (2^53, the end of JavaScript's exact integers).
pub const ID_LIMIT: Id = 1 << 53;

/// Largest id.
pub const ID_MAX: Id = ID_LIMIT - 1;

/// Longest text of a message, in Unicode code points after trimming (contract 1.4).
pub const CONTENT_MAX_CHARS: usize = 4096;

/// Longest `client_id`, in characters (contract 1.6).
pub const CLIENT_ID_MAX_CHARS: usize = 64;

/// Longest preview, in characters, the closing `…` included (contract 1.5).
pub const PREVIEW_MAX_CHARS: usize = 100;

/// Largest frame a client may send, in bytes (contract 1.4).
pub const FRAME_MAX_BYTES: usize = 64 * 1024;
