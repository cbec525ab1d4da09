//! Stories over real sockets against a real database: what people and programs see of the server.
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

#[path = "../common/mod.rs"]
mod common;

mod accounts;
mod any_input;
mod any_order;
mod audiences;
mod audit;
mod bodies;
mod command_line;
mod commands;
mod conversations;
mod deliveries;
mod demo;
mod description;
mod document;
mod durability;
mod encrypted;
mod erasing;
mod exporting;
mod faults;
mod fixtures;
mod gateway_settings;
mod gateways;
mod getting_in;
mod guest_changes;
mod http;
mod identity;
mod lines;
mod number_rights;
mod odd_input;
mod pages;
mod plans;
mod presence;
mod properties;
mod resuming;
mod retention;
mod second_factor;
mod secrets;
mod sending_once;
mod settings;
mod sign_in_names;
mod texts;
mod transfers;
mod upgrading;
mod violations;
mod waiting;
mod without_way;
