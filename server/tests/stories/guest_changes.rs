//! Contract 1.3, 1.5, 1.6: a guest who moves, is renamed or leaves is told in each of their conversations.

use serde_json::{Value, json};

use crate::common::{House, Person, Socket};

/// A guest with active conversations in reception and restaurant, and a closed one in housekeeping.
struct Desk {
    house: House,
    guest: i64,
    reception: i64,
    restaurant: i64,
    ana: Person,
    /// Ana, subscribed to the conversation of reception.
    ana_in: Socket,
    /// Ana again, not subscribed.
    ana_by: Socket,
    /// Bob is in reception and restaurant.
    bob: Socket,
    /// Carl is in housekeeping, whose conversation is closed.
    carl: Socket,
}

impl Desk {
    async fn open() -> Self {
        let house = House::start().await;
        let ana = house.staff("ana", &["reception"]).await;
        let bob = house.staff("bob", &["reception", "restaurant"]).await;
        let carl = house.staff("carl", &["housekeeping"]).await;
        let guest = house.guest("204", "Amelia Hart").await;
        let closed = house.conversation_with(guest, "housekeeping").await;
        let body = json!({"conversation_id": closed});
        house.admin.post("/chat/conversations/close/", body).await.expect(200);
        // The higher id comes first in time: the order of the events is that of the ids.
        let reception = house.conversation_with(guest, "reception").await;
        let restaurant = house.conversation_with(guest, "restaurant").await;
        let (mut ana_in, mut ana_by) = (ana.connect().await, ana.connect().await);
        let (mut bob, mut carl) = (bob.connect().await, carl.connect().await);
        for socket in [&mut ana_in, &mut ana_by, &mut bob, &mut carl] {
            socket.everything().await;
        }
        ana_in.subscribe(reception).await;
        Self { house, guest, reception, restaurant, ana, ana_in, ana_by, bob, carl }
    }

    /// The guest has just changed to this: everybody who has a conversation of theirs gets one frame for it.
    #[track_caller]
    fn told(&mut self, expected: Value) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let in_reception = self.ana_in.everything().await;
            assert_eq!(in_reception.len(), 1, "at {caller}: {in_reception:#?}");
            let frame = &in_reception[0];
            assert_eq!(frame["data"]["type"], "guest", "at {caller}");
            let data = &frame["data"]["data"];
            assert_eq!(data["conversation_id"], self.reception);
            assert_eq!(data["department"], "reception");
            assert_eq!(data["guest_name"], expected["name"]);
            assert_eq!(data["guest_info"], expected, "at {caller}");
            assert!(data["at"].is_string() && frame["seq"].is_i64(), "at {caller}: {frame}");
            assert_eq!(self.ana_by.everything().await, in_reception, "at {caller}");
            let both = self.bob.everything().await;
            let conversations: Vec<_> =
                both.iter().map(|frame| frame["data"]["data"]["conversation_id"].clone()).collect();
            assert_eq!(conversations, [self.reception, self.restaurant], "at {caller}");
            assert_eq!(both[0], in_reception[0], "at {caller}");
            assert_eq!(both[1]["data"]["data"]["guest_info"], expected, "at {caller}");
            self.carl.nothing_more().await;
            // A message after it has the same name and room.
            self.bob.send_text(self.reception, "Hello").await;
            self.bob.acknowledged("received").await;
            let update = self.bob.updated("new_message").await;
            assert_eq!(update["data"]["data"]["guest_name"], expected["name"], "at {caller}");
            let room = &update["data"]["data"]["room_number"];
            assert_eq!(*room, expected["room_number"], "at {caller}");
            let message = self.ana_in.frame("message").await;
            let info = &message["data"]["guest_info"];
            assert_eq!(info["name"], expected["name"], "at {caller}");
            assert_eq!(info["room_number"], expected["room_number"], "at {caller}");
            self.ana_by.updated("new_message").await;
        }
    }

    async fn nobody_is_told(&mut self) {
        for socket in [&mut self.ana_in, &mut self.ana_by, &mut self.bob, &mut self.carl] {
            socket.nothing_more().await;
        }
    }

    fn amelia(&self) -> Value {
        json!({"id": self.guest, "name": "Amelia Hart", "whatsapp_number": null, "room_number": "204",
            "language": null})
    }
}

#[tokio::test]
async fn every_change_of_a_guest_is_sent_once_for_each_active_conversation() {
    let mut desk = Desk::open().await;
    let mut guest = desk.amelia();
    let path = format!("/guests/{}/", desk.guest);
    let move_to = |room: &str| json!({"guest_id": desk.guest, "room_number": room});

    let (to_611, admin) = (move_to("611"), desk.house.admin.clone());
    let stay = admin.post("/stays/", to_611).await.expect(201);
    guest["room_number"] = json!("611");
    desk.told(guest.clone()).await;

    admin.patch(&path, json!({"name": "Amelia Heart", "language": "fr"})).await.expect(200);
    guest["name"] = json!("Amelia Heart");
    guest["language"] = json!("fr");
    desk.told(guest.clone()).await;
    // The same again changes nothing.
    admin.patch(&path, json!({"name": "Amelia Heart", "language": "fr"})).await.expect(200);
    admin.patch(&path, json!({})).await.expect(200);
    desk.nobody_is_told().await;

    let leave = format!("/stays/{}/checkout/", stay["id"]);
    admin.post(&leave, json!({})).await.expect(200);
    guest["room_number"] = Value::Null;
    desk.told(guest.clone()).await;
    admin.post(&leave, json!({})).await.expect(200);
    desk.nobody_is_told().await;

    let back = json!({"guest_id": desk.guest, "room_number": "12"});
    admin.post("/stays/", back).await.expect(201);
    guest["room_number"] = json!("12");
    desk.told(guest).await;
    // No event is sent for a guest without an active conversation.
    desk.house.guest("300", "Bo").await;
    desk.nobody_is_told().await;
}

#[tokio::test]
async fn the_command_line_sends_the_event_too() {
    let mut desk = Desk::open().await;
    let path = format!("/guests/{}/", desk.guest);
    let number = json!({"whatsapp_number": "+44 7700 900123"});
    desk.house.admin.patch(&path, number).await.expect(200);
    for socket in [&mut desk.ana_in, &mut desk.ana_by, &mut desk.bob] {
        socket.everything().await;
    }
    let mut guest = desk.amelia();
    guest["whatsapp_number"] = json!("+447700900123");
    let line = ["guest", "check-in", "--name", "Amelia Hart", "--room", "611"];
    let line = [&line[..], &["--whatsapp", "+44 7700 900123"]].concat();
    let stay = desk.house.cli(&line).await.object();
    assert_eq!(stay["guest_id"], desk.guest);
    guest["room_number"] = json!("611");
    desk.told(guest.clone()).await;
    desk.house.cli(&["guest", "check-out", "--room", "611"]).await.object();
    guest["room_number"] = Value::Null;
    desk.told(guest).await;
}

#[tokio::test]
async fn a_changed_number_sends_an_event_and_adds_a_line_with_the_person() {
    let mut desk = Desk::open().await;
    let mut guest = desk.amelia();
    let path = format!("/guests/{}/", desk.guest);
    let number = |number: &str| json!({"whatsapp_number": number});
    desk.ana.patch(&path, number("+44 7700 900123")).await.expect(200);
    guest["whatsapp_number"] = json!("+447700900123");
    let update = desk.ana_in.updated("guest").await;
    assert_eq!(update["data"]["data"]["guest_info"], guest);
    let added = desk.ana_in.updated("line").await;
    desk.ana_in.nothing_more().await;
    assert!(added["seq"].as_i64() > update["seq"].as_i64());
    let data = &added["data"]["data"];
    assert_eq!(data["conversation_id"], desk.reception);
    assert_eq!((&data["guest_name"], &data["department"]), (&guest["name"], &json!("reception")));
    let line = &data["line"];
    assert_eq!(line["kind"], "guest_number");
    assert_eq!((&line["staff_id"], &line["staff_name"]), (&json!(desk.ana.id), &json!("Ana")));
    assert_eq!(line["detail"], json!({"from": null, "to": "+447700900123"}));
    assert_eq!(line["after_message_id"], Value::Null);
    let kinds: Vec<_> =
        desk.bob.everything().await.iter().map(|it| it["data"]["type"].clone()).collect();
    assert_eq!(kinds, ["guest", "guest", "line", "line"]);
    let messages = format!("/chat/conversations/{}/messages/", desk.reception);
    let page = desk.ana.get(&messages).await.expect(200);
    assert_eq!(page["lines"], json!([line]));

    desk.ana.patch(&path, number("+44 7700 900124")).await.expect(200);
    let page = desk.ana.get(&messages).await.expect(200);
    let changed = json!({"from": "+447700900123", "to": "+447700900124"});
    assert_eq!(page["lines"][1]["detail"], changed);
    assert_eq!(desk.house.cli(&["check"]).await.code, Some(0));
}

#[tokio::test]
async fn changes_by_a_gateways_message_are_sent_before_the_message() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception", "restaurant"]).await;
    let gateway = house.gateway("sms", None).await;
    let message = |id: &str, more: Value| {
        let mut body =
            json!({"external_id": id, "whatsapp_number": "+44 7700 900123", "content": id});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let first = gateway.message(message("one", json!({"room_number": "204"}))).await.expect(201);
    let table = json!({"room_number": "204", "department": "restaurant"});
    let second = gateway.message(message("two", table)).await.expect(201);
    let mut socket = ana.connect().await;
    socket.everything().await;

    // Nothing is new.
    gateway.message(message("three", json!({"room_number": "204"}))).await.expect(201);
    socket.updated("new_message").await;
    socket.nothing_more().await;

    // At once, so that several are in one batch: each message has the room that came with it.
    let rooms = ["611", "612", "613", "614"];
    let moves = rooms.map(|room| gateway.message(message(room, json!({"room_number": room}))));
    for answer in futures_util::future::join_all(moves).await {
        answer.expect(201);
    }
    let mut moved = Vec::new();
    for _ in rooms {
        let in_reception = socket.updated("guest").await;
        let in_restaurant = socket.updated("guest").await;
        let data = &in_reception["data"]["data"];
        assert_eq!(data["conversation_id"], first["conversation_id"]);
        let other = &in_restaurant["data"]["data"];
        assert_eq!(other["conversation_id"], second["conversation_id"]);
        let update = socket.updated("new_message").await;
        let room = update["data"]["data"]["last_message_preview"].as_str().unwrap().to_owned();
        assert_eq!(data["guest_info"]["room_number"], room);
        assert_eq!(other["guest_info"]["room_number"], room);
        assert_eq!(update["data"]["data"]["room_number"], room);
        moved.push(room);
    }
    moved.sort();
    assert_eq!(moved, rooms);
    // A name, where there was only the number.
    gateway.message(message("named", json!({"name": "Amelia Hart"}))).await.expect(201);
    for _ in 0..2 {
        let update = socket.updated("guest").await;
        assert_eq!(update["data"]["data"]["guest_info"]["name"], "Amelia Hart");
    }
    let update = socket.updated("new_message").await;
    assert_eq!(update["data"]["data"]["guest_name"], "Amelia Hart");
    assert_eq!(update["data"]["data"]["message_from"], "Amelia Hart");
    socket.nothing_more().await;
    assert_eq!(house.cli(&["check"]).await.code, Some(0));
}

#[tokio::test]
async fn a_replay_has_the_present_guest() {
    let desk = Desk::open().await;
    let page = desk.ana.get("/chat/conversations/").await.expect(200);
    let path = format!("/guests/{}/", desk.guest);
    for name in ["Amelia Heart", "Amelia Harte"] {
        desk.house.admin.patch(&path, json!({ "name": name })).await.expect(200);
    }
    let mut socket = desk.ana.connect().await;
    let resume = json!({"type": "resume", "epoch": page["epoch"], "last_seq": page["seq"],
        "conversation_ids": []});
    socket.send(resume).await;
    socket.acknowledged("resuming").await;
    for _ in 0..2 {
        let update = socket.updated("guest").await;
        assert_eq!(update["data"]["data"]["guest_name"], "Amelia Harte");
        assert_eq!(update["data"]["data"]["guest_info"]["name"], "Amelia Harte");
    }
    socket.acknowledged("resumed").await;
}

#[tokio::test]
async fn a_guest_whose_number_passes_to_another_one_is_told_too() {
    let mut desk = Desk::open().await;
    let path = format!("/guests/{}/", desk.guest);
    let admin = desk.house.admin.clone();
    admin.patch(&path, json!({"whatsapp_number": "+44 7700 900123"})).await.expect(200);
    for socket in [&mut desk.ana_in, &mut desk.ana_by, &mut desk.bob, &mut desk.carl] {
        socket.everything().await;
    }
    let ben = json!({
        "name": "Ben Cole", "whatsapp_number": "+44 7700 900123", "number_from": desk.guest,
    });
    admin.post("/guests/", ben).await.expect(201);
    let update = desk.ana_in.updated("guest").await;
    assert_eq!(update["data"]["data"]["guest_info"], desk.amelia());
    let added = desk.ana_in.updated("line").await;
    let expected = json!({"from": "+447700900123", "to": null});
    assert_eq!(added["data"]["data"]["line"]["detail"], expected);
    let kinds: Vec<_> =
        desk.bob.everything().await.iter().map(|it| it["data"]["type"].clone()).collect();
    assert_eq!(kinds, ["guest", "guest", "line", "line"]);
    desk.carl.nothing_more().await;
}
