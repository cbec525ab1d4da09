//! What connections can use at most, from the constants that bound it, as `docs/reliability.md` says it.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    guestdata,
    hub::Connection,
    journal, protocol,
    protocol::{FRAME_MAX_BYTES, Id, RESUME_MAX_CONVERSATIONS},
    store, ws,
};

use super::{
    backlog::{BACKLOG_MAX_BYTES, OWN_BYTES, PROPERTY_BACKLOG_MAX_BYTES},
    property::Connections,
    resume::SUBSCRIPTION_BYTES,
};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// An export of a guest's data while it is written (see the test `exporting`).
const EXPORT_BYTES: usize = 256 * MIB;

/// A text of the longest content with four bytes for each character.
const TEXT_BYTES: usize = 4 * protocol::CONTENT_MAX_CHARS;

/// JSON writes a control character, one byte, as six.
const ESCAPED: usize = 6;

/// What a frame has beside its text: names, numbers, times.
const FRAME_BYTES: usize = KIB;

/// Bytes of an entry in a hash table that has just doubled.
const fn table_entry(bytes: usize) -> usize {
    (bytes + 1) * 16 / 7
}

/// What each connection can use, in the words of the document.
fn of_connection() -> BTreeMap<&'static str, usize> {
    let in_set = 2 * size_of::<Id>();
    let group = table_entry(size_of::<(Id, Connections)>());
    // The smallest hash table, with one entry.
    let member = 4 * size_of::<(u64, Arc<Connection>)>() + 32;
    let named = RESUME_MAX_CONVERSATIONS;
    let text = store::events::PAGE_BYTES + TEXT_BYTES;
    let frames = store::events::PAGE_EVENTS * FRAME_BYTES;
    let largest = TEXT_BYTES * ESCAPED + FRAME_BYTES;
    BTreeMap::from([
        ("frames and entries that wait, and as many that are being written", 2 * OWN_BYTES),
        (
            "its subscriptions, 5,000 of them, and its place in their groups",
            named * (in_set + group + member),
        ),
        (
            "a replay: its subscriptions, and what it may not access",
            named * (SUBSCRIPTION_BYTES + size_of::<Id>()),
        ),
        ("a piece of a replay that is being written", text * ESCAPED + frames),
        (
            "bytes inside the socket",
            ws::READ_BUFFER_BYTES + ws::WRITE_BUFFER_BYTES + FRAME_MAX_BYTES + largest,
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
