//! A guest's number decides where replies go and who writes as the guest, so not everybody may change it.

use serde_json::{Value, json};

use crate::common::{Callback, House, Person};

async fn change(person: &Person, guest: i64, number: Value) -> u16 {
    let body = json!({"whatsapp_number": number});
    let answer = person.patch(&format!("/guests/{guest}/"), body).await;
    if answer.status != 200 {
        answer.clone().problem(403, "access_denied");
    }
    answer.status
}

#[tokio::test]
async fn only_who_may_read_a_conversation_of_the_guest_the_first_department_and_admins_change_a_number()
 {
    let house = House::start().await;
    let first = house.staff("first", &["reception"]).await;
    let reader = house.staff("reader", &["restaurant", "housekeeping"]).await;
    let admin = json!({"username": "boss", "departments": ["management"], "is_admin": true});
    let boss = house.account(admin).await;
    let hotel_admin = json!({"username": "owner", "departments": [], "user_type": "hotel_admin"});
    let owner = house.account(hotel_admin).await;
    let guest = house.guest("204", "Amelia Hart").await;
    let numbers = || house.number();
    let new = || json!(format!("+44 7700 9{:05}", numbers()));
    assert_eq!(change(&reader, guest, new()).await, 403);
    assert_eq!(change(&first, guest, new()).await, 200);
    assert_eq!(change(&boss, guest, new()).await, 200);
    assert_eq!(change(&owner, guest, new()).await, 200);
    assert_eq!(change(&reader, guest, Value::Null).await, 403);
    // Everything else about the guest is everybody's, and so is a number that stays as it is.
    let path = format!("/guests/{guest}/");
    let mut shown = reader.get(&path).await.expect(200);
    shown["language"] = json!("fr");
    reader.patch(&path, shown).await.expect(200);
    // A conversation that they may read opens it, as long as it is active.
    let conversation = house.conversation_with(guest, "restaurant").await;
    assert_eq!(change(&reader, guest, new()).await, 200);
    assert_eq!(change(&reader, guest, Value::Null).await, 200);
    let close = json!({"conversation_id": conversation});
    house.admin.post("/chat/conversations/close/", close).await.expect(200);
    let before = house.admin.get(&path).await.expect(200);
    let log = async || {
        let page = house.admin.get("/audit/?subject=guest&limit=200").await.expect(200);
        page["results"].as_array().unwrap().len()
    };
    let entries = log().await;
    assert_eq!(change(&reader, guest, new()).await, 403);
    assert_eq!(house.admin.get(&path).await.expect(200), before);
    assert_eq!(log().await, entries);
    assert_eq!(change(&first, guest, new()).await, 200);
    assert_eq!(log().await, entries + 1);
}

#[tokio::test]
async fn a_number_is_taken_over_only_by_who_may_change_it() {
    let house = House::start().await;
    let first = house.staff("first", &["reception"]).await;
    let clerk = house.staff("clerk", &["restaurant"]).await;
    let number = "+44 7700 900123";
    let guest = house.guest("204", "Amelia Hart").await;
    assert_eq!(change(&first, guest, json!(number)).await, 200);
    let own = house.guest("205", "Bo").await;
    house.conversation_with(own, "restaurant").await;
    // Each way in which a number passes to another guest.
    let named = json!({"name": "Eve", "whatsapp_number": number, "number_from": guest});
    let mut arrives = named.clone();
    arrives["room_number"] = json!("206");
    let taken = json!({"whatsapp_number": number, "number_from": guest});
    let path = format!("/guests/{own}/");
    clerk.post("/guests/", named.clone()).await.problem(403, "access_denied");
    clerk.post("/stays/", arrives.clone()).await.problem(403, "access_denied");
    clerk.patch(&path, taken.clone()).await.problem(403, "access_denied");
    let kept = house.admin.get(&format!("/guests/{guest}/")).await.expect(200);
    assert_eq!(kept["whatsapp_number"], "+447700900123");
    house.conversation_with(guest, "restaurant").await;
    clerk.patch(&path, taken).await.expect(200);
    let gone = house.admin.get(&format!("/guests/{guest}/")).await.expect(200);
    assert!(gone["whatsapp_number"].is_null());
    // A number that nobody has is anybody's.
    let body = json!({"name": "Cy", "whatsapp_number": "+44 7700 900999"});
    clerk.post("/guests/", body).await.expect(201);
}

#[tokio::test]
async fn replies_still_go_to_the_address_that_the_guest_wrote_from() {
    let house = House::start().await;
    let mut callback = Callback::start().await;
    let sms = house.gateway("sms", Some(&callback.url)).await;
    let first = house.staff("first", &["reception"]).await;
    let received = sms.writes("1", "(+44) 7700 900123", "Towels?").await;
    let conversation = received["conversation_id"].as_i64().unwrap();
    let guest = first.conversation(conversation).await["guest_info"]["id"].as_i64().unwrap();
    assert_eq!(change(&first, guest, json!("+44 7700 900999")).await, 200);
    let mut desk = first.connect().await;
    desk.send_text(conversation, "Coming").await;
    let sent = callback.next().await;
    assert_eq!(sent.body["guest"]["address"], "(+44) 7700 900123");
    assert_eq!(sent.body["guest"]["whatsapp_number"], "+447700900999");
}
