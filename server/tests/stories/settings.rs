//! What a hotel has chosen, for admins without a command line: the same settings by the other door.

use serde_json::{Value, json};

use crate::common::House;

/// What the command line says of the hotel.
async fn listed(house: &House) -> Value {
    house.cli(&["property", "list"]).await.object()
}

/// The newest entry of the audit log.
async fn logged(house: &House) -> Value {
    house.admin.get("/audit/?limit=1").await.expect(200)["results"][0].clone()
}

#[tokio::test]
async fn both_doors_read_and_change_the_same_settings() {
    let house = House::start().await;
    let admin = &house.admin;
    let first = json!({
        "name": "Hotel Aurora", "time_zone": "UTC", "retention_days": null, "retention": "delete",
        "second_factor": "optional",
    });
    assert_eq!(admin.get("/property/").await.expect(200), first);

    house.cli(&["property", "set", "--retention-days", "30"]).await.object();
    assert_eq!(admin.get("/property/").await.expect(200)["retention_days"], 30);

    let patch = json!({"name": " Hotel Borealis ", "retention_days": 90, "retention": "anonymise"});
    let set = admin.patch("/property/", patch).await.expect(200);
    let expected = json!({
        "name": "Hotel Borealis", "time_zone": "UTC", "retention_days": 90, "retention": "anonymise",
        "second_factor": "optional",
    });
    assert_eq!(set, expected);
    assert_eq!(admin.get("/property").await.expect(200), expected);
    assert_eq!(admin.get("/auth/me/").await.expect(200)["property"]["name"], "Hotel Borealis");
    let line = listed(&house).await;
    assert_eq!((&line["name"], &line["retention_days"]), (&set["name"], &json!(90)));
    let entry = logged(&house).await;
    assert_eq!((&entry["actor"], &entry["actor_id"]), (&json!("staff"), &json!(admin.id)));
    assert_eq!((&entry["action"], &entry["subject"]), (&json!("updated"), &json!("property")));
    let detail = "retention_days=90, retention=anonymise, second_factor=optional, name";
    assert_eq!(entry["detail"], detail);

    // What is not named stays, and 0 days are none.
    let set = admin.patch("/property/", json!({"retention_days": 0})).await.expect(200);
    assert_eq!((&set["retention_days"], &set["retention"]), (&Value::Null, &json!("anonymise")));
    let detail = "retention_days=0, retention=anonymise, second_factor=optional";
    assert_eq!(logged(&house).await["detail"], detail);
}

#[tokio::test]
async fn settings_that_make_no_sense_are_named_and_change_nothing() {
    let house = House::start().await;
    let before = listed(&house).await;
    for (field, value) in [
        ("name", json!("  ")),
        ("name", json!("x".repeat(201))),
        ("retention_days", json!(-1)),
        ("retention_days", json!(36_501)),
        ("retention_days", json!("ten")),
        ("retention", json!("forget")),
        ("second_factor", json!("everybody")),
    ] {
        let answer = house.admin.patch("/property/", json!({field: value})).await;
        let problem = answer.problem(422, "invalid_input");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    assert_eq!(listed(&house).await, before);
}

#[tokio::test]
async fn asking_admins_for_a_second_factor_holds_at_once() {
    let house = House::start().await;
    let mut socket = house.admin.connect().await;
    let set = house.admin.patch("/property/", json!({"second_factor": "admins"})).await.expect(200);
    assert_eq!(set["second_factor"], "admins");
    assert_eq!(socket.close_code().await, 4403);
    house.admin.get("/property/").await.problem(403, "second_factor_missing");
    assert_eq!(listed(&house).await["second_factor"], "admins");
}
