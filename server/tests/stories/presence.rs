//! Contract 1.3: `user_status` speaks of people, not of sockets.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{House, Person, Socket};

/// Who is online, as `resume` tells it.
async fn online(socket: &mut Socket) -> Vec<Value> {
    socket.send(json!({"type": "resume", "epoch": null, "last_seq": null})).await;
    loop {
        let frame = socket.next().await;
        if frame["status"] == "resumed" {
            return frame["online"].as_array().unwrap().clone();
        }
    }
}

fn as_online(person: &Person, department: &str) -> Value {
    json!({"user_id": person.id, "user_name": person.name, "department": department})
}

#[tokio::test]
async fn a_person_comes_once_with_whatever_number_of_sockets() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception", "housekeeping"]).await;
    let bob = house.staff("bob", &["housekeeping", "reception", "management"]).await;
    let carl = house.staff("carl", &["restaurant"]).await;
    let mut anas = ana.connect().await;
    let mut carls = carl.connect().await;
    let mut bobs = bob.connect().await;
    // In two departments with him, and told once.
    let frame = anas.frame("user_status").await;
    assert_eq!(
        frame,
        json!({"type": "user_status", "data": {
            "type": "user_connected", "user_id": bob.id, "user_name": "Bob",
            "department": "housekeeping", "departments": ["housekeeping", "reception", "management"],
        }})
    );
    let mut again = bob.connect().await;
    for socket in [&mut anas, &mut bobs, &mut again, &mut carls] {
        socket.nothing_more().await;
    }
    assert_eq!(
        online(&mut anas).await,
        [as_online(&ana, "reception"), as_online(&bob, "housekeeping")]
    );
    assert_eq!(online(&mut carls).await, [as_online(&carl, "restaurant")]);
}

#[tokio::test]
async fn whoever_is_back_within_the_grace_was_never_gone() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let mut anas = ana.connect().await;
    let bobs = bob.connect().await;
    anas.frame("user_status").await;
    bobs.leave().await;
    assert_eq!(online(&mut anas).await.len(), 2);
    bob.connect().await;
    anas.nothing_more().await;
}

#[tokio::test]
async fn whoever_stays_away_is_gone_after_the_last_socket() {
    let grace = Duration::from_millis(200);
    let house = House::start_with(|config| config.presence_grace = grace).await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception", "restaurant"]).await;
    let mut anas = ana.connect().await;
    let one = bob.connect().await;
    let two = bob.connect().await;
    anas.frame("user_status").await;
    one.leave().await;
    two.leave().await;
    // One goodbye for both, and only after the second.
    let frame = anas.frame("user_status").await;
    assert_eq!(
        frame,
        json!({"type": "user_status", "data": {
            "type": "user_disconnected", "user_id": bob.id, "user_name": "Bob",
            "department": "reception", "departments": ["reception", "restaurant"],
        }})
    );
    assert_eq!(online(&mut anas).await, [as_online(&ana, "reception")]);
    bob.connect().await;
    let frame = anas.frame("user_status").await;
    assert_eq!(frame["data"]["type"], "user_connected");
}

#[tokio::test]
async fn with_one_of_two_sockets_gone_the_person_stays() {
    let house = House::start_with(|config| config.presence_grace = Duration::ZERO).await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["reception"]).await;
    let mut anas = ana.connect().await;
    let one = bob.connect().await;
    let two = bob.connect().await;
    anas.frame("user_status").await;
    one.leave().await;
    // If the end of the first socket were told, it would be told before Carl's coming and going.
    let carl = house.staff("carl", &["reception"]).await;
    carl.connect().await.leave().await;
    for kind in ["user_connected", "user_disconnected"] {
        let frame = anas.frame("user_status").await;
        assert_eq!(frame["data"]["type"], kind);
        assert_eq!(frame["data"]["user_name"], "Carl");
    }
    two.leave().await;
    let frame = anas.frame("user_status").await;
    assert_eq!(frame["data"]["type"], "user_disconnected");
    assert_eq!(frame["data"]["user_name"], "Bob");
}

#[tokio::test]
async fn the_list_of_departments_shows_who_is_online() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let bob = house.staff("bob", &["housekeeping", "restaurant"]).await;
    let online = async |person: &Person, department: &str| {
        let list = person.get("/departments/?online=true").await.expect(200);
        let rows = list["results"].as_array().unwrap();
        rows.iter().find(|row| row["slug"] == department).unwrap()["online"].clone()
    };
    let _socket = bob.connect().await;
    // Ana shares no department with Bob.
    for department in ["housekeeping", "restaurant"] {
        assert_eq!(online(&ana, department).await, json!([as_online(&bob, "housekeeping")]));
    }
    assert_eq!(online(&ana, "reception").await, json!([]));
    let plain = ana.get("/departments/").await.expect(200);
    assert!(plain["results"][0].get("online").is_none(), "{plain}");
}
