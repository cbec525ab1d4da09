//! How messages travel, and how far replies have come.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::{Extensible, Timestamp};

/// How a message came from the guest, or how it leaves for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Channel {
    /// Through another program.
    Gateway,
    /// Through the guest page.
    Room,
    /// Through the WhatsApp Cloud API.
    Whatsapp,
    /// From the desk, while nothing reaches the guest.
    Desk,
}

/// How far a staff member's message has come on its way to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum DeliveryState {
    /// On the server only.
    Stored,
    /// The next system accepted it.
    Sent,
    /// It reached the guest's device.
    Delivered,
    /// The guest read it.
    Read,
    /// It was refused, or given up.
    Failed,
    /// It will not be delivered: it had no way to the guest in time.
    None,
}

/// Why a message has not arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum DeliveryReason {
    /// Nothing reaches the guest.
    NoWay,
    /// The reason is not known.
    Unknown,
    /// The gateway refused it for good.
    Refused,
    /// The gateway reported that it failed.
    Reported,
    /// The gateway's address may not be called.
    AddressRefused,
    /// It was not accepted within 7 days.
    GaveUp,
    /// The guest's number belongs to another guest now.
    NumberPassedOn,
    /// The conversation was closed before there was a way.
    ConversationClosed,
    /// The stay ended before there was a way.
    StayEnded,
    /// There was no way for 24 hours.
    TooOld,
}

/// How far a message has come, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[ts(export)]
pub struct Delivery {
    /// How far.
    #[schema(value_type = DeliveryState)]
    pub state: Extensible<DeliveryState>,
    /// Why it has not arrived, in English; `null` where there is nothing to say.
    pub reason: Option<String>,
    /// The same for programs.
    #[schema(value_type = Option<DeliveryReason>)]
    pub reason_code: Option<Extensible<DeliveryReason>>,
    /// When it reached this state.
    pub at: Timestamp,
}
