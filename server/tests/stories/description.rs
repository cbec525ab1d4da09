//! Contract 2: `/openapi.json` describes all of the HTTP interface, as the standard wants it.
//! That it describes every answer is asserted wherever a test is answered (`common/described.rs`).

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::common::{House, client::send, house::PASSWORD};

/// The OpenAPI Initiative's own schema of OpenAPI 3.1 (2022-10-07, Apache-2.0).
const STANDARD: &str = include_str!("../fixtures/openapi-3.1.json");

/// All values of a member, wherever it stands.
fn all<'a>(within: &'a Value, member: &str, found: &mut Vec<&'a Value>) {
    match within {
        Value::Object(members) => {
            found.extend(members.get(member));
            members.values().for_each(|value| all(value, member, found));
        }
        Value::Array(values) => values.iter().for_each(|value| all(value, member, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_description_is_a_valid_openapi_document() {
    let house = House::start().await;
    let document = house.anyone.get("/openapi.json").await.expect(200);
    let standard = jsonschema::validator_for(&serde_json::from_str(STANDARD).unwrap()).unwrap();
    let wrong: Vec<_> = standard
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // What the schema cannot say.
    let mut references = Vec::new();
    all(&document, "$ref", &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let place = reference.as_str().unwrap().strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
    }
    let mut names = Vec::new();
    all(&document["paths"], "operationId", &mut names);
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{names:?}");
}

#[tokio::test]
async fn every_error_is_described_as_a_problem_and_every_call_by_its_proof() {
    let house = House::start().await;
    let document = house.anyone.get("/openapi.json").await.expect(200);
    let problem = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                if status.as_str() >= "400" {
                    let content = json!({"application/problem+json": problem});
                    assert_eq!(response["content"], content, "{method} {path} {status}");
                }
                if matches!(status.as_str(), "429" | "503") {
                    let header = &response["headers"]["Retry-After"]["schema"]["type"];
                    assert_eq!(header, "integer", "{method} {path} {status}");
                }
            }
            let proof = match path.as_str() {
                "/setup/" | "/auth/login/" | "/healthz" | "/readyz" | "/metrics" => json!([{}]),
                "/gateway/messages/" | "/gateway/statuses/" => json!([{"gateway": []}]),
                _ => Value::Null,
            };
            assert_eq!(operation["security"], proof, "{method} {path}");
        }
    }
    assert_eq!(document["security"], json!([{"session": []}, {"cookie": []}]));
    let cookie = &document["components"]["securitySchemes"]["cookie"];
    assert_eq!((&cookie["type"], &cookie["in"]), (&json!("apiKey"), &json!("cookie")));
    assert_eq!(cookie["name"], "frontdesk_session");
    for scheme in ["session", "gateway"] {
        let bearer = json!({"type": "http", "scheme": "bearer"});
        assert_eq!(document["components"]["securitySchemes"][scheme], bearer);
    }
}

/// Members of requests that have no longest text: what is too long there is cut, or ignored.
const CUT: [&str; 5] = ["name", "room_number", "reason", "reason_code", "cursor"];

/// A schema, or the one that is not `null` of two.
fn value_of(schema: &Value) -> &Value {
    let choices = schema["oneOf"].as_array();
    choices.and_then(|all| all.iter().find(|one| one["type"] != "null")).unwrap_or(schema)
}

/// The types that a schema takes.
fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// Whether a text or a number says how long or large it may be.
fn is_limited(schema: &Value) -> bool {
    if schema["readOnly"] == true {
        return true;
    }
    let schema = value_of(schema);
    let types = types(schema);
    let is_text = types.contains(&"string");
    if types.contains(&"integer") {
        return schema["minimum"].is_i64() && schema["maximum"].is_i64();
    }
    !is_text
        || schema["maxLength"].is_u64()
        || schema["enum"].is_array()
        || schema["format"] == "date-time"
}

#[tokio::test]
async fn every_text_and_number_of_a_request_says_how_long_or_large_it_may_be() {
    let house = House::start().await;
    let document = house.anyone.get("/openapi.json").await.expect(200);
    let mut without = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                if !is_limited(&parameter["schema"]) && !["q", "cursor"].contains(&name) {
                    without.push(format!("{method} {path}: {name}"));
                }
            }
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            let Some(name) = body["$ref"].as_str().and_then(|name| name.rsplit('/').next()) else {
                continue;
            };
            let schema = &document["components"]["schemas"][name];
            for (member, schema) in schema["properties"].as_object().unwrap() {
                let is_cut = name == "GatewayMessage" && CUT.contains(&member.as_str());
                if !is_limited(schema) && !is_cut {
                    without.push(format!("{name}: {member}"));
                }
            }
        }
    }
    assert!(without.is_empty(), "{without:#?}");
}

#[tokio::test]
async fn what_is_longer_or_larger_than_described_is_refused_by_name() {
    let house = House::start().await;
    let ana = house.staff("ana", &["reception"]).await;
    let guest = house.guest("204", "Amelia Hart").await;
    let gateway = house.gateway("sms", None).await;
    let sms = house.admin.get("/gateways/").await.expect(200)["results"][0]["id"].clone();
    let document = house.anyone.get("/openapi.json").await.expect(200);
    let new =
        json!({"username": "b", "name": "B", "password": PASSWORD, "departments": ["reception"]});
    let setup = json!({
        "setup_token": "x", "property_name": "X", "username": "x", "name": "X", "password": PASSWORD,
    });
    let message = json!({"external_id": "1", "whatsapp_number": "+447700900123", "content": "Hi"});
    let report = json!({"statuses": [{"delivery_id": "x", "state": "read"}]});
    for (method, path, template, body) in [
        ("post", "/setup/".to_owned(), "/setup/", setup),
        (
            "post",
            "/auth/login/".to_owned(),
            "/auth/login/",
            json!({"username": "ana", "password": "x"}),
        ),
        (
            "post",
            "/auth/password/".to_owned(),
            "/auth/password/",
            json!({"current_password": PASSWORD, "new_password": PASSWORD}),
        ),
        (
            "post",
            "/auth/second-factor/".to_owned(),
            "/auth/second-factor/",
            json!({"password": "x"}),
        ),
        (
            "post",
            "/auth/second-factor/confirm/".to_owned(),
            "/auth/second-factor/confirm/",
            json!({"code": "x"}),
        ),
        ("post", "/guests/".to_owned(), "/guests/", json!({"name": "Jo"})),
        ("patch", format!("/guests/{guest}/"), "/guests/{id}/", json!({"name": "Amelia Hart"})),
        ("post", "/rooms/".to_owned(), "/rooms/", json!({"number": "204"})),
        ("post", "/stays/".to_owned(), "/stays/", json!({"guest_id": guest, "room_number": "204"})),
        ("post", "/staff/".to_owned(), "/staff/", new),
        ("patch", format!("/staff/{}/", ana.id), "/staff/{id}/", json!({})),
        ("post", "/departments/".to_owned(), "/departments/", json!({"name": "Spa"})),
        ("patch", "/property/".to_owned(), "/property/", json!({})),
        ("post", "/gateways/".to_owned(), "/gateways/", json!({"name": "Mail"})),
        ("patch", format!("/gateways/{sms}/"), "/gateways/{id}/", json!({})),
        (
            "post",
            "/chat/conversations/create/".to_owned(),
            "/chat/conversations/create/",
            json!({"guest_id": guest, "department": "reception"}),
        ),
        (
            "post",
            "/chat/conversations/close/".to_owned(),
            "/chat/conversations/close/",
            json!({"conversation_id": 1}),
        ),
        (
            "post",
            "/chat/conversations/reopen/".to_owned(),
            "/chat/conversations/reopen/",
            json!({"conversation_id": 1}),
        ),
        (
            "post",
            "/chat/conversations/transfer/".to_owned(),
            "/chat/conversations/transfer/",
            json!({"conversation_id": 1, "department": "reception"}),
        ),
        ("post", "/gateway/messages/".to_owned(), "/gateway/messages/", message),
        ("post", "/gateway/statuses/".to_owned(), "/gateway/statuses/", report),
    ] {
        let operation = &document["paths"][template][method];
        let body_schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let name = body_schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let members = document["components"]["schemas"][name]["properties"].as_object().unwrap();
        let client =
            if path.starts_with("/gateway/") { &gateway.client } else { &house.admin.client };
        for (member, schema) in members {
            let (mut wrong, schema) = (Vec::new(), value_of(schema));
            // What cannot be changed; and a server with accounts looks at no password for its first one.
            if schema["readOnly"] == true || (template, member.as_str()) == ("/setup/", "password")
            {
                continue;
            }
            if let Some(max) = schema["maxLength"].as_u64() {
                wrong.push(json!("x".repeat(usize::try_from(max).unwrap() + 1)));
            }
            if let (Some(min), Some(max)) = (schema["minimum"].as_i64(), schema["maximum"].as_i64())
            {
                wrong.extend([json!(min - 1), json!(max + 1)]);
            }
            if types(schema).contains(&"string") && !path.starts_with("/gateway/") {
                wrong.push(json!({"an": "object"}));
            }
            for value in wrong {
                let mut body = body.clone();
                body[member] = value;
                let call =
                    client.request(method.to_uppercase().parse().unwrap(), &path).json(&body);
                let problem = send(call).await.problem(422, "invalid_input");
                let errors = problem["errors"].as_array().unwrap();
                assert!(
                    errors.iter().any(|error| error["field"] == *member),
                    "{path} {member}: {problem}"
                );
                // Texts are for people: no types of Rust.
                let text = problem.to_string();
                for word in
                    ["i64", "u32", "usize", "struct", "serde", "of another type", "length is"]
                {
                    assert!(!text.contains(word), "{path} {member}: {problem}");
                }
            }
        }
    }
}

#[tokio::test]
async fn the_page_that_shows_it_finds_its_files_from_both_addresses() {
    let house = House::start().await;
    let page = house.anyone.get("/docs").await;
    assert_eq!(page.status, 200);
    assert_eq!(house.anyone.get("/docs/").await.text, page.text);
    let files: Vec<_> = page.text.split('"').filter(|text| text.starts_with("/docs/")).collect();
    assert_eq!(files.len(), 5, "{files:?}");
    for file in files {
        assert_eq!(house.anyone.get(file).await.status, 200, "{file}");
    }
}
