//! What a keyring that comes late, or says nothing, does to the rest of the program.

use std::sync::{Mutex, PoisonError, mpsc};

use futures_util::FutureExt;

use super::*;

fn mock() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(keyring_core::mock::Store::new()?)
}

#[tokio::test]
async fn a_keyring_that_comes_later_is_used() {
    static STARTED: AtomicBool = AtomicBool::new(false);
    let open: Opener = || match STARTED.load(Ordering::Relaxed) {
        true => mock(),
        false => Err(keyring_core::Error::NoDefaultStore),
    };
    let keychain = Keychain::opened_by(open, ANSWER_WITHIN);
    assert_eq!(keychain.load("here").await, Err(NoKeyring));
    STARTED.store(true, Ordering::Relaxed);
    assert_eq!(keychain.load("here").await, Ok(None));
}

#[tokio::test]
async fn a_silent_keyring_is_waited_for_once_and_used_when_it_speaks() {
    static UNLOCKED: Mutex<Option<mpsc::Receiver<()>>> = Mutex::new(None);
    let (unlock, unlocked) = mpsc::channel();
    *UNLOCKED.lock().unwrap() = Some(unlocked);
    let open: Opener = || {
        if let Some(unlocked) = UNLOCKED.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = unlocked.recv();
        }
        mock()
    };
    let keychain = Keychain::opened_by(open, Duration::from_millis(50));
    let loading = keychain.begin("here", |entry| unless_missing(entry.get_password()));
    assert!(keychain.outbox_key("key").await.is_err());
    let again = keychain.outbox_key("key").now_or_never();
    assert!(again.expect("nobody waits again").is_err());
    unlock.send(()).unwrap();
    assert_eq!(loading.await.unwrap(), Ok(None), "who waits is answered all the same");
    let key = loop {
        // The call before this one is done when it is.
        keychain.settle().await;
        if let Ok(key) = keychain.outbox_key("key").await {
            break key;
        }
    };
    assert_eq!(key.0.len(), 32);
}
