//! Calls of gateways: rate limits, and the time of each gateway's latest message.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, MonotonicClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

use crate::{
    hub::lock,
    protocol::{Id, Timestamp},
};

/// A burst is this many seconds' worth (contract 3).
const BURST_SECONDS: u32 = 5;

/// This many reports of replies in one call count as one more message.
const REPORTS_PER_MESSAGE: usize = 10;

type Limiter = RateLimiter<
    NotKeyed,
    InMemoryState,
    MonotonicClock,
    NoOpMiddleware<<MonotonicClock as governor::clock::Clock>::Instant>,
>;

/// A call of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// A guest's message.
    Message,
    /// How many reports of replies.
    Reports(usize),
}

/// The gateways that have called since the server started. There is an entry for each of them.
#[derive(Debug)]
pub(crate) struct GatewayTraffic {
    messages_per_second: Option<NonZeroU32>,
    gateways: Mutex<HashMap<Id, Traffic>>,
}

#[derive(Debug, Default)]
struct Traffic {
    messages: Option<Arc<Limiter>>,
    /// Reports have a separate limit, so that they do not use up that of messages.
    reports: Option<Arc<Limiter>>,
    last_message_at: Option<Timestamp>,
    /// Whether that time is in the database.
    is_noted: bool,
}

impl GatewayTraffic {
    /// The most messages a second from each gateway; 0: any number.
    pub(crate) fn new(messages_per_second: u32) -> Self {
        let messages_per_second = NonZeroU32::new(messages_per_second);
        Self { messages_per_second, gateways: Mutex::default() }
    }

    /// Counts a call of a gateway.
    ///
    /// # Errors
    /// If the gateway has reached its limit: after how many seconds the call is possible.
    pub(crate) fn admit(&self, gateway_id: Id, call: Call) -> Result<(), u64> {
        let Some(rate) = self.messages_per_second else { return Ok(()) };
        let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1));
        let limiter = {
            let mut gateways = lock(&self.gateways);
            let traffic = gateways.entry(gateway_id).or_default();
            let limiter = match call {
                Call::Message => &mut traffic.messages,
                Call::Reports(_) => &mut traffic.reports,
            };
            let new = || {
                let quota = Quota::per_second(rate).allow_burst(burst);
                Arc::new(RateLimiter::direct_with_clock(quota, MonotonicClock))
            };
            Arc::clone(limiter.get_or_insert_with(new))
        };
        let more = match call {
            Call::Message => 0,
            Call::Reports(count) => count / REPORTS_PER_MESSAGE,
        };
        let cost = NonZeroU32::MIN.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        match limiter.check_n(cost.min(burst)) {
            Ok(Err(later)) => Err(whole_seconds(later.wait_time_from(MonotonicClock.now()))),
            // The cost is never more than a burst.
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }

    /// Records that a guest's message has come through a gateway.
    pub(crate) fn record_message(&self, gateway_id: Id, at: Timestamp) {
        let mut gateways = lock(&self.gateways);
        let traffic = gateways.entry(gateway_id).or_default();
        traffic.last_message_at = Some(at);
        traffic.is_noted = false;
    }

    /// When the latest guest's message came through a gateway since the server started.
    pub(crate) fn last_message_at(&self, gateway_id: Id) -> Option<Timestamp> {
        lock(&self.gateways).get(&gateway_id).and_then(|traffic| traffic.last_message_at)
    }

    /// The times that are not in the database yet. They count as saved from now on.
    pub(crate) fn take_unsaved(&self) -> Vec<(Id, Timestamp)> {
        let mut gateways = lock(&self.gateways);
        let mut news = Vec::new();
        for (id, traffic) in gateways.iter_mut().filter(|(_, traffic)| !traffic.is_noted) {
            news.extend(traffic.last_message_at.map(|at| (*id, at)));
            traffic.is_noted = true;
        }
        news
    }
}

/// Rounded up, and at least one.
fn whole_seconds(time: Duration) -> u64 {
    let more = u64::from(time.subsec_nanos() > 0);
    (time.as_secs() + more).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_has_a_burst_and_others_have_their_own() {
        let traffic = GatewayTraffic::new(1);
        for _ in 0..5 {
            assert_eq!(traffic.admit(1, Call::Message), Ok(()));
        }
        assert_eq!(traffic.admit(1, Call::Message), Err(1));
        assert_eq!(traffic.admit(1, Call::Reports(9)), Ok(()));
        assert_eq!(traffic.admit(2, Call::Message), Ok(()));
        // More than there can be counts as a burst.
        assert_eq!(traffic.admit(2, Call::Reports(100)), Ok(()));
        assert_eq!(traffic.admit(2, Call::Reports(100)), Err(5));
        let unlimited = GatewayTraffic::new(0);
        assert!((0..10_000).all(|_| unlimited.admit(1, Call::Message).is_ok()));
    }

    #[test]
    fn the_time_of_the_latest_message_is_noted_once() {
        let traffic = GatewayTraffic::new(1);
        let at = Timestamp::from_millis(7);
        assert_eq!(traffic.last_message_at(1), None);
        traffic.record_message(1, at);
        assert_eq!(traffic.last_message_at(1), Some(at));
        assert_eq!(traffic.take_unsaved(), [(1, at)]);
        assert_eq!(traffic.take_unsaved(), []);
        assert_eq!(traffic.last_message_at(1), Some(at));
    }
}
