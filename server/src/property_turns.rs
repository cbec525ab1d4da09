//! A bounded amount of work at once, for which properties take turns: however much one of them wants done, the next
//! piece of work of another one waits for the pieces that are under way, and for one of each property before it.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use tokio::sync::oneshot;

use crate::{hub::lock, protocol::Id};

/// Work that is under way, and work that waits.
#[derive(Clone, Debug)]
pub(crate) struct PropertyTurns(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// How much work there may be at once.
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How much more work there may be now.
    free: usize,
    /// There is an entry for each property that waits. A connection waits once at most, so this is bounded by their
    /// number.
    waiting: HashMap<Id, VecDeque<Waiting>>,
    /// The properties that wait; the first one has the next turn.
    order: VecDeque<Id>,
}

#[derive(Debug)]
struct Waiting {
    weight: usize,
    granted: oneshot::Sender<Turn>,
}

/// A piece of work that may be done, until this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: PropertyTurns,
    weight: usize,
}

impl PropertyTurns {
    /// Turns for so much work at once.
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State { free: capacity, waiting: HashMap::new(), order: VecDeque::new() };
        Self(Arc::new(Shared { capacity, state: Mutex::new(state) }))
    }

    /// Waits for this property's turn to do a piece of work. A weight above the capacity counts as the capacity.
    /// Returns `None` only if the server ends.
    pub(crate) async fn take(&self, property_id: Id, weight: usize) -> Option<Turn> {
        let weight = weight.min(self.0.capacity);
        let granted = {
            let mut state = lock(&self.0.state);
            if state.order.is_empty() && state.free >= weight {
                state.free -= weight;
                return Some(self.turn(weight));
            }
            let (granted, turn) = oneshot::channel();
            let waiting = state.waiting.entry(property_id).or_default();
            waiting.push_back(Waiting { weight, granted });
            if waiting.len() == 1 {
                state.order.push_back(property_id);
            }
            turn
        };
        granted.await.ok()
    }

    fn turn(&self, weight: usize) -> Turn {
        Turn { turns: self.clone(), weight }
    }

    /// Ends a piece of work, and begins those that fit now.
    fn give_back(&self, weight: usize) {
        lock(&self.0.state).free += weight;
        loop {
            // The lock is released before a turn is granted: if its waiter has gone, the turn is given back at once.
            let next = lock(&self.0.state).next();
            let Some(next) = next else { return };
            drop(next.granted.send(self.turn(next.weight)));
        }
    }
}

impl State {
    /// The next piece of work, if it fits.
    fn next(&mut self) -> Option<Waiting> {
        loop {
            let property_id = *self.order.front()?;
            let Some(waiting) = self.waiting.get_mut(&property_id) else {
                self.order.pop_front();
                continue;
            };
            while waiting.front().is_some_and(|first| first.granted.is_closed()) {
                waiting.pop_front();
            }
            if waiting.front().is_some_and(|first| first.weight > self.free) {
                return None;
            }
            let next = waiting.pop_front();
            let is_last = waiting.is_empty();
            self.order.pop_front();
            if is_last {
                self.waiting.remove(&property_id);
            } else {
                self.order.push_back(property_id);
            }
            if let Some(next) = next {
                self.free -= next.weight;
                return Some(next);
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.give_back(self.weight);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use futures_util::FutureExt;

    use super::*;

    type Coming = Pin<Box<dyn Future<Output = Option<Turn>>>>;

    fn wait(turns: &PropertyTurns, property_id: Id, weight: usize) -> Coming {
        let turns = turns.clone();
        let mut coming: Coming = Box::pin(async move { turns.take(property_id, weight).await });
        assert!((&mut coming).now_or_never().is_none(), "it need not wait");
        coming
    }

    fn granted(coming: &mut Coming) -> Option<Turn> {
        coming.now_or_never().flatten()
    }

    #[test]
    fn properties_take_turns_however_many_wait_of_one_of_them() {
        let turns = PropertyTurns::new(1);
        let mut turn = turns.take(1, 1).now_or_never().flatten();
        let mut many: Vec<_> = (0..100).map(|_| wait(&turns, 1, 1)).collect();
        let (second, third) = (wait(&turns, 2, 1), wait(&turns, 3, 1));
        for mut next in [many.remove(0), second, third, many.remove(0)] {
            assert!(granted(&mut next).is_none());
            drop(turn);
            turn = granted(&mut next);
            assert!(turn.is_some());
        }
        drop(many.drain(..50));
        drop(turn);
        assert!(granted(&mut many[0]).is_some(), "a waiter that has gone delays nobody");
    }

    #[test]
    fn heavy_work_fits_when_enough_has_ended_and_is_not_overtaken() {
        let turns = PropertyTurns::new(10);
        let light: Vec<_> =
            (0..10).map(|_| turns.take(1, 1).now_or_never().flatten().unwrap()).collect();
        // More than there can be is as much as there can be.
        let mut heavy = wait(&turns, 2, 50);
        let mut after = wait(&turns, 1, 1);
        for (ended, turn) in light.into_iter().enumerate() {
            assert!(granted(&mut heavy).is_none(), "after {ended}");
            assert!(granted(&mut after).is_none(), "after {ended}");
            drop(turn);
        }
        let heavy = granted(&mut heavy);
        assert!(heavy.is_some() && granted(&mut after).is_none());
        drop(heavy);
        assert!(granted(&mut after).is_some());
    }
}
