//! How far replies have come. A reply only moves forward; somebody may have a failed one sent again.

use std::{collections::BTreeMap, time::Duration};

use crate::protocol::{
    Channel, CommandError, ConversationStatus, DeliveryReason, DeliveryState, DeliveryUpdate, Id,
    Timestamp,
};

use super::{
    EventKind, Moment, Refused, Working,
    rules::{conversation, publish},
};

/// A reply that has had no way to its guest for this long is not delivered any more.
pub const WAITS_FOR_A_WAY: Duration = Duration::from_hours(24);

/// The delivery of one staff message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// The message.
    pub message_id: Id,
    /// Its conversation.
    pub conversation_id: Id,
    /// What the gateway calls it (`delivery_id`); `None` without a gateway.
    pub delivery_id: Option<String>,
    /// The gateway through which it leaves; `None` while nothing reaches the guest.
    pub gateway_id: Option<Id>,
    /// How it leaves.
    pub channel: Channel,
    /// How far it has come.
    pub state: DeliveryState,
    /// Why it has not arrived.
    pub reason_code: Option<DeliveryReason>,
    /// The same in English.
    pub reason: Option<String>,
    /// When it came into this state.
    pub at: Timestamp,
    /// How often the gateway has not accepted it since it last became `stored`.
    pub attempts: u32,
    /// When the next attempt is due, while it waits for its gateway.
    pub next_attempt_at: Option<Timestamp>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// A delivery that the writer has loaded to change it.
#[derive(Clone, Debug)]
pub struct LoadedDelivery {
    /// The delivery.
    pub row: DeliveryRow,
    /// When the message was written.
    pub created_at: Timestamp,
    /// When the oldest undelivered message of the same conversation was written, those that are loaded
    /// together with this one left out.
    pub others_since: Option<Timestamp>,
    /// The oldest other message of the same conversation that waits for a way to the guest.
    pub others_no_way_id: Option<Id>,
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryNews {
    /// The gateway accepted it.
    Accepted,
    /// The gateway did not accept it; it is sent again at this time.
    NotAccepted {
        /// Why.
        error: String,
        /// When it is sent again.
        again_at: Timestamp,
    },
    /// It is not sent any more.
    Failed {
        /// Why.
        code: DeliveryReason,
        /// The same in English.
        reason: String,
    },
    /// It had no way to the guest, and will not be delivered.
    Ended(DeliveryReason),
    /// Its gateway reported a new state.
    Reported {
        /// `delivered`, `read` or `failed`.
        state: DeliveryState,
        /// Why it failed.
        code: Option<DeliveryReason>,
        /// The same in English.
        reason: Option<String>,
        /// When that was, by the gateway's clock.
        at: Option<Timestamp>,
    },
    /// The guest wrote through this gateway: a reply that had no way leaves through it.
    WayOpened {
        /// The gateway.
        gateway_id: Id,
        /// What the gateway will call the reply.
        delivery_id: String,
    },
    /// A staff member retries it, through this gateway.
    Retried {
        /// The gateway.
        gateway_id: Id,
        /// What the gateway will call it, if it had no gateway before.
        delivery_id: String,
    },
}

/// What was seen of a gateway when a reply was sent to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayHealth {
    /// The gateway.
    pub gateway_id: Id,
    /// Why it did not accept a reply; `None`: it accepted one.
    pub error: Option<GatewayError>,
    /// The status with which it refuses all replies; `None`: it does not.
    pub refuses: Option<u16>,
}

/// Why a gateway did not accept a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayError {
    /// The status of its answer; `None`: it did not answer.
    pub status: Option<u16>,
    /// The same in words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// What a piece of news changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nothing: the delivery is further, or at an end.
    Unchanged,
    /// Fields that only the outbox uses.
    Attempt,
    /// What staff see.
    State,
}

impl DeliveryRow {
    /// Whether it waits until something reaches the guest.
    const fn has_no_way(&self) -> bool {
        matches!(self.state, DeliveryState::Stored) && self.gateway_id.is_none()
    }

    /// Whether it waits for its gateway.
    const fn waits_for_gateway(&self) -> bool {
        matches!(self.state, DeliveryState::Stored) && self.gateway_id.is_some()
    }

    /// Whether it still counts as undelivered for staff.
    const fn is_undelivered(&self) -> bool {
        matches!(self.state, DeliveryState::Stored | DeliveryState::Failed)
    }

    fn set(
        &mut self,
        state: DeliveryState,
        at: Timestamp,
        code: Option<DeliveryReason>,
        reason: Option<String>,
    ) -> Progress {
        self.state = state;
        self.at = at;
        self.reason_code = code;
        self.reason = reason;
        self.next_attempt_at = None;
        Progress::State
    }

    fn leave_through(&mut self, gateway_id: Id, delivery_id: &str, now: Timestamp) -> Progress {
        self.gateway_id = Some(gateway_id);
        self.delivery_id.get_or_insert_with(|| delivery_id.to_owned());
        self.channel = Channel::Gateway;
        self.attempts = 0;
        self.last_error = None;
        self.set(DeliveryState::Stored, now, None, None);
        self.next_attempt_at = Some(now);
        Progress::State
    }

    fn apply(&mut self, news: &DeliveryNews, created_at: Timestamp, now: Timestamp) -> Progress {
        match news {
            DeliveryNews::Accepted if self.waits_for_gateway() => {
                self.attempts += 1;
                self.set(DeliveryState::Sent, now, None, None)
            }
            DeliveryNews::NotAccepted { error, again_at } if self.waits_for_gateway() => {
                self.attempts += 1;
                self.last_error = Some(error.clone());
                self.next_attempt_at = Some(*again_at);
                Progress::Attempt
            }
            DeliveryNews::Failed { code, reason } if self.state == DeliveryState::Stored => {
                self.last_error = Some(reason.clone());
                self.set(DeliveryState::Failed, now, Some(*code), Some(reason.clone()))
            }
            DeliveryNews::Ended(code) if self.has_no_way() => {
                self.set(DeliveryState::None, now, Some(*code), Some(ended(*code).to_owned()))
            }
            DeliveryNews::Reported { state, code, reason, at } if self.may_become(*state) => {
                // A gateway's clock may be wrong: nothing happens in the future, or before it was written.
                let at = at.unwrap_or(now).min(now).max(created_at);
                let failed = *state == DeliveryState::Failed;
                let code = failed.then(|| code.unwrap_or(DeliveryReason::Reported));
                self.set(*state, at, code, reason.clone().filter(|_| failed))
            }
            DeliveryNews::WayOpened { gateway_id, delivery_id } if self.has_no_way() => {
                if now.since(created_at) < WAITS_FOR_A_WAY {
                    self.leave_through(*gateway_id, delivery_id, now)
                } else {
                    let code = DeliveryReason::TooOld;
                    self.set(DeliveryState::None, now, Some(code), Some(ended(code).to_owned()))
                }
            }
            DeliveryNews::Retried { gateway_id, delivery_id } if self.is_undelivered() => {
                self.leave_through(*gateway_id, delivery_id, now)
            }
            _ => Progress::Unchanged,
        }
    }

    /// Whether its gateway may report this state now: states only move forward.
    fn may_become(&self, state: DeliveryState) -> bool {
        use DeliveryState::{Delivered, Failed, Read, Sent, Stored};
        match state {
            Delivered => matches!(self.state, Stored | Sent),
            Read => matches!(self.state, Stored | Sent | Delivered),
            Failed => matches!(self.state, Stored | Sent),
            _ => false,
        }
    }
}

/// Why a reply without a way is not delivered, in English.
const fn ended(code: DeliveryReason) -> &'static str {
    match code {
        DeliveryReason::TooOld => "the guest could not be reached for 24 hours",
        DeliveryReason::StayEnded => "the guest's stay ended before the guest could be reached",
        DeliveryReason::ConversationClosed => {
            "the conversation was closed before the guest could be reached"
        }
        _ => "the guest could not be reached",
    }
}

/// Brings deliveries up to date, in the order of the news, and publishes what staff see of it.
/// `loaded` are the deliveries that the news are about; news about others are left out.
///
/// # Errors
/// When a conversation of one of them is not loaded.
pub fn bring_up_to_date(
    working: &mut Working,
    moment: &mut Moment,
    loaded: Vec<LoadedDelivery>,
    news: &[(Id, DeliveryNews)],
) -> Result<(), CommandError> {
    let mut loaded: BTreeMap<Id, LoadedDelivery> =
        loaded.into_iter().map(|each| (each.row.message_id, each)).collect();
    for (message_id, news) in news {
        let Some(delivery) = loaded.get_mut(message_id) else { continue };
        let progress = delivery.row.apply(news, delivery.created_at, moment.now);
        if progress == Progress::Unchanged {
            continue;
        }
        let row = delivery.row.clone();
        if let Some(gateway_id) = row.gateway_id.filter(|_| row.waits_for_gateway()) {
            working.writes.to_deliver.gateways.insert(gateway_id);
            if matches!(news, DeliveryNews::Retried { .. }) {
                working.writes.to_deliver.retried.insert((gateway_id, row.conversation_id));
            }
        }
        if progress == Progress::State {
            announce(working, moment, &row, &loaded)?;
        }
        working.writes.deliveries.insert(row.message_id, row);
    }
    Ok(())
}

/// Publishes the state of a delivery, and what it means for its conversation.
fn announce(
    working: &mut Working,
    moment: &mut Moment,
    row: &DeliveryRow,
    loaded: &BTreeMap<Id, LoadedDelivery>,
) -> Result<(), CommandError> {
    let state = conversation(working, row.conversation_id)?;
    let counts = |each: &&LoadedDelivery| {
        each.row.conversation_id == row.conversation_id
            && each.row.is_undelivered()
            && each.row.message_id > state.settled_id
    };
    let own = loaded.values().filter(counts).map(|each| each.created_at).min();
    let others = loaded.get(&row.message_id).and_then(|each| each.others_since);
    let since = own.into_iter().chain(others).min();
    let has_no_way = |each: &&LoadedDelivery| {
        each.row.conversation_id == row.conversation_id && each.row.has_no_way()
    };
    let own_no_way = loaded.values().filter(has_no_way).map(|each| each.row.message_id).min();
    let others_no_way = loaded.get(&row.message_id).and_then(|each| each.others_no_way_id);
    state.undelivered_since = since.filter(|_| state.status == ConversationStatus::Active);
    state.no_way_id = own_no_way.into_iter().chain(others_no_way).min();
    let data = DeliveryUpdate {
        conversation_id: row.conversation_id,
        guest_name: state.guest_name.clone(),
        department: state.department.clone(),
        message_id: row.message_id,
        state: row.state.into(),
        reason: row.reason.clone(),
        reason_code: row.reason_code.map(Into::into),
        undelivered_since: state.undelivered_since,
        at: row.at,
    };
    working.writes.marked.insert(row.conversation_id);
    publish(working, moment, row.conversation_id, EventKind::Delivery(data))
}

/// Whether a reply may be retried, and through which gateway.
///
/// # Errors
/// [`CommandError::ConversationClosed`], [`Refused::NotFailed`], [`Refused::NoWay`].
pub fn retry_through(
    working: &mut Working,
    row: &DeliveryRow,
    channel: Option<Channel>,
) -> Result<Id, Refused> {
    let may_move = row.state == DeliveryState::Stored && channel.is_some();
    if row.state != DeliveryState::Failed && !may_move {
        return Err(Refused::NotFailed);
    }
    let state = conversation(working, row.conversation_id)?;
    if state.status == ConversationStatus::Closed {
        return Err(CommandError::ConversationClosed.into());
    }
    match (channel.unwrap_or(Channel::Gateway), state.reply_gateway_id) {
        (Channel::Gateway, Some(gateway_id)) => Ok(gateway_id),
        _ => Err(Refused::NoWay),
    }
}
