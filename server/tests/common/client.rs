//! The HTTP client of one person, or of nobody.

use std::sync::{Arc, RwLock};

use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

use super::{described, soon};

/// Where a house is; changes when it is started again.
pub type Address = Arc<RwLock<String>>;

/// Calls a house, with or without a proof.
#[derive(Clone, Debug)]
pub struct Client {
    pub http: reqwest::Client,
    pub address: Address,
    pub token: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// `null` where it was no JSON.
    pub body: Value,
    pub text: String,
}

impl Client {
    pub fn new(address: Address) -> Self {
        // Two tests may be first at the same time; either is right.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, address, token: None }
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// `host:port`.
    pub fn host(&self) -> String {
        self.address.read().unwrap().clone()
    }

    /// A request that the caller may still add to.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("http://{}{path}", self.host()));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn delete_with(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::DELETE, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }
}

/// Sends a request and reads the answer.
pub async fn send(request: reqwest::RequestBuilder) -> Answer {
    try_send(request).await.unwrap()
}

/// The same for a server that may be gone.
pub async fn try_send(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let (http, request) = request.build_split();
    let request = request?;
    let call = (request.method().clone(), request.url().path().to_owned());
    let response = soon("an answer", http.execute(request)).await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = soon("the body of an answer", response.text()).await?;
    described::assert(&call.0, &call.1, status, &headers);
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answer { status, headers, body, text })
}

impl Answer {
    /// The body of an answer with this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// The body of a problem of this status and code, whole in form.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["code"], code, "{}", self.text);
        assert_eq!(self.body["status"], status, "{}", self.text);
        for member in ["type", "title", "detail"] {
            let text = self.body[member].as_str();
            assert!(text.is_some_and(|text| !text.is_empty()), "{member}: {}", self.text);
        }
        self.body
    }

    /// A header, empty without it.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
