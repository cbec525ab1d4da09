//! The demo hotel: rooms, people, a week of conversations, and guests who go on writing.

mod fill;
mod guests;
mod hotel;
mod live;
mod past;

use std::{io, path::Path};

use crate::{
    app::App,
    journal::Written,
    store::{DATABASE_FILE, StoreError, demo::Contents},
};

use crate::{
    admin::{AdminError, Password, Response},
    store::demo as store,
};

pub(crate) use live::play;

/// What everybody in the demo hotel signs in with.
pub const PASSWORD: &str = "welcome-to-the-desk";

/// Files that Frontdesk itself makes: a directory with nothing else in it counts as empty.
const OWN_FILES: [&str; 2] = ["frontdesk.lock", "frontdesk.sock"];

/// Why the demo hotel cannot be there. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the sentences name the members")]
pub enum DemoError {
    /// There is something else.
    #[error(
        "the demo hotel needs a data directory of its own, but {0} contains other data; \
         choose an empty one with --data-dir, or leave out --demo"
    )]
    NotEmpty(String),
    /// The directory cannot be read.
    #[error("the data directory {directory} cannot be read ({source}); choose another one")]
    Unreadable { directory: String, source: io::Error },
    /// The database cannot be read.
    #[error("the database in {directory} cannot be read: {}", source.explain())]
    Store { directory: String, source: StoreError },
    /// It could not be filled.
    #[error(transparent)]
    Fill(#[from] AdminError),
}

/// Makes sure that the data directory is empty, missing, or the demo hotel's; changes nothing.
pub(crate) async fn check_directory(data_dir: &Path) -> Result<(), DemoError> {
    let directory = data_dir.display().to_string();
    let not_empty = || DemoError::NotEmpty(directory.clone());
    let unreadable = |source| DemoError::Unreadable { directory: directory.clone(), source };
    let database = data_dir.join(DATABASE_FILE);
    if database.exists() {
        return match store::contents_of(&database).await {
            Ok(Contents::Nothing | Contents::Demo) => Ok(()),
            Ok(Contents::Other) => Err(not_empty()),
            Err(source) => Err(DemoError::Store { directory, source }),
        };
    }
    let entries = match std::fs::read_dir(data_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unreadable(error)),
    };
    for entry in entries {
        let name = entry.map_err(unreadable)?.file_name();
        if !OWN_FILES.iter().any(|own| name == *own) {
            return Err(not_empty());
        }
    }
    Ok(())
}

/// Fills the database unless the demo hotel is there already.
pub(crate) async fn fill_if_empty(app: &App) -> Result<(), DemoError> {
    match contents(app).await? {
        Contents::Demo => Ok(()),
        Contents::Nothing => Ok(fill::fill(app).await.map(drop)?),
        Contents::Other => Err(DemoError::NotEmpty(app.config.data_dir.display().to_string())),
    }
}

/// Fills an empty database, for `demo load`.
pub(crate) async fn load(app: &App) -> Result<Response, AdminError> {
    if contents(app).await? != Contents::Nothing {
        return Err(AdminError::Failed(
            "the demo hotel needs an empty data directory, but this one already contains a property; \
             choose another one with --data-dir"
                .to_owned(),
        ));
    }
    let property_id = fill::fill(app).await?;
    Ok(Response::Demo {
        property_id,
        name: hotel::NAME.to_owned(),
        username: "ana".to_owned(),
        password: Password(PASSWORD.to_owned()),
    })
}

async fn contents(app: &App) -> Result<Contents, AdminError> {
    let contents = app.journal.write(|writer| {
        Box::pin(async move { Ok::<_, AdminError>(Written::quiet(store::contents(writer).await?)) })
    });
    Ok(contents.await?)
}

/// Usernames and names of those who can sign in to the demo hotel.
pub(crate) fn people() -> impl Iterator<Item = (&'static str, &'static str)> {
    hotel::STAFF.iter().map(|person| (person.username, person.name))
}

/// Who can sign in to the demo hotel, in words for whoever started it.
#[must_use]
pub fn logins() -> String {
    let people: Vec<_> = hotel::STAFF
        .iter()
        .map(|person| format!("    {:<9} {}", person.username, person.departments.join(", ")))
        .collect();
    format!(
        "This is the demo hotel {}. Sign in with one of these usernames and the password {PASSWORD}\n\
         (ana is an admin). Simulated guests write messages.\n\n{}\n",
        hotel::NAME,
        people.join("\n")
    )
}
