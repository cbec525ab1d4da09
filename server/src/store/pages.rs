//! Overwriting what erased rows have left in the pages of the database, some pages at a time.
//!
//! SQLite overwrites rows when they are deleted (`secure_delete`). But when it moves rows from one page to
//! another, it leaves what was there in the unused part of the first page; and an older version, or another
//! program, may have marked pages as free without overwriting them. Rewriting the whole database (`vacuum`)
//! removes that, too, but all other writes wait meanwhile, and it takes memory or disk for a second database.

mod layout;

use sqlx::{Row, SqliteConnection};

use super::{StoreError, working::json};

/// Pages that are looked at in one transaction, 4 KiB each: other changes wait for it.
const PAGES_AT_ONCE: usize = 128;

/// From this many pages on (64 GiB), pages cannot be told apart by their first byte.
const PAGES_MAX: u32 = 1 << 24;

/// SQLite leaves out the page with this byte of the file.
const LOCK_BYTE: u32 = 0x4000_0000;

/// Where in the first page the list of free pages begins.
const FIRST_LIST_PAGE: usize = 32;

/// Under this name `meta` says how far a pass is: the erasures that it covers, its round, and its next page.
const PROGRESS: &str = "clearing_page";

/// A pass goes so often through all pages. When others write meanwhile, SQLite may exchange the numbers of two
/// pages of a table or an index, so that what is left in a page gets a number that the first round has passed
/// already.
const ROUNDS: u32 = 2;

/// The table `sqlite_dbpage` exists only where SQLite is built with it.
const _: &str = env!(
    "LIBSQLITE3_FLAGS",
    "SQLite must be built with the flags of .cargo/config.toml; run cargo inside the repository"
);

/// Goes through all pages.
#[derive(Clone, Debug)]
pub struct Pass {
    /// Which erasures it covers: the value of `clearing_wanted` when it began.
    generation: String,
    /// Free pages that are overwritten, a bit each; `None` once all are.
    free: Option<Vec<u64>>,
    /// Rounds that are done.
    rounds: u32,
    /// The next page to be looked at.
    next_page: u32,
}

impl Pass {
    /// A pass for the erasures up to a generation. It goes on where an earlier one for them was cut short.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn begin(
        connection: &mut SqliteConnection,
        generation: String,
    ) -> Result<Self, StoreError> {
        let progress: Option<String> = sqlx::query_scalar("select value from meta where key = ?1")
            .bind(PROGRESS)
            .fetch_optional(connection)
            .await?;
        let reached = progress.as_deref().and_then(|progress| reached(progress, &generation));
        let (rounds, next_page) = reached.unwrap_or((0, 1));
        Ok(Self { generation, free: Some(Vec::new()), rounds, next_page })
    }

    /// The erasures that it covers.
    #[must_use]
    pub fn generation(&self) -> &str {
        &self.generation
    }

    /// Looks at some pages, inside a transaction. Returns whether the pass is done.
    ///
    /// # Errors
    /// [`StoreError::Database`]; [`StoreError::Damaged`] for a database that is too large.
    pub async fn step(&mut self, writer: &mut SqliteConnection) -> Result<bool, StoreError> {
        if let Some(mut cleared) = self.free.take() {
            if clear_free_pages(writer, &mut cleared).await? {
                return Ok(self.rounds >= ROUNDS);
            }
            self.free = Some(cleared);
            return Ok(false);
        }
        let (count, lock_page) = size(writer).await?;
        let end = self.next_page.saturating_add(PAGES_AT_ONCE.try_into().unwrap_or(u32::MAX));
        let wanted: Vec<u32> =
            (self.next_page..end.min(count + 1)).filter(|page| *page != lock_page).collect();
        for (number, mut page) in read(writer, &wanted).await? {
            if layout::clear_page(&mut page, number == 1) {
                write(writer, number, page).await?;
            }
        }
        (self.rounds, self.next_page) =
            if end > count { (self.rounds + 1, 1) } else { (self.rounds, end) };
        sqlx::query("insert into meta values (?1, ?2) on conflict do update set value = ?2")
            .bind(PROGRESS)
            .bind(format!("{} {} {}", self.generation, self.rounds, self.next_page))
            .execute(writer)
            .await?;
        Ok(self.rounds >= ROUNDS)
    }
}

/// The rounds that are done and the next page, from the recorded progress of a pass for these erasures.
fn reached(progress: &str, generation: &str) -> Option<(u32, u32)> {
    let (rounds, page) = progress.strip_prefix(generation)?.strip_prefix(' ')?.split_once(' ')?;
    Some((rounds.parse().ok()?, page.parse().ok()?))
}

/// Forgets how far a pass is, at its end.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn forget_progress(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("delete from meta where key = ?1").bind(PROGRESS).execute(writer).await?;
    Ok(())
}

/// How many pages there are, and which one SQLite leaves out.
async fn size(writer: &mut SqliteConnection) -> Result<(u32, u32), StoreError> {
    let count: u32 = sqlx::query_scalar("pragma page_count").fetch_one(&mut *writer).await?;
    let bytes: u32 = sqlx::query_scalar("pragma page_size").fetch_one(writer).await?;
    if count >= PAGES_MAX {
        return Err(StoreError::Damaged("more pages than can be overwritten one by one"));
    }
    Ok((count, LOCK_BYTE.checked_div(bytes).unwrap_or(0) + 1))
}

/// Overwrites some of the free pages that are not in `cleared` yet. Returns whether all are.
async fn clear_free_pages(
    writer: &mut SqliteConnection,
    cleared: &mut Vec<u64>,
) -> Result<bool, StoreError> {
    let first = read(writer, &[1]).await?;
    let first = first.first().and_then(|(_, page)| layout::four(page, FIRST_LIST_PAGE));
    let mut list_page = first.unwrap_or(0);
    let mut left = PAGES_AT_ONCE;
    let (count, _) = size(writer).await?;
    // The list cannot be longer than the database, unless it is damaged.
    for _ in 0..count {
        if list_page == 0 {
            return Ok(true);
        }
        let found = read(writer, &[list_page]).await?;
        let Some((number, mut page)) = found.into_iter().next() else { break };
        let Some((named, next, held_something)) = layout::clear_list_page(&mut page) else { break };
        if held_something {
            write(writer, number, page).await?;
        }
        let mut wanted: Vec<u32> =
            named.into_iter().filter(|page| !is_in(cleared, *page)).collect();
        let is_all = wanted.len() <= left;
        wanted.truncate(left);
        left -= wanted.len();
        for (number, mut page) in read(writer, &wanted).await? {
            if layout::clear_free_page(&mut page) {
                write(writer, number, page).await?;
            }
        }
        wanted.into_iter().for_each(|page| put_in(cleared, page));
        if !is_all {
            return Ok(false);
        }
        list_page = next;
    }
    Err(StoreError::Damaged("the list of free pages"))
}

/// Whether a set of pages, a bit each, has this one.
fn is_in(set: &[u64], page: u32) -> bool {
    let (index, bit) = (page / 64, page % 64);
    let bits = usize::try_from(index).ok().and_then(|index| set.get(index));
    bits.is_some_and(|bits| bits & (1 << bit) != 0)
}

fn put_in(set: &mut Vec<u64>, page: u32) {
    let (Ok(index), bit) = (usize::try_from(page / 64), page % 64) else { return };
    if set.len() <= index {
        set.resize(index + 1, 0);
    }
    if let Some(bits) = set.get_mut(index) {
        *bits |= 1 << bit;
    }
}

async fn read(
    writer: &mut SqliteConnection,
    pages: &[u32],
) -> Result<Vec<(u32, Vec<u8>)>, StoreError> {
    let rows = sqlx::query(
        "select p.pgno, p.data from json_each(?1) k cross join sqlite_dbpage p on p.pgno = k.value",
    )
    .bind(json(&pages)?)
    .fetch_all(writer)
    .await?;
    rows.iter().map(|row| Ok((row.try_get("pgno")?, row.try_get("data")?))).collect()
}

async fn write(
    writer: &mut SqliteConnection,
    number: u32,
    page: Vec<u8>,
) -> Result<(), StoreError> {
    sqlx::query("update sqlite_dbpage set data = ?2 where pgno = ?1")
        .bind(number)
        .bind(page)
        .execute(writer)
        .await?;
    Ok(())
}
