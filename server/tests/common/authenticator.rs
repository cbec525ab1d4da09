//! The app on a person's phone: makes codes of what the server told it.

use serde_json::{Value, json};
use totp_rs::{Builder, Secret, Totp};

use super::{Client, house::PASSWORD};

/// A second factor that was added to an account.
#[derive(Debug)]
pub struct Authenticator {
    totp: Totp,
    /// What the person wrote down.
    pub recovery_codes: Vec<String>,
}

impl Authenticator {
    /// Takes in what `POST /auth/second-factor/` answered.
    pub fn scan(begun: &Value) -> Self {
        let secret = Secret::try_from_base32(begun["secret"].as_str().unwrap()).unwrap();
        let totp = Builder::new().with_secret(secret).with_account_name("account").build().unwrap();
        Self { totp, recovery_codes: Vec::new() }
    }

    /// Adds a second factor to the account of whoever is signed in.
    pub async fn add(client: &Client, millis: i64) -> Self {
        let begun = client.post("/auth/second-factor/", json!({"password": PASSWORD})).await;
        let mut app = Self::scan(&begun.expect(200));
        let code = json!({"code": app.code(millis)});
        let confirmed = client.post("/auth/second-factor/confirm/", code).await.expect(200);
        app.recovery_codes = recovery_codes(&confirmed);
        app
    }

    /// What it shows at this time.
    pub fn code(&self, millis: i64) -> String {
        self.totp.generate(u64::try_from(millis).unwrap() / 1000).to_string()
    }
}

/// The recovery codes of an answer.
pub fn recovery_codes(answer: &Value) -> Vec<String> {
    let codes = answer["recovery_codes"].as_array().unwrap().iter();
    codes.map(|code| code.as_str().unwrap().to_owned()).collect()
}
