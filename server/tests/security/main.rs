//! Attacks on a real house, each of which must come to nothing. `docs/security.md` names them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops where it stands"
)]
#![allow(
    clippy::large_futures,
    reason = "how large depends on the features that are built together"
)]

#[expect(dead_code, unused_imports, reason = "shared with the stories, which use all of it")]
#[path = "../common/mod.rs"]
mod common;

#[path = "../common/figures.rs"]
mod figures;

mod actors;
mod barrage;
mod fairness;
mod frame_matrix;
mod http_matrix;
mod measured;
mod network;
mod proxies;
mod sign_in;
