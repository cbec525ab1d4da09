//! Copies of the database, and what must hold in one.

use std::{path::Path, time::Duration};

use sqlx::{
    AssertSqlSafe, Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions,
};

use crate::{audit::Actor, protocol::Timestamp};

use super::{BUSY_TIMEOUT, StoreError, audit, events, staff, working::json};

/// How far every id sequence jumps when a backup is restored: more than anybody can have written
/// since it was made, so that no id is ever given twice.
const SEQUENCE_JUMP: i64 = 1_000_000;

/// How long emptying the journal file waits for connections that read: most reads are shorter, and the others
/// much longer.
const FOLDING_TIMEOUT: Duration = Duration::from_millis(50);

/// What is known of the database that a backup is put in the place of.
#[derive(Clone, Debug)]
pub enum Replaced {
    /// There is none.
    Nothing,
    /// It can be read.
    Known {
        /// The newest id that was given in each table.
        sequences: Vec<(String, i64)>,
        /// Hashes of the tokens of the sessions that are good now, in hex.
        sessions: Vec<String>,
    },
    /// It cannot be read.
    Unknown,
}

/// What a database has, to be compared with another one.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Whether anybody can sign in.
    pub has_accounts: bool,
    /// Its life; see [`events::epoch`].
    epoch: String,
    /// The newest id that was given in each table.
    sequences: Vec<(String, i64)>,
}

impl Contents {
    /// Whether this one has something newer than another of the same life.
    #[must_use]
    pub fn is_ahead_of(&self, other: &Self) -> bool {
        let has = |table: &str| other.sequences.iter().find(|(name, _)| name == table);
        self.epoch == other.epoch
            && self.sequences.iter().any(|(table, seq)| has(table).is_none_or(|(_, it)| it < seq))
    }
}

/// See [`Contents`]. A database without tables has nothing.
///
/// # Errors
/// [`StoreError::Database`] when it cannot be read.
pub async fn contents(connection: &mut SqliteConnection) -> Result<Contents, StoreError> {
    let is_filled: bool = sqlx::query_scalar(
        "select count(*) = 3 from sqlite_schema where name in ('meta', 'staff', 'sqlite_sequence')",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !is_filled {
        let (epoch, sequences) = (String::new(), Vec::new());
        return Ok(Contents { has_accounts: false, epoch, sequences });
    }
    Ok(Contents {
        has_accounts: staff::exist(&mut *connection).await?,
        epoch: events::epoch_of(connection).await?,
        sequences: sqlx::query_as("select name, seq from sqlite_sequence")
            .fetch_all(connection)
            .await?,
    })
}

/// Opens a database that exists, for reading.
///
/// # Errors
/// [`StoreError::Database`] when there is none, or it is none.
pub async fn open_to_read(file: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("query_only", "on");
    Ok(SqliteConnection::connect_with(&options).await?)
}

/// Opens a database that exists, to be copied.
///
/// # Errors
/// [`StoreError::Database`] when there is none, or it is none.
pub async fn open_to_copy(file: &Path) -> Result<SqliteConnection, StoreError> {
    // SQLite does not count writing another file as reading: so no `query_only` here.
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT);
    Ok(SqliteConnection::connect_with(&options).await?)
}

/// Opens a copy that is about to become the database. Its changes need no journal beside it: it is
/// thrown away when anything fails.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn open_to_restore(file: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Delete)
        .foreign_keys(true)
        // Migrations must not leave what they drop in pages that are only marked as free.
        .pragma("secure_delete", "on")
        .busy_timeout(BUSY_TIMEOUT);
    Ok(SqliteConnection::connect_with(&options).await?)
}

/// Whether the file is a database of Frontdesk.
///
/// # Errors
/// [`StoreError::Database`] when it is no database at all.
pub async fn is_ours(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    let tables: i64 = sqlx::query_scalar(
        "select count(*) from sqlite_schema
         where type = 'table' and name in ('meta', 'property', 'conversation', 'message', '_sqlx_migrations')",
    )
    .fetch_one(connection)
    .await?;
    Ok(tables == 5)
}

/// Writes everything into a file that is empty or missing, as of one moment.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn copy_into(connection: &mut SqliteConnection, file: &str) -> Result<(), StoreError> {
    sqlx::query("vacuum into ?1").bind(file.to_owned()).execute(connection).await?;
    Ok(())
}

/// What must be known of a database before another one takes its place.
///
/// # Errors
/// [`StoreError::Database`] when it cannot be read.
pub async fn replaced(connection: &mut SqliteConnection) -> Result<Replaced, StoreError> {
    let sequences =
        sqlx::query_as("select name, seq from sqlite_sequence").fetch_all(&mut *connection).await?;
    let sessions = sqlx::query_scalar(
        "select hex(s.token_hash) from session s join staff p on p.id = s.staff_id
         where p.disabled_at is null",
    )
    .fetch_all(connection)
    .await?;
    Ok(Replaced::Known { sequences, sessions })
}

/// Makes a copy another database than the one it was copied from: a new epoch, no id that was given
/// since, by the other or by one that took its place, and no session that may have ended since.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn begin_new_life(
    connection: &mut SqliteConnection,
    replaced: &Replaced,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await?;
    let entries = audit::everywhere(&mut transaction, Actor::CommandLine, "restored").await?;
    audit::append(&mut transaction, &entries, now).await?;
    match replaced {
        Replaced::Nothing => {}
        Replaced::Known { sessions, .. } => {
            sqlx::query(
                "delete from session
                 where hex(token_hash) not in (select value from json_each(?1))",
            )
            .bind(json(sessions)?)
            .execute(&mut *transaction)
            .await?;
        }
        Replaced::Unknown => {
            sqlx::query("delete from session").execute(&mut *transaction).await?;
        }
    }
    // The backup may be old; this is not a jump of the clock.
    super::clock::record(&mut transaction, now, None).await?;
    sqlx::query("delete from meta where key = 'epoch'").execute(&mut *transaction).await?;
    events::epoch(&mut transaction).await?;
    // A table that never had a row has no sequence yet: the other database may have begun one.
    sqlx::query(
        "insert into sqlite_sequence (name, seq)
         select name, 0 from sqlite_schema
         where type = 'table' and sql like '%autoincrement%'
           and name not in (select name from sqlite_sequence)",
    )
    .execute(&mut *transaction)
    .await?;
    match replaced {
        Replaced::Nothing => {}
        Replaced::Known { sequences, .. } => {
            for (table, seq) in sequences {
                sqlx::query("update sqlite_sequence set seq = max(seq, ?2) where name = ?1")
                    .bind(table)
                    .bind(seq)
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        // Nobody has had a thousand ids in every second since 1970. This is also above what was
        // given after an earlier restoring of this kind, as time has passed since.
        Replaced::Unknown => {
            sqlx::query("update sqlite_sequence set seq = max(seq, ?1)")
                .bind(now.as_millis())
                .execute(&mut *transaction)
                .await?;
        }
    }
    sqlx::query("update sqlite_sequence set seq = seq + ?1")
        .bind(SEQUENCE_JUMP)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// Folds the journal file into the database, so that the one file is everything.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn fold_journal(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let row = sqlx::query("pragma wal_checkpoint(truncate)").fetch_one(connection).await?;
    let busy: i64 = row.try_get(0)?;
    if busy == 0 {
        Ok(())
    } else {
        Err(StoreError::Damaged("a journal that another program reads"))
    }
}

/// The same, but hardly waits for connections that read: all writes would wait, too.
///
/// # Errors
/// [`StoreError::Database`]; [`StoreError::Damaged`] while another connection reads.
pub async fn fold_journal_at_once(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    set_busy_timeout(connection, FOLDING_TIMEOUT).await?;
    let folded = fold_journal(connection).await;
    set_busy_timeout(connection, BUSY_TIMEOUT).await?;
    folded
}

async fn set_busy_timeout(
    connection: &mut SqliteConnection,
    timeout: Duration,
) -> Result<(), StoreError> {
    let sql = format!("pragma busy_timeout = {}", timeout.as_millis());
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// Folds as much of the journal file into the database as is possible while others read and write.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn fold_some(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("pragma wal_checkpoint(passive)").execute(connection).await?;
    Ok(())
}

/// What SQLite finds wrong with the file; empty when nothing.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn integrity(connection: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let mut lines: Vec<String> =
        sqlx::query_scalar("pragma integrity_check(20)").fetch_all(connection).await?;
    lines.retain(|line| line != "ok");
    Ok(lines)
}

/// Rows that refer to nothing, as `table row → table`; empty when there are none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn dangling(connection: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("pragma foreign_key_check").fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let table: String = row.try_get(0)?;
            let id: Option<i64> = row.try_get(1)?;
            let parent: String = row.try_get(2)?;
            let id = id.map_or_else(String::new, |id| format!(" {id}"));
            Ok(format!("{table}{id} refers to a {parent} that does not exist"))
        })
        .collect()
}

/// Ids of rows that break an invariant, the first few; empty when it holds.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn broken(
    connection: &mut SqliteConnection,
    invariant: &Invariant,
) -> Result<Vec<i64>, StoreError> {
    let sql = format!("{} limit 20", invariant.broken_by);
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(connection).await?)
}

/// Something that must hold beyond what the schema enforces by itself.
#[derive(Debug)]
pub struct Invariant {
    /// What holds.
    pub name: &'static str,
    /// What the ids are ids of.
    pub of: &'static str,
    /// Gives the ids of the rows for which it does not.
    broken_by: &'static str,
}

/// All of them.
pub const INVARIANTS: &[Invariant] = &[
    Invariant {
        name: "every property has departments",
        of: "property",
        broken_by: "select id from property p
            where not exists (select 1 from department where property_id = p.id)",
    },
    Invariant {
        name: "department staff belong to a department",
        of: "staff",
        broken_by:
            "select id from staff s where user_type = 'department_staff' and disabled_at is null
            and not exists (select 1 from staff_department where staff_id = s.id)",
    },
    Invariant {
        name: "a guest has at most one active conversation with a department",
        of: "guest",
        broken_by: "select guest_id from conversation where status = 'active'
            group by guest_id, department_id having count(*) > 1",
    },
    Invariant {
        name: "each conversation refers to its newest message",
        of: "conversation",
        broken_by: "select id from conversation c where last_message_id
            <> coalesce((select max(id) from message where conversation_id = c.id), 0)",
    },
    Invariant {
        name: "a conversation waits only while it is active and its newest message is the guest's",
        of: "conversation",
        broken_by: "select c.id from conversation c left join message m on m.id = c.last_message_id
            where c.waiting_since is not null and (c.status <> 'active' or m.guest_id is null)",
    },
    Invariant {
        name: "read marks do not go beyond the newest message",
        of: "conversation",
        broken_by: "select id from conversation where max(staff_read_id, guest_read_id) > last_message_id",
    },
    Invariant {
        name: "messages are from the conversation's guest or from staff of its property",
        of: "message",
        broken_by: "select m.id from message m join conversation c on c.id = m.conversation_id
            left join staff s on s.id = m.staff_id
            where m.guest_id <> c.guest_id or s.property_id <> c.property_id",
    },
    Invariant {
        name: "messages come from gateways of their own property",
        of: "message",
        broken_by: "select m.id from message m join conversation c on c.id = m.conversation_id
            join gateway w on w.id = m.gateway_id where w.property_id <> c.property_id",
    },
    Invariant {
        name: "replies leave through gateways of their own property and belong to their \
            own conversation",
        of: "message",
        broken_by: "select d.message_id from delivery d join message m on m.id = d.message_id
            join conversation c on c.id = m.conversation_id left join gateway w on w.id = d.gateway_id
            where d.conversation_id <> m.conversation_id or w.property_id <> c.property_id
              or m.staff_id is null",
    },
    Invariant {
        name: "replies leave through another gateway of their property, and through no third one",
        of: "gateway",
        broken_by: "select g.id from gateway g left join gateway t on t.id = g.replies_through
            where g.replies_through is not null
              and (t.id is null or t.id = g.id or t.property_id <> g.property_id or t.replies_through is not null)",
    },
    Invariant {
        name: "only active conversations have replies that wait until the guest can be reached, and the \
            oldest of each is noted",
        of: "message",
        broken_by: "select m.id from message m join conversation c on c.id = m.conversation_id
            where m.no_way_channel is not null
              and (c.status <> 'active' or c.no_way_id is null or c.no_way_id > m.id or m.staff_id is null
                or exists (select 1 from delivery d where d.message_id = m.id))",
    },
    Invariant {
        name: "conversations with undelivered messages are marked as such",
        of: "conversation",
        broken_by: "select c.id from conversation c where (c.undelivered_since is not null)
            <> (c.status = 'active' and exists (
                select 1 from message m left join delivery d on d.message_id = m.id
                where m.conversation_id = c.id and m.id > c.settled_id
                  and (m.no_way_channel is not null or d.state in ('stored', 'failed'))))",
    },
    Invariant {
        name: "events refer to conversations of their own property",
        of: "event",
        broken_by: "select e.seq from event e left join conversation c on c.id = e.conversation_id
            where e.property_id <> coalesce(c.property_id, iif(e.kind = 'erased', e.property_id, 0))",
    },
    Invariant {
        name: "lines follow a message of their own conversation",
        of: "line",
        broken_by: "select l.id from line l left join message m on m.id = l.after_message_id
            where l.after_message_id <> 0 and m.conversation_id is not l.conversation_id",
    },
    Invariant {
        name: "events refer to lines of their own conversation",
        of: "event",
        broken_by: "select e.seq from event e left join line l on l.id = e.line_id
            where (e.line_id is not null or e.kind = 'line')
              and l.conversation_id is not e.conversation_id",
    },
    Invariant {
        name: "expired events are deleted",
        of: "property",
        broken_by: "select p.id from property p
            where exists (select 1 from event where property_id = p.id and seq <= p.pruned_seq)",
    },
    Invariant {
        name: "no id is above its sequence",
        of: "sequence",
        broken_by: "select rowid from sqlite_sequence q where seq < case name
            when 'message' then (select max(id) from message)
            when 'conversation' then (select max(id) from conversation)
            when 'event' then (select max(seq) from event)
            when 'line' then (select max(id) from line)
            when 'guest' then (select max(id) from guest)
            when 'staff' then (select max(id) from staff) end",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;

    #[tokio::test]
    async fn a_fresh_database_breaks_nothing_and_a_new_life_raises_every_sequence() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = store::open_writer(folder.path()).await.unwrap();
        store::migrate(&mut writer).await.unwrap();
        let epoch = events::epoch(&mut writer).await.unwrap();
        let none = Replaced::Nothing;
        begin_new_life(&mut writer, &none, Timestamp::from_millis(1)).await.unwrap();
        assert_ne!(events::epoch(&mut writer).await.unwrap(), epoch);
        let low: i64 = sqlx::query_scalar(
            "select count(*) from sqlite_schema s left join sqlite_sequence q on q.name = s.name
             where s.sql like '%primary key autoincrement%' and coalesce(q.seq, 0) < 1000000",
        )
        .fetch_one(&mut writer)
        .await
        .unwrap();
        assert_eq!(low, 0);
        assert_eq!(integrity(&mut writer).await.unwrap(), Vec::<String>::new());
        assert_eq!(dangling(&mut writer).await.unwrap(), Vec::<String>::new());
        for invariant in INVARIANTS {
            assert_eq!(broken(&mut writer, invariant).await.unwrap(), Vec::<i64>::new());
        }
    }

    #[tokio::test]
    async fn what_breaks_an_invariant_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = store::open_writer(folder.path()).await.unwrap();
        store::migrate(&mut writer).await.unwrap();
        sqlx::raw_sql("insert into property (name, created_at) values ('A', 0)")
            .execute(&mut writer)
            .await
            .unwrap();
        let first = INVARIANTS.first().unwrap();
        assert_eq!(broken(&mut writer, first).await.unwrap(), [1]);
    }
}
