//! How much one person has the server do at the same time: whatever one of them asks for, there is room
//! for the others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{http::Problem, hub::lock, protocol::Id};

/// Requests of one person that are worked on.
const WORKING: usize = 8;

/// Requests of one person that are worked on, or wait for that; one more is refused.
const IN_HAND: usize = 512;

/// Of those that are worked on, how many search.
const SEARCHING: usize = 1;

/// What everybody has in hand. There is one entry for each person, so their number is bounded.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<Id, Arc<Places>>>);

/// The places of one person.
#[derive(Debug)]
struct Places {
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
    /// Waits for this person's turn.
    ///
    /// # Errors
    /// `429` when too many of their requests wait.
    pub(crate) async fn take(&self, staff_id: Id) -> Result<Turn, Problem> {
        let places = Arc::clone(lock(&self.0).entry(staff_id).or_insert_with(|| {
            let places = |number| Arc::new(Semaphore::new(number));
            Arc::new(Places {
                in_hand: places(IN_HAND),
                working: places(WORKING),
                searching: places(SEARCHING),
            })
        }));
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
    async fn one_person_has_so_many_requests_worked_on_and_so_many_waiting() {
        let turns = Turns::default();
        let mut working = Vec::new();
        for _ in 0..WORKING {
            working.push(turns.take(1).now_or_never().unwrap().unwrap());
        }
        let mut waiting = Vec::new();
        for _ in WORKING..IN_HAND {
            let mut next = Box::pin(turns.take(1));
            assert!((&mut next).now_or_never().is_none());
            waiting.push(next);
        }
        let refused = turns.take(1).now_or_never().unwrap().unwrap_err();
        assert_eq!((refused.status, refused.code), (429, "too_many_requests"));
        // Nobody else waits for them.
        let other = turns.take(2).now_or_never().unwrap().unwrap();
        let searching = other.search().now_or_never().unwrap().unwrap();
        let another = turns.take(2).now_or_never().unwrap().unwrap();
        assert!(another.search().now_or_never().is_none());
        drop(searching);
        drop(another.search().now_or_never().unwrap().unwrap());
        // One ends: the first of those that wait has its turn.
        drop(working.pop());
        waiting.remove(0).await.unwrap();
        drop(waiting);
        drop(working);
        turns.take(1).now_or_never().unwrap().unwrap();
    }
}
