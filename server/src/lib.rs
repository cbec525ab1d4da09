//! The chat server of Frontdesk: a library that the program, the desktop app and the tests embed.

mod app;
pub mod auth;
mod chat;
pub mod clock;
mod config;
mod http;
mod hub;
mod journal;
pub mod protocol;
mod serve;
mod store;
mod telemetry;
mod ws;

pub use app::OpenError;
pub use config::Config;
pub use serve::{ServeError, serve};
pub use store::read_statements;
