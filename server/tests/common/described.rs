//! What `/openapi.json` says of the answers: whatever a test is answered must stand there.

use std::sync::OnceLock;

use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

use super::Client;

static DOCUMENT: OnceLock<Value> = OnceLock::new();

/// Reads the document, once for all tests of a program.
pub async fn learn(anyone: &Client) {
    if DOCUMENT.get().is_none() {
        let document = anyone.get("/openapi.json").await.expect(200);
        let _ = DOCUMENT.set(document);
    }
}

/// Asserts that a call may be answered like this. What is no call of the interface says nothing.
pub fn assert(method: &Method, path: &str, status: u16, headers: &HeaderMap) {
    let Some(document) = DOCUMENT.get() else { return };
    let paths = document["paths"].as_object().unwrap().iter();
    // `/a/b/` is rather itself than `/a/{id}/`.
    let described = paths.filter(|(template, _)| is_of(path, template));
    let Some((_, item)) = described.min_by_key(|(template, _)| template.matches('{').count())
    else {
        return;
    };
    let operation = &item[method.as_str().to_lowercase()];
    if operation.is_null() {
        return;
    }
    let response = &operation["responses"][status.to_string()];
    assert!(!response.is_null(), "{method} {path}: {status} is not described");
    let kind = headers.get("content-type").map_or("", |kind| kind.to_str().unwrap());
    let kind = kind.split(';').next().unwrap();
    let is_described = match response["content"].as_object() {
        Some(content) => content.contains_key(kind),
        None => kind.is_empty(),
    };
    assert!(is_described, "{method} {path}: {status} as {kind:?} is not described");
}

fn is_of(path: &str, template: &str) -> bool {
    let parts = |path: &str| {
        let parts = path.trim_matches('/').split('/').map(str::to_owned);
        parts.collect::<Vec<_>>()
    };
    let (path, template) = (parts(path), parts(template));
    path.len() == template.len()
        && path.iter().zip(&template).all(|(part, name)| name.starts_with('{') || part == name)
}
