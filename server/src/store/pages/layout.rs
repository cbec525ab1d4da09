//! What in a page of an SQLite database belongs to no row (<https://www.sqlite.org/fileformat2.html>, sections
//! 1.5 and 1.6).

/// Length of the header of the database at the beginning of the first page, in bytes.
const DATABASE_HEADER: usize = 100;

/// A whole number of two bytes.
fn two(page: &[u8], at: usize) -> Option<usize> {
    let bytes = page.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_be_bytes(bytes.try_into().ok()?)))
}

/// A whole number of four bytes.
pub(super) fn four(page: &[u8], at: usize) -> Option<u32> {
    let bytes = page.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// Overwrites a range with zeros; returns whether it held anything else.
fn overwrite(page: &mut [u8], from: usize, to: usize) -> bool {
    let Some(bytes) = page.get_mut(from..to) else { return false };
    let held_something = bytes.iter().any(|byte| *byte != 0);
    bytes.fill(0);
    held_something
}

/// Overwrites a page that is not in use; returns whether it held anything.
pub(super) fn clear_free_page(page: &mut [u8]) -> bool {
    let end = page.len();
    overwrite(page, 0, end)
}

/// The pages that a page of the list of free pages names, and the next page of that list (0: none). Overwrites
/// what else is in it; returns whether it held anything.
pub(super) fn clear_list_page(page: &mut [u8]) -> Option<(Vec<u32>, u32, bool)> {
    let next = four(page, 0)?;
    let count = usize::try_from(four(page, 4)?).ok()?;
    let end = count.checked_mul(4)?.checked_add(8)?;
    let named = (0..count).map(|index| four(page, 8 + 4 * index)).collect::<Option<Vec<_>>>()?;
    let length = page.len();
    let held_something = overwrite(page, end, length);
    Some((named, next, held_something))
}

/// Overwrites what belongs to no row in a page of a table or an index: between the list of its cells and the first of
/// them, and where cells were removed. Other pages stay as they are. Returns whether it held anything.
///
/// In a database of less than 2^24 pages the other pages begin with a zero byte (the number of another page),
/// so they are not mistaken for pages of a table or an index.
pub(super) fn clear_page(page: &mut [u8], is_first: bool) -> bool {
    let Some((gap, blocks)) = unused(page, is_first) else { return false };
    let mut held_something = overwrite(page, gap.0, gap.1);
    for (from, to) in blocks {
        held_something |= overwrite(page, from, to);
    }
    held_something
}

type Range = (usize, usize);

/// The unused ranges of a page of a table or an index; `None` for other pages and for one that is not as it
/// should be.
fn unused(page: &[u8], is_first: bool) -> Option<(Range, Vec<Range>)> {
    let header = if is_first { DATABASE_HEADER } else { 0 };
    let header_length = match page.get(header)? {
        // Inner pages of an index and of a table.
        2 | 5 => 12,
        // Leaves of an index and of a table.
        10 | 13 => 8,
        _ => return None,
    };
    let cells = two(page, header + 3)?;
    let cell_list = header + header_length;
    let gap_start = cell_list + 2 * cells;
    let content_start = match two(page, header + 5)? {
        0 => 65_536,
        start => start,
    };
    if gap_start > content_start || content_start > page.len() {
        return None;
    }
    for index in 0..cells {
        let cell = two(page, cell_list + 2 * index)?;
        if cell < content_start || cell >= page.len() {
            return None;
        }
    }
    let mut blocks = Vec::new();
    let mut block = two(page, header + 1)?;
    while block != 0 {
        let (next, size) = (two(page, block)?, two(page, block + 2)?);
        let end = block.checked_add(size)?;
        let is_in_order = next == 0 || next >= end;
        if block < content_start || size < 4 || end > page.len() || !is_in_order {
            return None;
        }
        // Its first four bytes say how long it is and where the next one is.
        blocks.push((block + 4, end));
        block = next;
    }
    Some(((gap_start, content_start), blocks))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A leaf of a table with one cell at the end, a removed cell before it, and something in between.
    fn leaf(header: usize) -> Vec<u8> {
        let mut page = vec![b'x'; 512];
        page[header..header + 8].copy_from_slice(&[13, 1, 0x90, 0, 1, 1, 0x90, 0]);
        page[header + 8..header + 10].copy_from_slice(&500_u16.to_be_bytes());
        page[400..404].copy_from_slice(&[0, 0, 0, 50]);
        page
    }

    #[test]
    fn what_belongs_to_no_row_is_overwritten_and_nothing_else() {
        for (header, is_first) in [(0, false), (100, true)] {
            let before = leaf(header);
            let mut page = before.clone();
            assert!(clear_page(&mut page, is_first));
            for (index, byte) in page.iter().enumerate() {
                let is_unused = (header + 10..400).contains(&index) || (404..450).contains(&index);
                assert_eq!(*byte, if is_unused { 0 } else { before[index] }, "{index}");
            }
            assert!(!clear_page(&mut page, is_first), "there is nothing more to overwrite");
        }
    }

    #[test]
    fn pages_that_are_not_as_they_should_be_stay_as_they_are() {
        let broken: [(usize, [u8; 2]); 5] = [
            (0, [0, 1]),
            // The cells would begin within their own list, or end behind the page.
            (5, [0, 9]),
            (5, [3, 0]),
            // The removed cell would be followed by one before it, or be too long.
            (400, [0, 200]),
            (402, [1, 0]),
        ];
        for (at, bytes) in broken {
            let mut page = leaf(0);
            page[at..at + 2].copy_from_slice(&bytes);
            let before = page.clone();
            assert!(!clear_page(&mut page, false), "{at} {bytes:?}");
            assert_eq!(page, before);
        }
        assert!(!clear_page(&mut [], false));
    }

    #[test]
    fn the_list_of_free_pages_keeps_the_pages_that_it_names() {
        let mut page = vec![b'x'; 32];
        page[..16].copy_from_slice(&[0, 0, 0, 7, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 9]);
        assert_eq!(clear_list_page(&mut page), Some((vec![8, 9], 7, true)));
        assert!(page[16..].iter().all(|byte| *byte == 0));
        assert_eq!(clear_list_page(&mut page), Some((vec![8, 9], 7, false)));
        page[4..8].copy_from_slice(&[255; 4]);
        assert_eq!(clear_list_page(&mut page), None);
    }
}
