//! How much one person has the server do at the same time: whatever one of them asks for, there is room
//! for the others.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex},
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{http::Problem, hub::lock, protocol::Id};

/// Requests of one person that are worked on.
const WORKING: usize = 8;

/// Requests of one person that are worked on, or wait for that; one more is refused.
const IN_HAND: usize = 512;

/// Of those that are worked on, how many search.
const SEARCHING: usize = 1;

/// Requests of one person that may change something, per second over a longer time: each may leave an entry in
/// the audit log, which is never deleted.
const CHANGES_PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(5 - 1);

/// This many of them at once: an import, or a morning's arrivals.
const CHANGES_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(2_000 - 1);

/// What everybody has in hand. There is one entry for each person, so their number is bounded.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<Id, Arc<Places>>>);

/// The places of one person.
#[derive(Debug)]
struct Places {
    changes: DefaultDirectRateLimiter,
    in_hand: Arc<Semaphore>,
    working: Arc<Semaphore>,
    searching: Arc<Semaphore>,
}

/// A request that is worked on, until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _in_hand: OwnedSemaphorePermit,
    _working: OwnedSemaphorePermit,
    searching: Arc<Semaphore>,
}

impl Turns {
    /// Waits for this person's turn; `may_change`: the request is one that may change something.
    ///
    /// # Errors
    /// `429` when too many of their requests wait, or they have made too many requests that may change something.
    pub(crate) async fn take(&self, staff_id: Id, may_change: bool) -> Result<Turn, Problem> {
        let places = Arc::clone(lock(&self.0).entry(staff_id).or_insert_with(|| {
            let places = |number| Arc::new(Semaphore::new(number));
            let quota = Quota::per_second(CHANGES_PER_SECOND).allow_burst(CHANGES_AT_ONCE);
            Arc::new(Places {
                changes: RateLimiter::direct(quota),
                in_hand: places(IN_HAND),
                working: places(WORKING),
                searching: places(SEARCHING),
            })
        }));
        if may_change && places.changes.check().is_err() {
            return Err(Problem::too_many_requests());
        }
        let in_hand = Arc::clone(&places.in_hand).try_acquire_owned();
        let in_hand = in_hand.map_err(|_| Problem::too_many_requests())?;
        let working = Arc::clone(&places.working).acquire_owned().await;
        let working = working.map_err(|_| Problem::unavailable())?;
        let searching = Arc::clone(&places.searching);
        Ok(Turn { _in_hand: in_hand, _working: working, searching })
    }
}

impl Turn {
    /// Waits until this person searches for nothing else: a search may walk all of a property's guests.
    ///
    /// # Errors
    /// None while the server runs.
    pub(crate) async fn search(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = Arc::clone(&self.searching).acquire_owned().await;
        place.map_err(|_| Problem::unavailable())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_person_changes_only_so_much() {
        let turns = Turns::default();
        let mut changes = 0;
        for _ in 0..10_000 {
            changes += u32::from(turns.take(1, true).await.is_ok());
        }
        // The test takes less than ten seconds.
        assert!((2_000..2_050).contains(&changes), "{changes}");
        turns.take(1, false).await.unwrap();
        turns.take(2, true).await.unwrap();
    }

    #[tokio::test]
    async fn one_person_has_so_many_requests_worked_on_and_so_many_waiting() {
        let turns = Turns::default();
        let mut working = Vec::new();
        for _ in 0..WORKING {
            working.push(turns.take(1, false).now_or_never().unwrap().unwrap());
        }
        let mut waiting = Vec::new();
        for _ in WORKING..IN_HAND {
            let mut next = Box::pin(turns.take(1, false));
            assert!((&mut next).now_or_never().is_none());
            waiting.push(next);
        }
        let refused = turns.take(1, false).now_or_never().unwrap().unwrap_err();
        assert_eq!((refused.status, refused.code), (429, "too_many_requests"));
        // Nobody else waits for them.
        let other = turns.take(2, false).now_or_never().unwrap().unwrap();
        let searching = other.search().now_or_never().unwrap().unwrap();
        let another = turns.take(2, false).now_or_never().unwrap().unwrap();
        assert!(another.search().now_or_never().is_none());
        drop(searching);
        drop(another.search().now_or_never().unwrap().unwrap());
        // One ends: the first of those that wait has its turn.
        drop(working.pop());
        waiting.remove(0).await.unwrap();
        drop(waiting);
        drop(working);
        turns.take(1, false).now_or_never().unwrap().unwrap();
    }
}
