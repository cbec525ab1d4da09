//! The sign-in in the system's keyring, and in memory where there is none; beside it the key of the outbox and
//! what this computer is known by.
//!
//! A keyring may take as long as its owner needs to unlock it. Its calls are carried out in order by a thread of
//! their own; nobody else waits longer than they want to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use frontdesk_server::protocol::User;
use keyring_core::{CredentialStore, Entry};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::sealed::Key;

/// Under this name people find the entries in their keyring's own window.
const SERVICE: &str = "Frontdesk";

/// A keyring that is open answers in a fraction of it.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Calls that may wait for a keyring that does not answer; more fail.
const MAX_CALLS: usize = 32;

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
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoKeyring;

type Opener = fn() -> keyring_core::Result<Arc<CredentialStore>>;

type Call = Box<dyn FnOnce(&mut Keyring) + Send>;

/// The keyring of whoever is signed in to this computer.
#[derive(Debug)]
pub(crate) struct Keychain {
    calls: SyncSender<Call>,
    /// Somebody has waited in vain, and nothing was answered since.
    is_silent: Arc<AtomicBool>,
    patience: Duration,
}

impl Keychain {
    /// The system's.
    pub(crate) fn new() -> Self {
        Self::opened_by(platform, ANSWER_WITHIN)
    }

    fn opened_by(open: Opener, patience: Duration) -> Self {
        let (calls, called) = sync_channel(MAX_CALLS);
        let is_silent = Arc::new(AtomicBool::new(false));
        let keyring = Keyring { open, opened: None };
        let silence = Arc::clone(&is_silent);
        let spawned = std::thread::Builder::new()
            .name("keyring".to_owned())
            .spawn(move || keyring.serve(&called, &silence));
        if let Err(error) = spawned {
            tracing::error!(%error, "the keyring cannot be used");
        }
        Self { calls, is_silent, patience }
    }

    /// The sign-in stored for a server, if there is one. It may wait until the keyring is unlocked.
    pub(crate) async fn load(&self, account: &str) -> Result<Option<SignIn>, NoKeyring> {
        let kept = self.call(account, |entry| unless_missing(entry.get_password())).await?;
        // A value that another version of this program wrote and that cannot be read counts as missing.
        Ok(kept.and_then(|kept| serde_json::from_str(&kept).ok()))
    }

    /// Stores a sign-in. It may wait until the keyring is unlocked.
    pub(crate) async fn store(&self, account: &str, sign_in: &SignIn) -> Result<(), NoKeyring> {
        let secret = serde_json::to_string(sign_in).map_err(|_| NoKeyring)?;
        self.call(account, move |entry| entry.set_password(&secret)).await
    }

    /// The key of this name; a new one when there is none.
    pub(crate) async fn outbox_key(&self, name: &str) -> Result<Key, NoKeyring> {
        let key = self.call(name, |entry| {
            match entry.get_secret().map(<[u8; 32]>::try_from) {
                Ok(Ok(key)) => return Ok(Key(key)),
                // Something else of this name is no key.
                Ok(Err(_)) | Err(keyring_core::Error::NoEntry) => {}
                Err(error) => return Err(error),
            }
            let key: [u8; 32] = rand::random();
            entry.set_secret(&key)?;
            Ok(Key(key))
        });
        self.soon(key).await
    }

    /// What a server knows this computer by, for one person.
    pub(crate) async fn device_secret(&self, name: &str) -> Option<String> {
        let secret = self.call(name, |entry| unless_missing(entry.get_password()));
        self.soon(secret).await.ok().flatten()
    }

    /// Keeps that, sooner or later.
    pub(crate) fn store_device_secret(&self, name: &str, secret: String) {
        self.begin(name, move |entry| entry.set_password(&secret));
    }

    /// Forgets the sign-in for a server, or a key, sooner or later.
    pub(crate) fn forget(&self, account: &str) {
        self.begin(account, |entry| unless_missing(entry.delete_credential()));
    }

    /// Waits a while until everything that was begun is done.
    pub(crate) async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        let called = self.calls.try_send(Box::new(move |_| {
            let _ = done.send(());
        }));
        if called.is_ok() {
            let _ = tokio::time::timeout(self.patience, settled).await;
        }
    }

    /// Limits how long a call may take. After one call has timed out, the next ones fail at once until the
    /// keyring answers.
    async fn soon<T>(
        &self,
        call: impl Future<Output = Result<T, NoKeyring>>,
    ) -> Result<T, NoKeyring> {
        if self.is_silent.load(Ordering::Relaxed) {
            return Err(NoKeyring);
        }
        tokio::time::timeout(self.patience, call).await.unwrap_or_else(|_elapsed| {
            tracing::warn!("the keyring does not answer");
            self.is_silent.store(true, Ordering::Relaxed);
            Err(NoKeyring)
        })
    }

    async fn call<T: Send + 'static>(
        &self,
        account: &str,
        act: impl FnOnce(&Entry) -> keyring_core::Result<T> + Send + 'static,
    ) -> Result<T, NoKeyring> {
        self.begin(account, act).await.unwrap_or(Err(NoKeyring))
    }

    /// The call is made also when nobody waits for its answer.
    fn begin<T: Send + 'static>(
        &self,
        account: &str,
        act: impl FnOnce(&Entry) -> keyring_core::Result<T> + Send + 'static,
    ) -> oneshot::Receiver<Result<T, NoKeyring>> {
        let (answer, answered) = oneshot::channel();
        let account = account.to_owned();
        let call: Call = Box::new(move |keyring| {
            let _ = answer.send(keyring.with_entry(&account, act));
        });
        if self.calls.try_send(call).is_err() {
            tracing::warn!("too many keyring calls are waiting");
        }
        answered
    }
}

/// What the thread works on.
struct Keyring {
    open: Opener,
    /// `None` before the first call, and after one that failed: the keyring may have started later than this
    /// program, or again.
    opened: Option<Arc<CredentialStore>>,
}

impl Keyring {
    fn serve(mut self, called: &Receiver<Call>, is_silent: &AtomicBool) {
        for call in called {
            call(&mut self);
            is_silent.store(false, Ordering::Relaxed);
        }
    }

    fn with_entry<T>(
        &mut self,
        account: &str,
        act: impl FnOnce(&Entry) -> keyring_core::Result<T>,
    ) -> Result<T, NoKeyring> {
        let done = self.open().and_then(|store| act(&store.build(SERVICE, account, None)?));
        done.map_err(|error| {
            tracing::warn!(%error, "the keyring cannot be used");
            self.opened = None;
            NoKeyring
        })
    }

    fn open(&mut self) -> keyring_core::Result<Arc<CredentialStore>> {
        if let Some(opened) = &self.opened {
            return Ok(Arc::clone(opened));
        }
        let opened = (self.open)()?;
        self.opened = Some(Arc::clone(&opened));
        Ok(opened)
    }
}

fn unless_missing<T>(result: keyring_core::Result<T>) -> keyring_core::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(keyring_core::Error::NoEntry) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn platform() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn platform() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(windows)]
fn platform() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

#[cfg(test)]
mod tests;
