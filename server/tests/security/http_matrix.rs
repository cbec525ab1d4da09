//! Every HTTP route × everybody: who gets what, and that nobody learns or changes anything else.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    actors::{EVERYBODY, MARK, Scene, Things, Who, session_of},
    common::{House, client::send, house::PASSWORD},
};

/// A row per route (some with a query too); a column per person, in the order of [`EVERYBODY`].
///
/// A number is the status of a refusal: the answer holds nothing of the house, and nothing in the
/// house has changed. `sees`: success, with something of the house in the answer. `blind`: success,
/// with nothing of it. `does`: success, for calls that answer with what was just given.
const TABLE: &str = "
    route                                              nobody neighb staff  admin  adm.e  disabl strang revokd gatewy

    GET    /chat/conversations/                        401    blind  sees   sees   sees   403    blind  401    401
    GET    /chat/conversations/?status=all&q=mark      401    blind  sees   sees   sees   403    blind  401    401
    GET    /chat/conversations/?department=reception   401    403    sees   sees   sees   403    blind  401    401
    GET    /chat/conversations/{conversation}/         401    403    sees   sees   sees   403    404    401    401
    GET    /chat/conversations/{conversation}/messages/ 401   403    sees   sees   sees   403    404    401    401
    POST   /chat/conversations/create/                 401    does   does   does   does   403    404    401    401
    POST   /chat/conversations/close/                  401    403    does   does   403    403    404    401    401
    POST   /chat/conversations/reopen/                 401    403    does   does   403    403    404    401    401
    POST   /chat/conversations/transfer/               401    403    does   does   403    403    404    401    401
    POST   /chat/messages/{message}/retry/             401    403    409    409    403    403    404    401    401

    GET    /guests/                                    401    sees   sees   sees   sees   403    blind  401    401
    GET    /guests/?q=mark                             401    sees   sees   sees   sees   403    blind  401    401
    POST   /guests/                                    401    does   does   does   does   403    does   401    401
    GET    /guests/{guest}/                            401    sees   sees   sees   sees   403    404    401    401
    PATCH  /guests/{guest}/                            401    does   does   does   does   403    404    401    401
    GET    /guests/{guest}/export/                     401    403    403    sees   sees   403    404    401    401
    GET    /guests/{guest}/export/?format=pdf          401    403    403    does   does   403    404    401    401
    GET    /exports/{guest}/                           401    403    403    404    404    403    404    401    401
    DELETE /guests/{guest}/                            401    403    403    does   does   403    404    401    401
    GET    /rooms/                                     401    sees   sees   sees   sees   403    blind  401    401
    POST   /rooms/                                     401    does   does   does   does   403    does   401    401
    GET    /stays/                                     401    sees   sees   sees   sees   403    blind  401    401
    POST   /stays/                                     401    does   does   does   does   403    404    401    401
    POST   /stays/{stay}/checkout/                     401    does   does   does   does   403    404    401    401

    GET    /staff/                                     401    403    403    sees   sees   403    blind  401    401
    POST   /staff/                                     401    403    403    does   does   403    does   401    401
    PATCH  /staff/{staff}/                             401    403    403    does   does   403    404    401    401
    GET    /departments/                               401    sees   sees   sees   sees   403    blind  401    401
    POST   /departments/                               401    403    403    does   does   403    does   401    401

    GET    /property/                                  401    403    403    blind  blind  403    blind  401    401
    PATCH  /property/                                  401    403    403    does   does   403    does   401    401

    GET    /gateways/                                  401    403    403    sees   sees   403    blind  401    401
    POST   /gateways/                                  401    403    403    does   does   403    does   401    401
    PATCH  /gateways/{gateway}/                        401    403    403    does   does   403    404    401    401
    POST   /gateways/{gateway}/renew-key/              401    403    403    does   does   403    404    401    401

    GET    /audit/                                    401    403    403    blind  blind  403    blind  401    401

    POST   /clock/confirm/                             401    403    403    403    403    403    403    401    401

    GET    /setup/                                     blind  blind  blind  blind  blind  blind  blind  blind  blind
    POST   /setup/                                     409    409    409    409    409    409    409    409    409
    POST   /auth/login/                                401    401    401    401    401    401    401    401    401
    POST   /auth/logout/                               401    does   does   does   does   403    does   401    401
    POST   /auth/password/                             401    does   does   does   does   403    does   401    401
    GET    /auth/second-factor/                        401    blind  blind  blind  blind  403    blind  401    401
    POST   /auth/second-factor/confirm/                401    409    409    409    409    403    409    401    401
    POST   /auth/second-factor/recovery/               401    404    404    404    404    403    404    401    401
    POST   /auth/second-factor/                        401    does   does   does   does   403    does   401    401
    DELETE /auth/second-factor/                        401    404    404    404    404    403    404    401    401
    GET    /auth/me/                                   401    sees   sees   blind  sees   403    blind  401    401
    GET    /auth/sessions/                             401    blind  blind  blind  blind  403    blind  401    401
    DELETE /auth/sessions/{session}/                   401    404    does   404    404    403    404    401    401

    POST   /gateway/messages/                          401    401    401    401    401    401    401    401    does
    POST   /gateway/statuses/                          401    401    401    401    401    401    401    401    does

    GET    /healthz                                    blind  blind  blind  blind  blind  blind  blind  blind  blind
    GET    /readyz                                     blind  blind  blind  blind  blind  blind  blind  blind  blind
    GET    /metrics                                    blind  blind  blind  blind  blind  blind  blind  blind  blind
    GET    /openapi.json                               blind  blind  blind  blind  blind  blind  blind  blind  blind
    GET    /docs/                                      blind  blind  blind  blind  blind  blind  blind  blind  blind
    GET    /                                           blind  blind  blind  blind  blind  blind  blind  blind  blind
    GET    /nothing/is/here                            404    404    404    404    404    404    404    404    404
    GET    /ws/chat/                                   401    426    426    426    426    403    426    401    401
";

/// Routes that `openapi.json` does not describe.
const UNDESCRIBED: [&str; 5] =
    ["GET /openapi.json", "GET /docs/", "GET /", "GET /nothing/is/here", "GET /ws/chat/"];

struct Row {
    method: Method,
    path: String,
    cells: Vec<String>,
}

fn rows() -> Vec<Row> {
    let lines = TABLE.lines().map(str::trim).filter(|line| !line.is_empty()).skip(1);
    lines
        .map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            let method = words.next().unwrap().parse().unwrap();
            let path = words.next().unwrap();
            let cells: Vec<_> = words.collect();
            assert_eq!(cells.len(), EVERYBODY.len(), "{line}");
            Row { method, path, cells }
        })
        .collect()
}

impl Row {
    /// As OpenAPI would write it: without a query, and with one name for every id.
    fn route(&self) -> String {
        let path = self.path.split('?').next().unwrap();
        let path = path.split('/').map(|part| if part.starts_with('{') { "{id}" } else { part });
        format!("{} {}", self.method, path.collect::<Vec<_>>().join("/"))
    }

    /// Whether the caller's own session or account is gone or changed after it.
    fn uses_up(&self) -> bool {
        let path = self.path.as_str();
        matches!(path, "/auth/logout/" | "/auth/password/" | "/auth/sessions/{session}/")
    }

    fn path_to(&self, things: &Things) -> String {
        self.path
            .replace("{conversation}", &things.conversation.to_string())
            .replace("{message}", &things.message.to_string())
            .replace("{guest}", &things.guest.to_string())
            .replace("{stay}", &things.stay.to_string())
            .replace("{staff}", &things.staff.to_string())
            .replace("{session}", &things.session.to_string())
            .replace("{gateway}", &things.gateway.to_string())
    }

    fn body(&self, things: &Things, number: u64) -> Value {
        match (self.method.as_str(), self.path.as_str()) {
            ("POST", "/chat/conversations/create/") => {
                json!({"guest_id": things.guest, "department": "restaurant", "content": "Hello"})
            }
            ("POST", "/chat/conversations/close/" | "/chat/conversations/reopen/") => {
                json!({"conversation_id": things.conversation})
            }
            ("POST", "/chat/conversations/transfer/") => {
                json!({"conversation_id": things.conversation, "department": "restaurant"})
            }
            // Nothing reaches the guest: 409 for those who may write to them.
            ("POST", "/chat/messages/{message}/retry/") => json!({"channel": "gateway"}),
            ("POST", "/guests/") => json!({"name": format!("New {number}")}),
            ("PATCH", "/guests/{guest}/") => json!({"name": format!("Renamed {number}")}),
            ("POST", "/rooms/") => json!({"number": format!("R{number}")}),
            ("POST", "/stays/") => {
                json!({"guest_id": things.guest, "room_number": format!("S{number}")})
            }
            ("POST", "/staff/") => json!({
                "username": format!("new{number}"), "name": "New", "password": PASSWORD,
                "departments": ["reception"],
            }),
            ("PATCH", "/staff/{staff}/") => json!({"name": format!("Renamed {number}")}),
            ("POST", "/gateways/") => json!({"name": format!("New {number}")}),
            ("PATCH", "/gateways/{gateway}/") => json!({"name": format!("Renamed {number}")}),
            ("PATCH", "/property/") => json!({"retention_days": number}),
            ("POST", "/departments/") => json!({"name": format!("New {number}")}),
            ("POST", "/setup/") => json!({
                "setup_token": "guessed", "property_name": "Mine", "username": "eve", "name": "Eve",
                "password": PASSWORD,
            }),
            ("POST", "/auth/login/") => {
                json!({"username": format!("nobody{number}"), "password": PASSWORD})
            }
            ("POST", "/auth/password/") => {
                json!({"current_password": PASSWORD, "new_password": "the moon over the bay"})
            }
            (_, "/auth/second-factor/confirm/") => json!({"code": "123456"}),
            (_, "/auth/second-factor/" | "/auth/second-factor/recovery/") => {
                json!({"password": PASSWORD})
            }
            ("POST", "/gateway/statuses/") => {
                json!({"statuses": [{"delivery_id": format!("x{number}"), "state": "read"}]})
            }
            ("POST", "/gateway/messages/") => json!({
                "external_id": format!("x{number}"), "whatsapp_number": format!("+4790000{number}"),
                "content": "Hello",
            }),
            _ => Value::Null,
        }
    }
}

#[tokio::test]
async fn nobody_gets_more_than_the_table_of_routes_says() {
    let scene = Scene::set().await;
    let mut wrong = Vec::new();
    for row in rows() {
        for (who, expected) in EVERYBODY.into_iter().zip(&row.cells) {
            if let Err(what) = hold(&scene, &row, who, expected).await {
                wrong.push(format!("{} {} by {who:?}: {what}", row.method, row.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Makes the call of one cell, and compares.
async fn hold(scene: &Scene, row: &Row, who: Who, expected: &str) -> Result<(), String> {
    let number = scene.house.number();
    let is_change = !row.method.is_safe();
    let succeeds = expected.parse::<u16>().is_err();
    // Those who may change something get something of their own to change.
    let mut things = match is_change && succeeds {
        true => scene.fresh().await,
        false => scene.things,
    };
    let mut client = scene.client(who).clone();
    if row.uses_up() && succeeds {
        client = scene.double(who).await;
        things.session = session_of(&client).await;
    }
    if row.path.ends_with("/reopen/") && succeeds {
        let close = json!({"conversation_id": things.conversation});
        scene.house.admin.post("/chat/conversations/close/", close).await.expect(200);
    }
    let before = scene.state(scene.things.conversation).await;
    let mut request = client.request(row.method.clone(), &row.path_to(&things));
    if is_change {
        match row.body(&things, number) {
            Value::Null if row.method == Method::DELETE => {}
            body => request = request.json(&body),
        }
    }
    let answer = send(request).await;
    let seen = answer.text.contains(MARK)
        || answer.headers.iter().any(|(_, value)| value.to_str().is_ok_and(|v| v.contains(MARK)));
    let is_success = (200..300).contains(&answer.status);
    let holds = match expected {
        "sees" => is_success && seen,
        "blind" => is_success && !seen,
        "does" => is_success,
        status => answer.status.to_string() == status && !seen,
    };
    if !holds {
        return Err(format!("{} instead of {expected}: {}", answer.status, answer.text));
    }
    if !succeeds && scene.state(scene.things.conversation).await != before {
        return Err("it was refused, and still something changed".to_owned());
    }
    Ok(())
}

/// What stays open to an admin who still has to add the second factor that the property asks for.
const OWN_ACCOUNT: [&str; 9] = [
    "POST /auth/logout/",
    "POST /auth/password/",
    "GET /auth/second-factor/",
    "POST /auth/second-factor/",
    "POST /auth/second-factor/confirm/",
    "POST /auth/second-factor/recovery/",
    "DELETE /auth/second-factor/",
    "GET /auth/me/",
    "GET /auth/sessions/",
];

#[tokio::test]
async fn an_admin_without_the_second_factor_that_is_asked_for_reaches_their_own_account_only() {
    let scene = Scene::set().await;
    let mut wrong = Vec::new();
    let line = ["--property", "1", "property", "set", "--second-factor", "admins"];
    scene.house.cli(&line).await.object();
    for row in rows() {
        // Open to everybody, or not for people at all; and one session is left to ask with.
        let is_for_staff = row.cells[0] == "401" && !row.cells[3].starts_with("401");
        if !is_for_staff || row.path == "/auth/logout/" || row.path == "/auth/password/" {
            continue;
        }
        let path = row.path_to(&scene.things);
        let mut request = scene.client(Who::Admin).request(row.method.clone(), &path);
        if !row.method.is_safe() {
            request = request.json(&row.body(&scene.things, 0));
        }
        let answer = send(request).await;
        let is_own =
            OWN_ACCOUNT.contains(&row.route().as_str()) || row.path == "/auth/sessions/{session}/";
        let is_refused = answer.status == 403 && answer.body["code"] == "second_factor_missing";
        if is_refused == is_own || answer.text.contains(MARK) {
            wrong.push(format!("{} {}: {} {}", row.method, row.path, answer.status, answer.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_route_has_a_row() {
    let house = House::start().await;
    let description = house.anyone.get("/openapi.json").await.expect(200);
    let mut routes: BTreeSet<String> =
        UNDESCRIBED.iter().map(|route| (*route).to_owned()).collect();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            routes.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let in_table: BTreeSet<_> = rows().iter().map(Row::route).collect();
    assert_eq!(in_table, routes, "a route and no row for it, or a row and no route");
}

/// Routes that are made without OpenAPI are found in the source: there is one, and it has a row.
#[test]
fn no_route_is_made_beside_openapi() {
    let mut made = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // The demo's own gateway is a program that the server calls.
            if path.ends_with("demo/live.rs") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for way in [".route(", ".route_service(", ".nest(", ".nest_service("] {
                made.extend(text.split(way).skip(1).map(|rest| {
                    rest.split(',').next().unwrap().trim().trim_matches('"').to_owned()
                }));
            }
        }
    }
    assert_eq!(made, ["/ws/chat/"]);
}
