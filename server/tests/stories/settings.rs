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
        "name": "Hotel Aurora", "time_zone": "UTC", "country": null, "retention_days": null,
        "retention": "delete", "second_factor": "optional",
    });
    assert_eq!(admin.get("/property/").await.expect(200), first);

    house.cli(&["property", "set", "--retention-days", "30"]).await.object();
    assert_eq!(admin.get("/property/").await.expect(200)["retention_days"], 30);

    let patch = json!({"name": " Hotel Borealis ", "retention_days": 90, "retention": "anonymise"});
    let set = admin.patch("/property/", patch).await.expect(200);
    let expected = json!({
        "name": "Hotel Borealis", "time_zone": "UTC", "country": null, "retention_days": 90,
        "retention": "anonymise", "second_factor": "optional",
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
        ("retention_days", json!(1.5)),
        ("time_zone", json!("Mars/Olympus")),
        ("time_zone", Value::Null),
        ("country", json!("UK")),
        ("country", json!(41)),
        ("name", Value::Null),
        ("desk_telephone", json!("+41 44 000 00 00")),
        ("id", json!(1)),
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

#[tokio::test]
async fn the_time_zone_and_the_country_are_chosen_over_http_and_on_the_command_line() {
    let house = House::start().await;
    let admin = &house.admin;
    let patch = json!({"time_zone": "europe/zurich", "country": "ch"});
    let set = admin.patch("/property/", patch).await.expect(200);
    assert_eq!((&set["time_zone"], &set["country"]), (&json!("Europe/Zurich"), &json!("CH")));
    let shown = admin.get("/auth/me/").await.expect(200)["property"].clone();
    assert_eq!((&shown["time_zone"], &shown["country"]), (&json!("Europe/Zurich"), &json!("CH")));
    let detail = "retention_days=0, retention=delete, second_factor=optional, time_zone, country";
    assert_eq!(logged(&house).await["detail"], detail);

    let set = admin.patch("/property/", json!({"country": null})).await.expect(200);
    assert_eq!((&set["time_zone"], &set["country"]), (&json!("Europe/Zurich"), &Value::Null));

    let line =
        ["property", "set", "--name", "Aurora", "--time-zone", "asia/tokyo", "--country", "jp"];
    let line = house.cli(&line).await.object();
    assert_eq!((&line["name"], &line["time_zone"]), (&json!("Aurora"), &json!("Asia/Tokyo")));
    assert_eq!((&line["country"], &listed(&house).await["country"]), (&json!("JP"), &json!("JP")));
    house.cli(&["property", "set", "--country", "none"]).await.object();
    assert_eq!(admin.get("/property/").await.expect(200)["country"], Value::Null);
    for wrong in [["--time-zone", "Tokyo"], ["--country", "UK"], ["--name", " "]] {
        let output = house.cli(&["property", "set", wrong[0], wrong[1]]).await;
        assert_eq!(output.code, Some(2), "{wrong:?}");
    }
}

#[tokio::test]
async fn other_desks_learn_at_once_of_a_new_time_zone() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let mut resumed = ana.connect().await;
    // A client of the original protocol knows nothing of such frames.
    let mut plain = ana.try_connect().await.unwrap();
    plain.send(json!({"type": "sing"})).await;
    plain.refused("invalid_type", "Invalid message type").await;
    house.admin.patch("/property/", json!({"time_zone": "Asia/Tokyo"})).await.expect(200);
    let frame = resumed.next().await;
    assert_eq!(frame["type"], "property");
    let expected =
        json!({"id": 1, "name": "Hotel Aurora", "time_zone": "Asia/Tokyo", "country": null});
    assert_eq!(frame["data"], expected);
    plain.send(json!({"type": "sing"})).await;
    plain.refused("invalid_type", "Invalid message type").await;
    // Repeating the change, or changing what only admins see, sends no event.
    let again = json!({"time_zone": "Asia/Tokyo", "retention_days": 30});
    house.admin.patch("/property/", again).await.expect(200);
    resumed.nothing_more().await;
}

#[tokio::test]
async fn settings_sent_back_as_they_are_change_nothing() {
    let house = House::start().await;
    let admin = &house.admin;
    let mut socket = admin.connect().await;
    for patch in [admin.get("/property/").await.expect(200), json!({}), json!({"country": null})] {
        let before = logged(&house).await;
        let answer = admin.patch("/property/", patch.clone()).await.expect(200);
        assert_eq!(answer, admin.get("/property/").await.expect(200));
        assert_eq!(logged(&house).await, before, "{patch}");
    }
    // `null` is the present value only while closed conversations are kept.
    admin.patch("/property/", json!({"retention_days": 30})).await.expect(200);
    let refused = admin.patch("/property/", json!({"retention_days": null})).await;
    assert_eq!(refused.problem(422, "invalid_input")["errors"][0]["field"], "retention_days");
    socket.nothing_more().await;
}
