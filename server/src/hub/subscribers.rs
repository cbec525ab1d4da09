//! Who is subscribed to which conversation of a property.

use std::{collections::BTreeMap, sync::Arc};

use crate::protocol::Id;

use super::Connection;

/// Bytes that an entry of so many takes in a tree at most: nodes have room for 11 and may have 5, and every sixth is in
/// an inner node, with twelve references; each node has a little beside, and so has its place in memory.
pub(super) const fn in_tree(bytes: usize) -> usize {
    5 * bytes / 2 + 10
}

/// The subscriptions of all connections of a property, in one tree: a table for each conversation would take several
/// times as much memory.
#[derive(Debug, Default)]
pub(super) struct Subscribers(BTreeMap<(Id, u64), Arc<Connection>>);

impl Subscribers {
    /// The connections that are subscribed to a conversation, in the order of their ids.
    pub(super) fn of(&self, conversation_id: Id) -> impl Iterator<Item = &Arc<Connection>> {
        let all = (conversation_id, u64::MIN)..=(conversation_id, u64::MAX);
        self.0.range(all).map(|(_, connection)| connection)
    }

    pub(super) fn add(&mut self, conversation_id: Id, connection: &Arc<Connection>) {
        self.0.insert((conversation_id, connection.id), Arc::clone(connection));
    }

    pub(super) fn remove(&mut self, conversation_id: Id, connection: u64) {
        self.0.remove(&(conversation_id, connection));
    }
}
