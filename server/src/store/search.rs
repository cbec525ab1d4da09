//! What somebody searches for, as the columns hold it.

use std::fmt::Write as _;

use sqlx::{Sqlite, query::Query, sqlite::SqliteArguments};

use crate::text::{Number, SearchWord, search_words};

/// Words that are all found in a guest's name, room or number, in any order; or a number.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    words: Vec<SearchWord>,
    /// The number that the whole search is.
    number: Option<String>,
}

impl Search {
    /// `None` when nothing is searched for. `country` is the property's, for numbers without their country.
    pub(super) fn new(text: Option<&str>, country: Option<&str>) -> Option<Self> {
        let text = text?;
        let number = Number::read(text, country).ok().map(String::from);
        Some(Self { words: search_words(text), number })
    }

    /// The condition on `guest g` and its `room r`; its parameters are numbered from `first`.
    pub(super) fn condition(&self, first: usize) -> String {
        // A search without a single letter or digit finds nothing.
        let start = u8::from(!self.words.is_empty());
        let mut sql = format!("(g.whatsapp_number = ?{first} or ({start}");
        for at in 0..self.words.len() {
            let (text, digits) = (first + 1 + 2 * at, first + 2 + 2 * at);
            // Writing into a `String` cannot fail.
            let _ = write!(
                sql,
                " and (instr(g.folded_name, ?{text}) > 0
                    or instr(' ' || r.folded_number, ' ' || ?{text}) > 0
                    or instr(g.whatsapp_number, ?{digits}) > 0)"
            );
        }
        sql.push_str("))");
        sql
    }

    /// Binds the parameters of [`Search::condition`].
    pub(super) fn bind<'q>(
        self,
        query: Query<'q, Sqlite, SqliteArguments>,
    ) -> Query<'q, Sqlite, SqliteArguments> {
        let query = query.bind(self.number);
        self.words.into_iter().fold(query, |query, word| query.bind(word.text).bind(word.digits))
    }
}
