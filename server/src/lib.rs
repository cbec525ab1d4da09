//! The chat server of Frontdesk: a library that the program, the desktop app and the tests embed.

mod app;
pub mod auth;
mod chat;
pub mod clock;
mod config;
mod hub;
mod journal;
pub mod protocol;
mod store;
mod telemetry;
mod ws;

pub use config::Config;
pub use store::read_statements;
