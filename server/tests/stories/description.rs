//! Contract 2: `/openapi.json` describes all of the HTTP interface, as the standard wants it.
//! That it describes every answer is asserted wherever a test is answered (`common/described.rs`).

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::common::House;

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
            }
            let proof = match path.as_str() {
                "/setup/" | "/auth/login/" | "/healthz" | "/readyz" | "/metrics" => json!([{}]),
                "/gateway/messages/" | "/gateway/statuses/" => json!([{"gateway": []}]),
                _ => Value::Null,
            };
            assert_eq!(operation["security"], proof, "{method} {path}");
        }
    }
    assert_eq!(document["security"], json!([{"session": []}]));
    for scheme in ["session", "gateway"] {
        let bearer = json!({"type": "http", "scheme": "bearer"});
        assert_eq!(document["components"]["securitySchemes"][scheme], bearer);
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
