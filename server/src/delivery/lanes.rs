//! When and through which gateway the next replies leave. Each gateway has slots of its own, so that none waits for
//! another; one that does not answer holds a single slot, and is tried less and less often. Pauses are kept in memory and
//! measured by the monotonic clock: a change of the time of day does not lengthen them, and they end at a restart.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::protocol::Id;

/// Replies that are on their way at the same time through a gateway that answers.
pub(super) const SLOTS: usize = 8;

/// After this many attempts in a row without an acceptance, the gateway does not answer. It is then tried with one reply
/// at a time.
pub(super) const BREAKS_AFTER: u32 = 3;

/// Pause after the first failure; doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Longest pause of one reply between two attempts.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Longest pause of a gateway that does not answer: when it is back, its replies leave within this time.
pub(super) const LONGEST_GATEWAY_PAUSE: Duration = Duration::from_secs(30);

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The gateway accepted the reply, or refused it for good.
    Answered,
    /// It did not accept the reply, which is sent again after this pause.
    Later(Duration),
}

/// What may leave now through one gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) gateway_id: Id,
    /// The most replies.
    pub(super) slots: usize,
    /// Only these conversations; `None`: all of them.
    pub(super) only: Option<Vec<Id>>,
    /// None of these conversations.
    pub(super) except: Vec<Id>,
}

/// The gateways that have replies.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<Id, Lane>,
    /// Conversations with a reply on its way, or one whose outcome is not written yet; and the gateway.
    busy: HashMap<Id, Id>,
    /// Gateways with a reply that waits for one of the same conversation, on its way through another gateway.
    held_up: HashSet<Id>,
}

/// One gateway.
#[derive(Debug, Default)]
struct Lane {
    /// Replies on their way, or whose outcome is not written yet.
    running: usize,
    /// Whether its last attempts were answered; `false` until the first one is.
    answers: bool,
    /// Attempts in a row that were not accepted.
    failures: u32,
    /// Nothing leaves before this moment.
    pause_ends: Option<Duration>,
    /// Conversations whose next reply is sent again at this moment. Only of a gateway that answers.
    paused: HashMap<Id, Duration>,
    /// Conversations with a reply that a person has sent again: the pauses do not apply to them.
    retried: HashSet<Id>,
    /// Whether the database may have a reply that can leave.
    look: bool,
}

impl Lanes {
    /// These gateways have replies that wait.
    pub(super) fn look_at(&mut self, gateways: impl IntoIterator<Item = Id>) {
        for id in gateways {
            self.lanes.entry(id).or_default().look = true;
        }
    }

    /// A person has sent a reply again: it is tried at once, but never beside another attempt of a gateway that does not
    /// answer.
    pub(super) fn retry(&mut self, gateway_id: Id, conversation_id: Id) {
        let lane = self.lanes.entry(gateway_id).or_default();
        lane.paused.remove(&conversation_id);
        lane.retried.insert(conversation_id);
        lane.look = true;
    }

    /// What to look for at this moment.
    pub(super) fn wanted(&mut self, now: Duration) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for (id, lane) in &mut self.lanes {
            lane.end_pauses(now);
            let slots = lane.free_slots();
            if slots == 0 {
                continue;
            }
            let retried = lane.retried.iter().filter(|id| !self.busy.contains_key(id));
            let retried: Vec<Id> = retried.copied().collect();
            if !lane.answers && !retried.is_empty() {
                wanted.push(Wanted {
                    gateway_id: *id,
                    slots,
                    only: Some(retried),
                    except: Vec::new(),
                });
            } else if lane.look && lane.pause_ends.is_none() {
                let busy = self.busy.iter().filter(|(_, gateway_id)| *gateway_id == id);
                let except = busy.map(|(id, _)| id).chain(lane.paused.keys()).copied().collect();
                wanted.push(Wanted { gateway_id: *id, slots, only: None, except });
            }
        }
        wanted
    }

    /// How many of the wanted replies were found.
    pub(super) fn found(&mut self, wanted: &Wanted, count: usize) {
        let Some(lane) = self.lanes.get_mut(&wanted.gateway_id) else { return };
        match &wanted.only {
            None => lane.look = count >= wanted.slots,
            // They are not there any more.
            Some(retried) if count == 0 => lane.retried.retain(|id| !retried.contains(id)),
            Some(_) => {}
        }
    }

    /// A reply leaves. Returns `false` where it must wait for another one of its conversation.
    pub(super) fn begin(&mut self, gateway_id: Id, conversation_id: Id) -> bool {
        if self.busy.contains_key(&conversation_id) {
            self.held_up.insert(gateway_id);
            return false;
        }
        self.busy.insert(conversation_id, gateway_id);
        let lane = self.lanes.entry(gateway_id).or_default();
        lane.running += 1;
        lane.retried.remove(&conversation_id);
        true
    }

    /// An attempt has ended and is written down.
    pub(super) fn end(
        &mut self,
        (gateway_id, conversation_id): (Id, Id),
        ending: Ending,
        now: Duration,
    ) {
        self.busy.remove(&conversation_id);
        let held_up = std::mem::take(&mut self.held_up);
        self.look_at(held_up);
        let lane = self.lanes.entry(gateway_id).or_default();
        lane.running = lane.running.saturating_sub(1);
        lane.look = true;
        match ending {
            Ending::Answered => {
                lane.answers = true;
                lane.failures = 0;
                lane.pause_ends = None;
                lane.retried.clear();
            }
            Ending::Later(pause) => {
                lane.failures = lane.failures.saturating_add(1);
                if lane.answers && lane.failures < BREAKS_AFTER {
                    lane.paused.insert(conversation_id, now + pause);
                } else {
                    lane.answers = false;
                    lane.paused.clear();
                    let pause = doubled(lane.failures - 1).min(LONGEST_GATEWAY_PAUSE);
                    lane.pause_ends = Some(now + pause);
                }
            }
        }
    }

    /// Gateways that do not answer.
    pub(super) fn silent(&self) -> Vec<Id> {
        let silent = self.lanes.iter().filter(|(_, lane)| !lane.answers && lane.failures > 0);
        silent.map(|(id, _)| *id).collect()
    }

    /// When the next pause ends.
    pub(super) fn next_end(&self) -> Option<Duration> {
        let lanes = self.lanes.values();
        lanes.flat_map(|lane| lane.pause_ends.iter().chain(lane.paused.values())).min().copied()
    }
}

impl Lane {
    const fn most_slots(&self) -> usize {
        if self.answers { SLOTS } else { 1 }
    }

    fn free_slots(&self) -> usize {
        self.most_slots().saturating_sub(self.running)
    }

    fn end_pauses(&mut self, now: Duration) {
        if self.pause_ends.is_some_and(|end| end <= now) {
            self.pause_ends = None;
            self.look = true;
        }
        let before = self.paused.len();
        self.paused.retain(|_, end| *end > now);
        self.look |= self.paused.len() < before;
    }
}

/// Pause of one reply after so many earlier failures: doubling, and between half and all of that by `chance` (0 to 1), so
/// that a gateway that comes back does not get everything at once.
pub(super) fn retry_pause(failures: u32, chance: f64) -> Duration {
    doubled(failures).mul_f64(0.5 + chance / 2.0)
}

fn doubled(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// How many replies may leave through a gateway now.
    fn slots(lanes: &mut Lanes, gateway_id: Id, now: Duration) -> usize {
        let wanted = lanes.wanted(now).into_iter().find(|wanted| wanted.gateway_id == gateway_id);
        wanted.map_or(0, |wanted| wanted.slots)
    }

    fn attempt(lanes: &mut Lanes, reply: (Id, Id), ending: Ending, now: Duration) {
        assert!(lanes.begin(reply.0, reply.1));
        lanes.end(reply, ending, now);
    }

    #[test]
    fn pauses_double_up_to_five_minutes() {
        for (failures, chance, millis) in [
            (0, 1.0, 1_000),
            (0, 0.0, 500),
            (3, 1.0, 8_000),
            (9, 1.0, 300_000),
            (u32::MAX, 1.0, 300_000),
        ] {
            assert_eq!(retry_pause(failures, chance), Duration::from_millis(millis));
        }
    }

    #[test]
    fn a_gateway_has_one_slot_until_it_answers_and_when_it_does_not_answer_any_more() {
        let mut lanes = Lanes::default();
        lanes.look_at([1, 2]);
        assert_eq!(slots(&mut lanes, 1, at(0)), 1);
        attempt(&mut lanes, (1, 10), Ending::Answered, at(0));
        assert_eq!(slots(&mut lanes, 1, at(0)), SLOTS);
        assert!(lanes.begin(1, 11));
        assert_eq!(slots(&mut lanes, 1, at(0)), SLOTS - 1);
        lanes.end((1, 11), Ending::Later(PAUSE), at(0));
        // Two failures are those of two replies, which wait; the third is the gateway's.
        assert_eq!(slots(&mut lanes, 1, at(0)), SLOTS);
        assert_eq!(lanes.wanted(at(0)).iter().find(|it| it.gateway_id == 1).unwrap().except, [11]);
        attempt(&mut lanes, (1, 12), Ending::Later(PAUSE), at(0));
        attempt(&mut lanes, (1, 13), Ending::Later(PAUSE), at(0));
        assert_eq!(slots(&mut lanes, 1, at(3)), 0);
        assert_eq!(lanes.silent(), [1]);
        assert_eq!(lanes.next_end(), Some(at(4)));
        assert_eq!(slots(&mut lanes, 1, at(4)), 1);
        assert_eq!(slots(&mut lanes, 2, at(4)), 1, "another gateway goes on");
        // Tried with one, and then at once with all.
        attempt(&mut lanes, (1, 13), Ending::Answered, at(4));
        assert_eq!(slots(&mut lanes, 1, at(4)), SLOTS);
        assert!(lanes.silent().is_empty());
    }

    #[test]
    fn a_gateway_that_never_answers_is_tried_every_half_minute() {
        let mut lanes = Lanes::default();
        lanes.look_at([1]);
        let (mut now, mut tried) = (at(0), Vec::new());
        while now < at(200) {
            if slots(&mut lanes, 1, now) > 0 {
                tried.push(now.as_secs());
                attempt(&mut lanes, (1, 10), Ending::Later(LONGEST_PAUSE), now);
            }
            now += at(1);
        }
        assert_eq!(tried, [0, 1, 3, 7, 15, 31, 61, 91, 121, 151, 181]);
    }

    #[test]
    fn a_reply_that_a_person_sends_again_is_tried_at_once_but_beside_no_other() {
        let mut lanes = Lanes::default();
        lanes.look_at([1]);
        let only = |wanted: Vec<Wanted>| wanted.into_iter().map(|it| (it.slots, it.only)).next();
        for _ in 0..3 {
            attempt(&mut lanes, (1, 10), Ending::Later(PAUSE), at(0));
        }
        assert_eq!(only(lanes.wanted(at(1))), None, "the gateway has a pause");
        lanes.retry(1, 11);
        let wanted = lanes.wanted(at(1));
        assert_eq!(only(wanted.clone()), Some((1, Some(vec![11]))));
        lanes.found(&wanted[0], 1);
        assert!(lanes.begin(1, 11));
        lanes.retry(1, 12);
        assert_eq!(only(lanes.wanted(at(1))), None, "an attempt is under way");
        lanes.end((1, 11), Ending::Later(PAUSE), at(2));
        let wanted = lanes.wanted(at(2));
        assert_eq!(only(wanted.clone()), Some((1, Some(vec![12]))));
        lanes.found(&wanted[0], 0);
        assert_eq!(only(lanes.wanted(at(2))), None, "there is no such reply any more");
        lanes.retry(1, 10);
        attempt(&mut lanes, (1, 10), Ending::Answered, at(2));
        assert_eq!(only(lanes.wanted(at(2))), Some((SLOTS, None)), "it answers, so all may leave");
        // The pause of one reply ends, too.
        attempt(&mut lanes, (1, 10), Ending::Later(PAUSE), at(2));
        assert_eq!(lanes.wanted(at(2))[0].except, [10]);
        lanes.retry(1, 10);
        assert!(lanes.wanted(at(2))[0].except.is_empty());
    }

    #[test]
    fn a_reply_that_is_refused_again_and_again_delays_no_other() {
        let mut lanes = Lanes::default();
        lanes.look_at([1]);
        for round in 0..50 {
            attempt(&mut lanes, (1, 10), Ending::Answered, at(round));
            attempt(&mut lanes, (1, 11), Ending::Later(LONGEST_PAUSE), at(round));
            assert_eq!(slots(&mut lanes, 1, at(round)), SLOTS);
        }
    }

    #[test]
    fn what_was_looked_for_in_vain_is_looked_for_again_when_something_has_happened() {
        let mut lanes = Lanes::default();
        lanes.look_at([1]);
        let wanted = lanes.wanted(at(0)).remove(0);
        lanes.found(&wanted, 0);
        assert!(lanes.wanted(at(0)).is_empty());
        lanes.look_at([1]);
        assert_eq!(lanes.wanted(at(0)), std::slice::from_ref(&wanted));
        lanes.found(&wanted, 1);
        assert_eq!(slots(&mut lanes, 1, at(0)), 1);
    }

    #[test]
    fn a_conversation_has_one_reply_on_its_way_whichever_gateway_it_leaves_through() {
        let mut lanes = Lanes::default();
        lanes.look_at([1, 2]);
        assert!(lanes.begin(1, 10));
        let wanted = Wanted { gateway_id: 2, slots: 1, only: None, except: vec![] };
        assert!(!lanes.begin(2, 10));
        lanes.found(&wanted, 0);
        assert_eq!(slots(&mut lanes, 2, at(0)), 0);
        lanes.end((1, 10), Ending::Answered, at(0));
        assert_eq!(slots(&mut lanes, 2, at(0)), 1);
        assert!(lanes.begin(2, 10));
    }
}
