//! Pages of lists. A page is read one row too long, to see whether there is another one.

/// Rows of a page that nobody asked to be longer or shorter.
pub(super) const DEFAULT_ROWS: u32 = 50;

/// Cuts a page that was read one row too long; returns the cursor of its last row if it was.
pub(super) fn cut<T, C>(rows: &mut Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> C) -> Option<C> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_longer = rows.len() > limit;
    rows.truncate(limit);
    rows.last().map(cursor).filter(|_| is_longer)
}
