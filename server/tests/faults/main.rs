//! What computers, disks and networks do to a server, done to the real one. An oracle knows every
//! text that was acknowledged.
//!
//! The short form checks correctness alone and is part of every test run; `FRONTDESK_FAULTS=long`
//! (`make faults`) repeats it often, measures, and writes the figures into docs/reliability.md.
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
#![cfg(target_os = "linux")]

#[path = "../common/figures.rs"]
mod figures;

#[path = "../common/mod.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the stories, which use all of it")]
mod common;

mod calls;
mod desk;
mod dice;
mod disk;
mod proxy;
mod report;

mod backups;
mod clock;
mod clock_jumps;
mod erasing;
mod exporting;
mod killing;
mod network;
mod power;
mod replaced;
mod retaining;
mod storage;
mod upgrades;
