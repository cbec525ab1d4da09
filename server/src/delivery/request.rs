//! One attempt to hand a reply to its gateway.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    protocol::{DeliveryReason, Timestamp},
    store::deliveries::Due,
};

use super::address::{AddressRefused, AddressRules, CheckedResolver};

/// How long a gateway may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest reason kept with a reply that was not taken, in characters.
const REASON_MAX_CHARS: usize = 300;

/// HTTP clients for deliveries.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    /// For callbacks that were set on the command line, which may be on this computer.
    of_operator: Client,
    /// For callbacks that were set over HTTP.
    of_admins: Client,
}

#[derive(Clone, Debug)]
struct Client {
    http: reqwest::Client,
    rules: AddressRules,
}

impl Clients {
    /// Clients; the rules are those for callbacks that were set over HTTP.
    ///
    /// # Errors
    /// When the system's TLS settings cannot be read.
    pub(crate) fn new(of_admins: AddressRules) -> Result<Self, reqwest::Error> {
        let of_operator = AddressRules { loopback: true, ..of_admins.clone() };
        Ok(Self { of_operator: Client::new(of_operator)?, of_admins: Client::new(of_admins)? })
    }

    /// Sends the reply once.
    pub(super) async fn send(&self, due: &Due, now: Timestamp) -> Result<(), NotAccepted> {
        let client = if due.may_call_loopback { &self.of_operator } else { &self.of_admins };
        client.send(due, now).await
    }
}

/// A client without redirects (a signed body is for its address alone) and without a proxy from the environment.
///
/// # Errors
/// When the system's TLS settings cannot be read.
pub(crate) fn client(rules: &AddressRules) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .dns_resolver(std::sync::Arc::new(CheckedResolver(rules.clone())))
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .connect_timeout(TIMEOUT)
        .no_proxy()
        .user_agent(concat!("frontdesk/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Why a gateway did not accept a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotAccepted {
    /// The status of its answer, if it answered.
    pub(super) status: Option<u16>,
    /// The same in words.
    pub(super) reason: String,
    /// Whether its address may not be called.
    pub(super) is_address_refused: bool,
}

impl NotAccepted {
    /// Why the reply fails for good: sending it again would change nothing. `None`: it is sent again.
    pub(super) fn final_reason(&self) -> Option<DeliveryReason> {
        if self.is_address_refused {
            return Some(DeliveryReason::AddressRefused);
        }
        let is_refused = matches!(self.status, Some(400 | 409 | 413 | 415 | 422));
        is_refused.then_some(DeliveryReason::Refused)
    }

    /// The status, where it means that the gateway's address or secret is wrong: it refuses all replies.
    pub(super) fn refuses_all(&self) -> Option<u16> {
        self.status.filter(|status| matches!(status, 401 | 403 | 404 | 405 | 410))
    }
}

impl Client {
    fn new(rules: AddressRules) -> Result<Self, reqwest::Error> {
        Ok(Self { http: client(&rules)?, rules })
    }

    async fn send(&self, due: &Due, now: Timestamp) -> Result<(), NotAccepted> {
        let unsent = |reason| NotAccepted { status: None, reason, is_address_refused: false };
        let Some(url) = &due.callback_url else {
            return Err(unsent("the gateway has no callback URL".to_owned()));
        };
        let url = reqwest::Url::parse(url).map_err(|error| unsent(error.to_string()))?;
        self.rules.check_url(&url).map_err(refused)?;
        let body = serde_json::to_vec(&due.body).map_err(|error| unsent(error.to_string()))?;
        let timestamp = now.as_millis().div_euclid(1000).to_string();
        let answer = self
            .http
            .post(url)
            .header("Content-Type", "application/json")
            .header("X-Frontdesk-Signature", signature(&due.signing_secret, &timestamp, &body))
            .header("X-Frontdesk-Timestamp", timestamp)
            .body(body)
            .send()
            .await
            .map_err(|error| {
                let error = error.without_url();
                address_refused(&error).map_or_else(|| unsent(reason(&error)), refused)
            })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let reason = format!("the gateway answered {status}");
        let status = Some(status.as_u16());
        Err(NotAccepted { status, reason, is_address_refused: false })
    }
}

/// The address may not be called.
fn refused(error: AddressRefused) -> NotAccepted {
    NotAccepted { status: None, reason: error.to_string(), is_address_refused: true }
}

/// Whether a request failed because the addresses of a name may not be called.
fn address_refused(error: &(dyn std::error::Error + 'static)) -> Option<AddressRefused> {
    let mut error = Some(error);
    while let Some(cause) = error {
        if let Some(refused) = cause.downcast_ref::<AddressRefused>() {
            return Some(*refused);
        }
        error = cause.source();
    }
    None
}

/// `sha256=` and the HMAC of `timestamp.body` in lower-case hex.
pub(crate) fn signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    // HMAC takes keys of any length, so there is no error to be told.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// An error with its causes, short enough to be kept.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.chars().take(REASON_MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::signature;

    #[test]
    fn the_documented_request_is_genuine() {
        let body = concat!(
            r#"{"delivery_id":"0b0e7f2c-5a53-4c8a-9f0c-7f5f0a3e9d11","message_id":4711,"conversation_id":123,"#,
            r#""guest":{"id":789,"name":"Amelia Hart","whatsapp_number":"+447700900123","guest_ref":null,"address":"+44 7700 900123"},"#,
            r#""room_number":"204","department":"reception","sender_name":"Ana Silva","content":"On their way!","#,
            r#""created_at":"2026-11-23T09:04:00.000Z"}"#,
        );
        assert_eq!(
            signature("fdgs_6f1c2a9d8e4b", "1795424640", body.as_bytes()),
            "sha256=168c6f5ec77419baa38dcc2113e8578b6d3fe1f5ac1f387c6aa3b81962cbcb0c"
        );
    }
}
