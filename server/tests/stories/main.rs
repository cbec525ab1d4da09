//! Stories over real sockets against a real database: what people and programs see of the server.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it stands")]

mod fixtures;
