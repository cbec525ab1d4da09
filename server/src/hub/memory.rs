//! What connections can use at most, from the constants that bound it, as `docs/reliability.md` says it.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    chat::Event,
    guestdata,
    hub::Connection,
    journal, protocol,
    protocol::{FRAME_MAX_BYTES, Id, RESUME_MAX_CONVERSATIONS},
    store, ws,
};

use super::{
    backlog::{BACKLOG_MAX_BYTES, OWN_BYTES, PROPERTY_BACKLOG_MAX_BYTES},
    resume::SUBSCRIPTION_BYTES,
    subscribers::in_tree,
};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// An export of a guest's data while it is written (see the test `exporting`).
const EXPORT_BYTES: usize = 256 * MIB;

/// A text of the longest content with four bytes for each character.
const TEXT_BYTES: usize = 4 * protocol::CONTENT_MAX_CHARS;

/// The largest frame: JSON writes a control character as six bytes, and no character as more. Beside its text, it has names,
/// numbers and times.
const LARGEST_FRAME_BYTES: usize = 6 * protocol::CONTENT_MAX_CHARS + 2 * KIB;

/// What each connection can use, in the words of the document.
fn of_connection() -> BTreeMap<&'static str, usize> {
    let own = in_tree(size_of::<Id>());
    let in_property = in_tree(size_of::<((Id, u64), Arc<Connection>)>());
    let named = RESUME_MAX_CONVERSATIONS;
    let each_event = size_of::<Event>() + size_of::<protocol::Message>();
    BTreeMap::from([
        ("frames and entries that wait, and as many that are being written", 2 * OWN_BYTES),
        ("its subscriptions, 5,000 of them", named * (own + in_property)),
        (
            "a replay: its subscriptions, and what it may not access",
            named * (SUBSCRIPTION_BYTES + size_of::<Id>()),
        ),
        (
            "a piece of a replay that is being written",
            store::events::PAGE_BYTES
                + LARGEST_FRAME_BYTES
                + store::events::PAGE_EVENTS * each_event,
        ),
        (
            "bytes inside the socket",
            ws::READ_BUFFER_BYTES + ws::WRITE_BUFFER_BYTES + FRAME_MAX_BYTES + LARGEST_FRAME_BYTES,
        ),
    ])
}

/// What all of them can use beside that.
fn of_all() -> BTreeMap<&'static str, usize> {
    let names = ws::RESUMES_AT_ONCE * size_of::<Id>();
    BTreeMap::from([
        ("what slow readers have waiting beyond their own", BACKLOG_MAX_BYTES),
        (
            "changes that wait for the writer, 4,096 of the longest texts",
            journal::QUEUE_CHANGES * TEXT_BYTES + names,
        ),
        (
            "conversations that the writer keeps in mind, 20,000",
            journal::KEPT_CONVERSATIONS * 2 * KIB,
        ),
        (
            "exports of guests' data that are written at the same time, two of them",
            guestdata::EXPORTS_AT_ONCE * EXPORT_BYTES,
        ),
        (
            "page caches of the database's five connections",
            (store::READERS as usize + 1) * store::CACHE_BYTES,
        ),
    ])
}

fn rounded_up(bytes: usize, unit: usize) -> String {
    let whole = bytes.div_ceil(unit).to_string();
    match whole.len() {
        0..=3 => whole,
        length => format!("{},{}", &whole[..length - 3], &whole[length - 3..]),
    }
}

#[test]
fn the_document_says_what_five_thousand_connections_can_use() {
    let document = include_str!("../../../docs/reliability.md");
    let (each, shared) = (of_connection(), of_all());
    let mut lines: Vec<String> = each
        .iter()
        .map(|(what, bytes)| format!("| {what} | {} KiB |", rounded_up(*bytes, KIB)))
        .collect();
    lines.extend(
        shared.iter().map(|(what, bytes)| format!("| {what} | {} MiB |", rounded_up(*bytes, MIB))),
    );
    let one: usize = each.values().sum();
    let all = 5_000 * one + shared.values().sum::<usize>();
    lines.push(format!("**5,000 connections: {} MiB at most**", rounded_up(all, MIB)));
    lines.push(format!("One person's 64: {} MiB", rounded_up(64 * one, MIB)));
    lines.push(format!("{} MiB of one hotel", PROPERTY_BACKLOG_MAX_BYTES / MIB));
    let missing: Vec<_> = lines.iter().filter(|line| !document.contains(line.as_str())).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
