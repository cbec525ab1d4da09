//! The hub without sockets: queues are read by hand.

use std::{collections::BTreeMap, time::Duration};

use futures_util::FutureExt as _;

use super::{backlog::PROPERTY_BACKLOG_MAX_BYTES, queue::QUEUE_MAX_BYTES, *};
use crate::{
    chat::{Department, Event, EventKind, Gone},
    protocol::{
        CloseCode, ClosedConversation, ConversationStatus, PropertyInfo, RESUME_MAX_CONVERSATIONS,
        Resume, Transferred, UserType,
    },
};

const CONVERSATION: Id = 7;
const NOW: Timestamp = Timestamp::from_millis(1_760_000_000_000);

fn hub() -> Arc<Hub> {
    Arc::new(Hub::new(vec![(1, 0, 0)], Duration::ZERO, 0))
}

fn join(hub: &Arc<Hub>, id: Id) -> Arc<Connection> {
    join_in(hub, id, &[1])
}

/// Somebody of these departments.
fn join_in(hub: &Arc<Hub>, id: Id, departments: &[Id]) -> Arc<Connection> {
    let department = |id: &Id| Department { id: *id, slug: format!("department{id}") };
    let staff = Staff {
        id,
        username: format!("staff{id}"),
        name: format!("Staff {id}"),
        user_type: UserType::DepartmentStaff,
        is_admin: false,
        departments: departments.iter().map(department).collect(),
        property: PropertyInfo {
            id: 1,
            name: "Hotel".to_owned(),
            time_zone: "UTC".to_owned(),
            country: None,
        },
        needs_second_factor: false,
    };
    let session = (id, Timestamp::from_millis(i64::MAX));
    hub.join(Arc::new(staff), session, hub.account_changes()).unwrap()
}

fn closed(seq: i64) -> Event {
    Event {
        seq,
        property_id: 1,
        conversation_id: CONVERSATION,
        department_id: 1,
        at: NOW,
        kind: EventKind::Closed(ClosedConversation {
            id: CONVERSATION,
            guest_name: "Amelia Hart".to_owned(),
            department: "reception".to_owned(),
            status: ConversationStatus::Closed.into(),
            updated_at: NOW,
            erased: None,
            room_number: None,
            line: None,
            waiting_since: None,
        }),
    }
}

/// Department 1 gives the conversation to department 2.
fn transferred(seq: i64) -> Event {
    let data = Transferred {
        id: CONVERSATION,
        guest_name: "Amelia Hart".to_owned(),
        department: "department2".to_owned(),
        from_department: "department1".to_owned(),
        status: ConversationStatus::Active.into(),
        updated_at: NOW,
        line: None,
        waiting_since: Some(None),
    };
    Event { kind: EventKind::Transferred { data, to_department_id: 2 }, ..closed(seq) }
}

/// The `seq` (or else the status) of every frame that waits, and whether a replay was asked for.
fn waiting(connection: &Connection) -> Vec<String> {
    let frames = connection.queue.take().0;
    frames
        .into_iter()
        .filter_map(|each| match each {
            Outgoing::Replay(replay) => Some(format!("replay after {}", replay.after_seq)),
            Outgoing::Live => Some("live".to_owned()),
            Outgoing::Subscription { acknowledgment, .. } => {
                let frame: serde_json::Value = serde_json::from_str(&acknowledgment).unwrap();
                Some(frame["status"].as_str().unwrap().to_owned())
            }
            Outgoing::Frame(frame) => {
                let frame: serde_json::Value = serde_json::from_str(&frame).unwrap();
                let seen = frame.get("status").or_else(|| frame.get("seq"));
                seen.map(|seen| seen.as_str().map_or_else(|| seen.to_string(), str::to_owned))
            }
        })
        .collect()
}

/// The replay of the connection's `resume` of this number, told up to this event.
fn replay(resume: u64, after_seq: i64) -> Replay {
    let begun = resume::Begun { told_after: 0, stands_after: 0 };
    Replay { after_seq, subscriptions: BTreeMap::new(), begun, denied: vec![], resume }
}

#[test]
fn an_event_told_while_a_replay_ends_is_neither_lost_nor_doubled() {
    let (hub, mut waking) = (hub(), Waking::default());
    let connection = join(&hub, 1);
    hub.publish(&closed(1), &mut waking);
    hub.publish(&closed(2), &mut waking);
    waiting(&connection);

    let resume = Resume {
        epoch: Some("k3f".to_owned()),
        last_seq: Some(1),
        conversation_ids: vec![CONVERSATION],
    };
    hub.resume(&connection, "k3f", &resume, &[CONVERSATION], vec![], NOW).unwrap();
    assert_eq!(waiting(&connection), ["resuming", "replay after 1"]);
    assert_eq!(hub.published_seq(&connection), 2);

    // The task has told everything up to 2. Before it can say so, 3 is told.
    hub.publish(&closed(3), &mut waking);
    assert!(waiting(&connection).is_empty(), "3 belongs to the replay");
    assert!(!hub.go_live(&connection, "k3f", &replay(1, 2), NOW), "3 is missing");
    assert_eq!(hub.published_seq(&connection), 3);

    assert!(hub.go_live(&connection, "k3f", &replay(1, 3), NOW));
    hub.publish(&closed(4), &mut waking);
    assert_eq!(waiting(&connection), ["resumed", "4"]);
}

#[test]
fn a_replay_whose_events_are_forgotten_meanwhile_ends_in_a_resync() {
    let (hub, mut waking) = (hub(), Waking::default());
    let connection = join(&hub, 1);
    hub.publish(&closed(1), &mut waking);
    hub.publish(&closed(2), &mut waking);
    waiting(&connection);
    let resume =
        Resume { epoch: Some("k3f".to_owned()), last_seq: Some(1), conversation_ids: vec![] };
    hub.resume(&connection, "k3f", &resume, &[CONVERSATION], vec![], NOW).unwrap();
    waiting(&connection);

    hub.apply(&Effect::Pruned { property_id: 1, seq: 2 });
    assert!(hub.resync(&connection, "k3f", &replay(1, 1), NOW));
    hub.publish(&closed(3), &mut waking);
    assert_eq!(waiting(&connection), ["resync_required", "3"]);
}

#[test]
fn that_a_conversation_is_gone_belongs_to_a_replay_as_every_event_does() {
    let (hub, mut waking) = (hub(), Waking::default());
    let (replaying, live) = (join(&hub, 1), join(&hub, 2));
    hub.publish(&closed(1), &mut waking);
    hub.publish(&closed(2), &mut waking);
    let resume =
        Resume { epoch: Some("k3f".to_owned()), last_seq: Some(1), conversation_ids: vec![] };
    hub.resume(&replaying, "k3f", &resume, &[CONVERSATION], vec![], NOW).unwrap();
    waiting(&replaying);
    waiting(&live);

    let gone =
        Gone { id: CONVERSATION, department_id: 1, department: "reception".to_owned(), seq: 3 };
    hub.apply(&Effect::Erased { property_id: 1, gone: vec![gone], at: NOW });
    assert_eq!(waiting(&live), ["3"]);
    assert!(waiting(&replaying).is_empty(), "it is not live yet");
    assert!(lock(&replaying.subscriptions).is_empty(), "its subscription has ended");
    assert!(!hub.go_live(&replaying, "k3f", &replay(1, 2), NOW), "3 is missing");
    assert!(hub.go_live(&replaying, "k3f", &replay(1, 3), NOW));
    hub.publish(&closed(4), &mut waking);
    assert_eq!(waiting(&replaying), ["resumed", "4"]);
}

#[test]
fn a_replay_that_a_later_resume_replaced_ends_nothing() {
    let (hub, mut waking) = (hub(), Waking::default());
    let connection = join(&hub, 1);
    hub.publish(&closed(1), &mut waking);
    waiting(&connection);
    let resume = |last_seq| {
        let epoch = Some("k3f".to_owned());
        let resume = Resume { epoch, last_seq, conversation_ids: vec![] };
        hub.resume(&connection, "k3f", &resume, &[], vec![], NOW).unwrap();
    };
    let ends = |replay: &Replay| {
        [hub.go_live(&connection, "k3f", replay, NOW), hub.resync(&connection, "k3f", replay, NOW)]
    };
    resume(Some(0));
    waiting(&connection);
    // The task has told all of it. Before it can say so, another resume comes.
    resume(Some(0));
    assert_eq!(ends(&replay(1, 1)), [false, false]);
    hub.publish(&closed(2), &mut waking);
    assert_eq!(waiting(&connection), ["resuming", "live", "replay after 0"]);
    // And one that asks for no past events.
    resume(None);
    assert_eq!(ends(&replay(2, 2)), [false, false]);
    hub.publish(&closed(3), &mut waking);
    assert_eq!(waiting(&connection), ["resuming", "live", "resumed", "3"]);
}

#[test]
fn a_replay_tells_as_to_a_subscriber_what_the_client_has_been_told_it_is_subscribed_to() {
    let (hub, mut waking) = (hub(), Waking::default());
    let connection = join(&hub, 1);
    hub.publish(&closed(1), &mut waking);
    let resume =
        Resume { epoch: Some("k3f".to_owned()), last_seq: Some(0), conversation_ids: vec![] };
    hub.resume(&connection, "k3f", &resume, &[CONVERSATION], vec![], NOW).unwrap();
    // Handed away while the replay runs: the hub knows at once, the client when it is told.
    hub.publish(&transferred(2), &mut waking);
    assert!(lock(&connection.subscriptions).is_empty());
    let (outgoing, _) = connection.queue.take();
    let replay = outgoing.into_iter().find_map(|each| match each {
        Outgoing::Replay(replay) => Some(replay),
        _ => None,
    });
    let mut replay = replay.unwrap();
    let mut follows = |seq, event: Event| {
        assert_eq!(event.seq, seq);
        let told = replay.tell(&event, &connection.staff).is_some();
        (told, replay.subscriptions.contains_key(&CONVERSATION))
    };
    assert_eq!(follows(1, closed(1)), (true, true));
    assert_eq!(follows(2, transferred(2)), (true, false));
    let elsewhere = Event { department_id: 2, ..closed(3) };
    assert_eq!(follows(3, elsewhere), (false, false), "it is another department's now");
    // A transfer from before the subscription is history, and so is what others said until then.
    replay.subscription(CONVERSATION, Some(4));
    let elsewhere = |seq| Event { department_id: 2, ..closed(seq) };
    assert!(replay.tell(&elsewhere(4), &connection.staff).is_none());
    assert!(replay.tell(&transferred(4), &connection.staff).is_some());
    assert!(replay.subscriptions.contains_key(&CONVERSATION));
    assert!(replay.tell(&elsewhere(5), &connection.staff).is_some());
    replay.tell(&transferred(6), &connection.staff);
    assert!(!replay.subscriptions.contains_key(&CONVERSATION));
}

#[test]
fn a_transfer_from_before_the_client_asked_leaves_what_it_named_subscribed() {
    let connection = join(&hub(), 1);
    let begun = resume::Begun { told_after: 1, stands_after: 3 };
    let subscriptions = BTreeMap::from([(CONVERSATION, 1)]);
    let mut replay = Replay { subscriptions, begun, ..replay(1, 1) };
    // It was handed away and came back before the client asked.
    for (transfer, stays) in
        [(transferred(2), true), (transferred(3), true), (transferred(4), false)]
    {
        assert!(replay.tell(&transfer, &connection.staff).is_some());
        let is_subscribed = replay.subscriptions.contains_key(&CONVERSATION);
        assert_eq!(is_subscribed, stays, "{}", transfer.seq);
    }
}

#[tokio::test]
async fn whoever_changes_departments_is_gone_for_those_they_left_and_here_for_the_others() {
    let hub = hub();
    let (left, kept) = (join_in(&hub, 1, &[1]), join_in(&hub, 2, &[1, 2]));
    let came_to = join_in(&hub, 3, &[2]);
    let fox = join_in(&hub, 4, &[1]);
    hub.leave(&fox);
    for each in [&left, &kept, &came_to] {
        each.queue.take();
    }
    join_in(&hub, 4, &[2]);
    let said = |connection: &Connection| {
        let (outgoing, _) = connection.queue.take();
        outgoing
            .into_iter()
            .map(|each| match each {
                Outgoing::Frame(frame) => {
                    let frame: serde_json::Value = serde_json::from_str(&frame).unwrap();
                    frame["data"]["type"].as_str().unwrap().to_owned()
                }
                other => panic!("{other:?}"),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(said(&left), ["user_disconnected"]);
    assert!(said(&kept).is_empty(), "they still share a department");
    assert_eq!(said(&came_to), ["user_connected"]);
}

#[test]
fn receivers_are_woken_a_few_at_a_time_and_once_for_all_that_waits() {
    const RECEIVERS: usize = 40;
    let (hub, mut waking) = (hub(), Waking::default());
    let connections: Vec<_> = (0..).take(RECEIVERS).map(|id| join(&hub, id)).collect();
    let is_awake = |connection: &Connection| connection.queue.ready().now_or_never().is_some();
    for connection in &connections {
        // Colleagues who came: read, so that only what follows counts.
        is_awake(connection);
        connection.queue.take();
    }
    hub.publish(&closed(1), &mut waking);
    assert!(!connections.iter().any(|each| is_awake(each)), "woken too early");
    waking.wake_some();
    assert_eq!(connections.iter().filter(|each| is_awake(each)).count(), 16);

    hub.publish(&closed(2), &mut waking);
    let mut woken = 0;
    while !waking.is_empty() {
        waking.wake_some();
        woken += connections.iter().filter(|each| is_awake(each)).count();
    }
    // Those still asleep once, for both events; those already woken again, for the second.
    assert_eq!(woken, RECEIVERS);
    assert!(connections.iter().all(|each| waiting(each) == ["1", "2"]));
}

#[test]
fn only_a_change_of_accounts_has_those_who_are_coming_in_checked_again() {
    let hub = hub();
    let checked = hub.account_changes();
    hub.apply(&Effect::Pruned { property_id: 1, seq: 0 });
    assert_eq!(hub.account_changes(), checked);
    hub.apply(&Effect::EndStaff(7));
    assert_ne!(hub.account_changes(), checked);
}

#[test]
fn a_connection_has_so_many_subscriptions_and_one_more_is_refused() {
    let hub = hub();
    let connection = join(&hub, 1);
    let most: Vec<Id> = (1..).take(RESUME_MAX_CONVERSATIONS).collect();
    let one_more = RESUME_MAX_CONVERSATIONS as Id + 1;
    let resume = |named: &[Id]| {
        let resume = Resume { epoch: None, last_seq: None, conversation_ids: named.to_vec() };
        hub.resume(&connection, "k3f", &resume, named, vec![], NOW)
    };
    let subscribed = || lock(&connection.subscriptions).iter().copied().collect::<Vec<_>>();
    resume(&most).unwrap();
    waiting(&connection);
    assert_eq!(resume(&[1, one_more]), Err(CommandError::InvalidField("conversation_ids")));
    assert!(waiting(&connection).is_empty(), "a refused resume has begun");
    assert_eq!(
        hub.subscribe(&connection, one_more, NOW),
        Err(CommandError::InvalidField("conversation_id"))
    );
    assert_eq!(subscribed(), most);
    // What it has already is no more; what it gives up makes room.
    resume(&most).unwrap();
    hub.subscribe(&connection, 1, NOW).unwrap();
    hub.unsubscribe(&connection, 1, NOW);
    hub.subscribe(&connection, one_more, NOW).unwrap();
    assert_eq!(subscribed().len(), RESUME_MAX_CONVERSATIONS);
    assert!(subscribed().contains(&one_more));
}

/// Bytes of the queues' shared memory that the property's connections use.
fn borrowed(hub: &Hub) -> usize {
    lock(&hub.properties)[&1].backlog.load(Ordering::Relaxed)
}

#[test]
fn a_connection_has_one_replay_and_a_later_one_takes_its_place() {
    let (hub, mut waking) = (hub(), Waking::default());
    let connection = join(&hub, 1);
    hub.publish(&closed(1), &mut waking);
    connection.queue.take();
    connection.queue.written();
    let named: Vec<Id> = (1..).take(RESUME_MAX_CONVERSATIONS).collect();
    let resume =
        Resume { epoch: Some("k3f".to_owned()), last_seq: Some(0), conversation_ids: vec![] };
    let mut sizes = Vec::new();
    for _ in 0..100 {
        hub.resume(&connection, "k3f", &resume, &named, vec![], NOW).unwrap();
        sizes.push(borrowed(&hub));
    }
    // The first counts with its size, and the others add their acknowledgments only.
    assert!(sizes[0] > RESUME_MAX_CONVERSATIONS * 24, "{sizes:?}");
    assert!(sizes[99] < sizes[0] + 100 * 500, "{sizes:?}");
    let replays = |outgoing: &std::collections::VecDeque<Outgoing>| {
        outgoing.iter().filter(|each| matches!(each, Outgoing::Replay(_))).count()
    };
    let (outgoing, closing) = connection.queue.take();
    assert_eq!((replays(&outgoing), closing), (1, None));
    assert_eq!(borrowed(&hub), sizes[99], "what is being written counts");
    connection.queue.written();
    assert_eq!(borrowed(&hub), 0);
    // One without past events ends it, too.
    hub.resume(&connection, "k3f", &resume, &named, vec![], NOW).unwrap();
    let none = Resume { last_seq: None, ..resume };
    hub.resume(&connection, "k3f", &none, &[], vec![], NOW).unwrap();
    assert_eq!(replays(&connection.queue.take().0), 0);
}

#[tokio::test]
async fn slow_readers_of_one_property_share_so_much_memory_and_a_queue_that_ends_gives_it_back() {
    let hub = hub();
    let text = "x".repeat(16 * 1024);
    let slow: Vec<_> = (0..20).map(|id| join_in(&hub, id, &[id])).collect();
    // Each a bit less than what makes a queue full by itself; the last ones find no memory.
    let each = QUEUE_MAX_BYTES / text.len() - 10;
    for connection in &slow {
        for _ in 0..each {
            connection.queue.push(Outgoing::Frame(text.clone().into()));
        }
    }
    let used = borrowed(&hub);
    let most = PROPERTY_BACKLOG_MAX_BYTES;
    assert!(used <= most && used > most - QUEUE_MAX_BYTES, "{used}");
    // There is no more memory: a reader that needs more is disconnected, and one that keeps up is not.
    let (greedy, quick) = (join_in(&hub, 30, &[30]), join_in(&hub, 31, &[31]));
    for _ in 0..400 {
        greedy.queue.push(Outgoing::Frame(text.clone().into()));
        quick.queue.push(Outgoing::Frame(text.clone().into()));
        quick.queue.take();
        quick.queue.written();
    }
    assert_eq!(greedy.queue.take().1, Some(CloseCode::TooSlow));
    assert_eq!(quick.queue.take().1, None);
    for each in &slow {
        hub.leave(each);
    }
    drop((slow, greedy));
    assert_eq!(borrowed(&hub), 0);
}

#[test]
fn a_person_has_so_many_connections() {
    let hub = Arc::new(Hub::new(vec![(1, 0, 0)], Duration::ZERO, 2));
    let staff = Arc::clone(&join(&hub, 1).staff);
    let session = (1, Timestamp::from_millis(i64::MAX));
    let again = || hub.join(Arc::clone(&staff), session, hub.account_changes());
    let second = again().unwrap();
    assert_eq!(again().unwrap_err(), NotJoined::TooMany);
    join(&hub, 2);
    hub.leave(&second);
    again().unwrap();
}
