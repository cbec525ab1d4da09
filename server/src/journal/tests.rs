//! The journal on a real database file, without sockets.

use std::{sync::Arc, time::Duration};

use sqlx::{Connection as _, SqliteConnection};

use super::*;
use crate::{
    app::{App, Holder},
    chat::{Action, Creation, GuestKey, GuestMessage, GuestSelector, Staff, Stored},
    clock::Clock,
    config::Config,
    hub::Outgoing,
    protocol::{Frame, Id, Timestamp, UserType},
    store::{DATABASE_FILE, departments, guests, staff},
};

struct House {
    app: App,
    directory: tempfile::TempDir,
    property_id: Id,
    guest_id: Id,
}

impl House {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let app = open(directory.path()).await;
        let now = app.clock.now();
        let (property_id, guest_id) = app
            .journal
            .write(move |writer| {
                Box::pin(async move {
                    let property = departments::create_property(writer, "Hotel", now).await?;
                    let data = guests::GuestData {
                        name: Some("Amelia Hart".to_owned()),
                        ..Default::default()
                    };
                    let guest = guests::create(writer, property, &data, now).await?.unwrap();
                    guests::check_in(writer, (property, guest), "204", None, now).await?;
                    Ok::<_, StoreError>(Written::quiet((property, guest)))
                })
            })
            .await
            .unwrap();
        Self { app, directory, property_id, guest_id }
    }

    async fn hire(&self, username: &str, slugs: &[&str]) -> Arc<Staff> {
        let new = staff::NewStaff {
            property_id: self.property_id,
            username: username.to_owned(),
            name: username.to_uppercase(),
            password_hash: "none".to_owned(),
            user_type: UserType::DepartmentStaff,
            is_admin: false,
            departments: slugs.iter().map(|slug| (*slug).to_owned()).collect(),
        };
        let now = self.app.clock.now();
        let id = self
            .app
            .journal
            .write(move |writer| {
                Box::pin(async move { staff::create(writer, &new, now).await.map(Written::quiet) })
            })
            .await
            .unwrap();
        Arc::new(staff::by_id(&self.app.store, self.property_id, id).await.unwrap().unwrap().staff)
    }

    fn connect(&self, staff: &Arc<Staff>) -> Arc<Connection> {
        let hub = &self.app.hub;
        let session = (1, Timestamp::from_millis(i64::MAX));
        hub.join(Arc::clone(staff), session, hub.account_changes()).unwrap()
    }

    fn creation(&self, staff: &Staff, department: &str) -> Creation {
        Creation {
            staff: staff.id,
            property_id: self.property_id,
            guest: GuestSelector::Id(self.guest_id),
            department: department.to_owned(),
            conversation_type: "general".to_owned(),
            content: None,
            client_id: None,
        }
    }

    async fn create(&self, staff: &Staff, department: &str) -> Result<Id, Refused> {
        let change = Change::Create(self.creation(staff, department));
        match self.app.journal.submit(change).await? {
            Answer::Conversation { id, .. } => Ok(id),
            other => panic!("{other:?}"),
        }
    }

    fn guest_message(&self, external_id: &str, content: &str) -> Change {
        Change::GuestMessage(GuestMessage {
            property_id: self.property_id,
            gateway_id: 1,
            external_id: external_id.to_owned(),
            address: "+44 7700 900123".to_owned(),
            guest: GuestKey::WhatsappNumber("4915112345678".to_owned()),
            name: Some("Kai".to_owned()),
            room_number: Some("118".to_owned()),
            department: "reception".to_owned(),
            content: content.to_owned(),
        })
    }

    /// Runs SQL from outside, as a fault would.
    async fn meddle(&self, sql: &'static str) {
        let file = self.directory.path().join(DATABASE_FILE);
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut outside = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut outside).await.unwrap();
        outside.close().await.unwrap();
    }
}

async fn open(directory: &std::path::Path) -> App {
    let mut config = Config::new(directory);
    config.clock = Clock::System;
    config.presence_grace = Duration::ZERO;
    App::open(config, Holder::Server).await.unwrap()
}

fn text(staff: &Staff, conversation_id: Id, content: &str, client_id: &str) -> Change {
    let (content, client_id) = (content.to_owned(), Some(client_id.to_owned()));
    of(staff, conversation_id, Action::Text { content, client_id })
}

fn of(staff: &Staff, conversation_id: Id, action: Action) -> Change {
    Change::Conversation { staff: staff.id, conversation_id, action }
}

fn frames(connection: &Connection) -> Vec<Frame> {
    let (outgoing, _) = connection.queue.take();
    outgoing
        .into_iter()
        .map(|each| match each {
            Outgoing::Frame(frame) => serde_json::from_str(frame.as_str()).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn a_failed_commit_stores_and_tells_nothing_and_the_server_goes_on() {
    let house = House::open().await;
    let ana = house.hire("ana", &["reception"]).await;
    let conversation = house.create(&ana, "reception").await.unwrap();
    let witness = house.connect(&ana);

    house.meddle("alter table event rename to hidden").await;
    let refused = house.app.journal.submit(text(&ana, conversation, "lost?", "a")).await;
    assert_eq!(refused.unwrap_err(), Refused::Command(CommandError::Unavailable));
    assert!(!house.app.journal.is_healthy());
    assert_eq!(frames(&witness), []);

    house.meddle("alter table hidden rename to event").await;
    let stored = house.app.journal.submit(text(&ana, conversation, "lost?", "a")).await.unwrap();
    assert!(matches!(stored, Answer::Stored(Stored { duplicate: false, .. })), "{stored:?}");
    assert!(house.app.journal.is_healthy());
    assert_eq!(frames(&witness).len(), 1);
}

#[tokio::test]
async fn many_at_once_keep_one_order_and_survive_a_restart() {
    let house = House::open().await;
    let ana = house.hire("ana", &["reception"]).await;
    let conversation = house.create(&ana, "reception").await.unwrap();
    let witness = house.connect(&ana);
    let sends = (0..500).map(|number| {
        house.app.journal.submit(text(&ana, conversation, "towels", &format!("c{number}")))
    });
    let stored = futures_util::future::join_all(sends).await;
    let mut acknowledged: Vec<Id> = stored
        .into_iter()
        .map(|answer| match answer {
            Ok(Answer::Stored(Stored { message_id, duplicate: false, .. })) => message_id,
            other => panic!("{other:?}"),
        })
        .collect();
    let told: Vec<Id> = frames(&witness)
        .into_iter()
        .map(|frame| match frame {
            Frame::ConversationUpdate {
                data: crate::protocol::ConversationUpdate::NewMessage(new),
                ..
            } => new.message_id.unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(told.is_sorted());
    acknowledged.sort_unstable();
    assert_eq!(told, acknowledged);

    let directory = house.directory;
    house.app.close().await;
    drop(house.app);
    let again = open(directory.path()).await;
    let repeated = again.journal.submit(text(&ana, conversation, "towels", "c0")).await.unwrap();
    assert!(matches!(repeated, Answer::Stored(Stored { duplicate: true, .. })), "{repeated:?}");
    let fresh = again.journal.submit(text(&ana, conversation, "towels", "new")).await.unwrap();
    assert!(matches!(
        fresh,
        Answer::Stored(Stored { message_id, .. }) if Some(&message_id) > told.last()
    ));
}

#[tokio::test]
async fn a_creation_is_known_within_the_transaction_that_stores_it() {
    let house = House::open().await;
    let ana = house.hire("ana", &["reception"]).await;
    // All at once: they share a transaction.
    let sends = ["Welcome", "Welcome", "Goodbye"].map(|content| {
        house.app.journal.submit(Change::Create(Creation {
            content: Some(content.to_owned()),
            client_id: Some("n1".to_owned()),
            ..house.creation(&ana, "reception")
        }))
    });
    let outcomes = futures_util::future::join_all(sends).await;
    assert!(
        matches!(
            outcomes.as_slice(),
            [
                Ok(Answer::Conversation { id: 1, created: true }),
                Ok(Answer::Conversation { id: 1, created: false }),
                Err(Refused::Command(CommandError::ClientIdReused)),
            ]
        ),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn a_transfer_takes_the_place_only_if_it_is_free() {
    let house = House::open().await;
    let ana = house.hire("ana", &["reception"]).await;
    let raj = house.hire("raj", &["housekeeping"]).await;
    let first = house.create(&ana, "reception").await.unwrap();
    let taken = house.create(&ana, "reception").await.unwrap_err();
    assert_eq!(taken, Refused::ConversationExists { conversation_id: first });
    let other = house.create(&ana, "housekeeping").await.unwrap();

    let transfer = |department: &str| {
        of(&ana, first, Action::Transfer { department: department.to_owned(), note: None })
    };
    let occupied = house.app.journal.submit(transfer("housekeeping")).await.unwrap_err();
    assert_eq!(occupied, Refused::ConversationExists { conversation_id: other });
    let unknown = house.app.journal.submit(transfer("spa")).await.unwrap_err();
    assert_eq!(unknown, Refused::DepartmentNotFound);

    let close = of(&raj, other, Action::Close);
    house.app.journal.submit(close).await.unwrap();
    let (at_reception, at_housekeeping) = (house.connect(&ana), house.connect(&raj));
    frames(&at_reception);
    house.app.journal.submit(transfer("housekeeping")).await.unwrap();
    assert!(matches!(
        frames(&at_reception).as_slice(),
        [Frame::ConversationUpdate {
            data: crate::protocol::ConversationUpdate::Transferred(data),
            ..
        }] if data.from_department == "reception" && data.department == "housekeeping"
    ));
    assert!(matches!(
        frames(&at_housekeeping).as_slice(),
        [Frame::NewConversation { data, .. }] if data.id == first
    ));
    let reopen = of(&raj, other, Action::Reopen);
    let occupied = house.app.journal.submit(reopen).await.unwrap_err();
    assert_eq!(occupied, Refused::ConversationExists { conversation_id: first });
    let lost = house.app.journal.submit(text(&ana, first, "hello?", "x")).await.unwrap_err();
    assert_eq!(lost, Refused::Command(CommandError::AccessDenied));
}

#[tokio::test]
async fn a_gateways_message_makes_guest_room_and_conversation_once() {
    let house = House::open().await;
    house
        .meddle(
            "insert into gateway (id, property_id, name, key_hash, signing_secret, callback_url, created_at)
             values (1, 1, 'sms', zeroblob(32), 'secret', 'http://127.0.0.1:9/', 0)",
        )
        .await;
    let ana = house.hire("ana", &["reception"]).await;
    let desk = house.connect(&ana);
    // All at once: they share transactions, and the second must find what the first one made.
    let sends = ["1", "2", "1"].map(|id| house.app.journal.submit(house.guest_message(id, "hi")));
    let answers = futures_util::future::join_all(sends).await;
    let stored: Vec<_> = answers
        .into_iter()
        .map(|answer| match answer.unwrap() {
            Answer::Stored(stored) => (
                stored.message_id,
                stored.conversation_id,
                stored.duplicate,
                stored.conversation_created,
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(stored, [(1, 1, false, true), (2, 1, false, false), (1, 1, true, false)]);
    let kinds: Vec<_> = frames(&desk)
        .into_iter()
        .map(|frame| match frame {
            Frame::NewConversation { data, .. } => {
                assert_eq!(data.room_number.as_deref(), Some("118"));
                assert_eq!(data.last_message_preview, "hi");
                "new_conversation"
            }
            Frame::ConversationUpdate { .. } => "new_message",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["new_conversation", "new_message", "new_message"]);
    // The answer leaves through the gateway that brought the question.
    house.app.journal.submit(text(&ana, 1, "on our way", "a")).await.unwrap();
    let waiting: i64 = sqlx::query_scalar("select count(*) from delivery where state = 'stored'")
        .fetch_one(house.app.store.pool())
        .await
        .unwrap();
    assert_eq!(waiting, 1);
}

#[tokio::test]
async fn a_reply_and_the_message_that_opens_its_way_may_share_a_transaction() {
    let house = House::open().await;
    house
        .meddle(
            "insert into gateway (id, property_id, name, key_hash, signing_secret, callback_url, created_at)
             values (1, 1, 'mail', zeroblob(32), 'secret', null, 0),
                (2, 1, 'sms', randomblob(32), 'secret', 'http://127.0.0.1:9/', 0)",
        )
        .await;
    let ana = house.hire("ana", &["reception"]).await;
    // The guest is known, and nothing reaches them.
    house.app.journal.submit(house.guest_message("1", "hi")).await.unwrap();
    let Change::GuestMessage(message) = house.guest_message("2", "hello?") else { unreachable!() };
    let opens = Change::GuestMessage(GuestMessage { gateway_id: 2, ..message });
    let (said, opened) = tokio::join!(
        house.app.journal.submit(text(&ana, 1, "on our way", "a")),
        house.app.journal.submit(opens)
    );
    let (Answer::Stored(said), Answer::Stored(opened)) = (said.unwrap(), opened.unwrap()) else {
        panic!("not stored")
    };
    assert!(said.message_id < opened.message_id);
    let waits: (i64, Option<i64>, Option<String>) =
        sqlx::query_as("select message_id, gateway_id, reason_code from delivery")
            .fetch_one(house.app.store.pool())
            .await
            .unwrap();
    assert_eq!(waits, (said.message_id, Some(2), None));
}

#[tokio::test]
async fn nothing_crosses_from_one_property_to_another() {
    let house = House::open().await;
    let ana = house.hire("ana", &["reception"]).await;
    let conversation = house.create(&ana, "reception").await.unwrap();
    let now = house.app.clock.now();
    let elsewhere = house
        .app
        .journal
        .write(move |writer| {
            Box::pin(async move {
                let id = departments::create_property(writer, "Other", now).await?;
                Ok::<_, StoreError>(Written::quiet(id))
            })
        })
        .await
        .unwrap();
    let house = House { property_id: elsewhere, ..house };
    let eve = house.hire("eve", &["reception"]).await;
    let ears = house.connect(&eve);
    let stranger = house.app.journal.submit(text(&eve, conversation, "hello", "a")).await;
    assert_eq!(stranger.unwrap_err(), Refused::Command(CommandError::ConversationNotFound));
    let created = house.create(&eve, "reception").await;
    assert_eq!(created.unwrap_err(), Refused::GuestNotFound);
    house.app.journal.submit(text(&ana, conversation, "secret", "a")).await.unwrap();
    assert_eq!(frames(&ears), []);
}
