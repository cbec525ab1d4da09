//! The chat server of Frontdesk: a library that the program, the desktop app and the tests embed.

pub mod admin;
mod app;
pub mod audit;
pub mod auth;
pub mod backup;
mod chat;
pub mod check;
pub mod clock;
mod config;
mod data_files;
mod delivery;
pub mod demo;
mod files;
mod gateway_traffic;
pub mod guestdata;
#[cfg(any(debug_assertions, feature = "fuzzing"))]
#[doc(hidden)]
pub mod hostile;
mod http;
mod hub;
mod journal;
mod keeping;
mod listen;
mod log_limit;
mod property_turns;
pub mod protocol;
pub mod region;
mod serve;
mod store;
mod telemetry;
mod text;
mod tls;
mod ws;

pub use app::OpenError;
pub use auth::{ForeignOrigin, SetupToken};
pub use config::Config;
pub use http::is_own_path;
pub use serve::{ServeError, Server, serve};
pub use store::read_statements;
pub use tls::{Tls, TlsError, fingerprint};
