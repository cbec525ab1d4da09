//! A real house on a port of its own, and typed clients for it.
//!
//! Everything is made through the public ways: HTTP, the WebSocket and the command line. Nothing
//! waits for time to pass: that nothing comes is shown by what comes after it.

pub mod authenticator;
pub mod callback;
pub mod client;
pub mod described;
pub mod house;
pub mod program;
pub mod raw_socket;
pub mod socket;

pub use authenticator::Authenticator;
pub use callback::Callback;
pub use client::{Answer, Client};
pub use house::{Gateway, House, Person};
pub use program::{Output, Program};
pub use raw_socket::RawSocket;
pub use socket::Socket;

use std::time::Duration;

/// How long anything that must come may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something that must come.
pub async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, event)
        .await
        .unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for {what}"))
}

/// Tries again until something holds; for what is only to be seen by asking.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    soon(what, async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
