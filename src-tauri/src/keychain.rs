//! The sign-in in the system's keyring, and in memory where there is none; the key of the outbox beside it.

use std::time::Duration;

use frontdesk_server::protocol::User;
use serde::{Deserialize, Serialize};

use crate::outbox::Key;

/// Under this name people find the entries in their keyring's own window.
const SERVICE: &str = "Frontdesk";

/// A keyring that says nothing for so long (somebody does not unlock it) is not waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The proof of a sign-in. It never reaches the window or a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token itself, for the server.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A sign-in as it is kept: with the person, so that the inbox opens before the server is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SignIn {
    pub(crate) token: Token,
    pub(crate) user: User,
}

/// There is no keyring, or it does not open; the cause is in the log.
#[derive(Debug)]
pub(crate) struct NoKeyring;

/// The sign-in kept for a server, if there is one.
pub(crate) async fn load(account: &str) -> Result<Option<SignIn>, NoKeyring> {
    let kept = with_entry(account, |entry| match entry.get_password() {
        Ok(kept) => Ok(Some(kept)),
        Err(keyring::Error::NoEntry) => Ok(None),
        Err(error) => Err(error),
    });
    // What another version of this program wrote is as good as nothing.
    Ok(kept.await?.and_then(|kept| serde_json::from_str(&kept).ok()))
}

/// Keeps a sign-in.
pub(crate) async fn store(account: &str, sign_in: &SignIn) -> Result<(), NoKeyring> {
    let secret = serde_json::to_string(sign_in).map_err(|_| NoKeyring)?;
    with_entry(account, move |entry| entry.set_password(&secret)).await
}

/// The key of this name; a new one when there is none.
pub(crate) async fn outbox_key(name: &str) -> Result<Key, NoKeyring> {
    with_entry(name, |entry| {
        match entry.get_secret().map(<[u8; 32]>::try_from) {
            Ok(Ok(key)) => return Ok(Key(key)),
            // Something else of this name is no key.
            Ok(Err(_)) | Err(keyring::Error::NoEntry) => {}
            Err(error) => return Err(error),
        }
        let key: [u8; 32] = rand::random();
        entry.set_secret(&key)?;
        Ok(Key(key))
    })
    .await
}

/// Forgets the sign-in for a server, or a key.
pub(crate) async fn forget(account: &str) -> Result<(), NoKeyring> {
    with_entry(account, |entry| match entry.delete_credential() {
        Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
        Err(error) => Err(error),
    })
    .await
}

/// The keyring's calls block, and some of them need a thread without an async runtime.
async fn with_entry<T: Send + 'static>(
    account: &str,
    act: impl FnOnce(&keyring::Entry) -> keyring::Result<T> + Send + 'static,
) -> Result<T, NoKeyring> {
    let account = account.to_owned();
    let acting = tokio::task::spawn_blocking(move || {
        let entry = keyring::Entry::new(SERVICE, &account)?;
        act(&entry)
    });
    match tokio::time::timeout(PATIENCE, acting).await {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => {
            tracing::warn!(%error, "the keyring cannot be used");
            Err(NoKeyring)
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "the keyring cannot be used");
            Err(NoKeyring)
        }
        Err(_elapsed) => {
            tracing::warn!("the keyring does not answer");
            Err(NoKeyring)
        }
    }
}
