//! Guests' data that is being written for an admin, or can be fetched: each in a file without a name in the data
//! directory, which the system removes when the program ends.

use std::{
    fs::File,
    io::{self, BufWriter, Read as _, Seek as _, SeekFrom},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
};
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    files,
    hub::lock,
    protocol::Id,
    store::{self, backup},
};

use super::{
    document::{self, Wanted},
    export::{ExportError, Format},
};

/// How long a file can be fetched.
const KEPT: Duration = Duration::from_hours(1);

/// A new request gets a new document where the last one is older: more may have been written since.
const NEW_FOR: Duration = Duration::from_mins(5);

/// Files that are kept for one property; the oldest makes room.
const KEPT_PER_PROPERTY: usize = 8;

/// Exports that are written at the same time, of all properties; each takes up to 256 MiB. More wait.
pub(crate) const AT_ONCE: usize = 2;

/// Bytes that are read at a time when a file is sent.
const CHUNK_BYTES: u64 = 64 * 1024;

/// The largest id plus one: ids are whole numbers below 2^53.
const ID_END: Id = 1 << 53;

/// Whose data is written for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) property_id: Id,
    pub(crate) guest_id: Id,
    pub(crate) staff_id: Id,
    pub(crate) format: Format,
}

/// How far an export is.
#[derive(Clone, Debug)]
pub(crate) enum Progress {
    Working,
    Done(Arc<Document>),
    Failed,
}

/// A document that can be fetched.
#[derive(Debug)]
pub(crate) struct Document {
    file: Mutex<File>,
    /// In bytes.
    pub(crate) length: u64,
    /// The time that had passed when it was done ([`Clock::passed`](crate::clock::Clock::passed)).
    done_at: Duration,
}

impl Document {
    /// The next bytes from a place in it; empty at its end.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) async fn read(self: Arc<Self>, from: u64) -> io::Result<Vec<u8>> {
        files::blocking(move || {
            let mut bytes = Vec::new();
            let mut file = lock(&self.file);
            file.seek(SeekFrom::Start(from))?;
            (&mut *file).take(CHUNK_BYTES).read_to_end(&mut bytes)?;
            Ok(bytes)
        })
        .await
    }
}

/// An export that was asked for.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) id: Id,
    pub(crate) order: Order,
    progress: watch::Sender<Progress>,
    cancelled: CancellationToken,
}

impl Export {
    /// How far it is.
    pub(crate) fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Waits for its end.
    pub(crate) async fn end(&self) -> Progress {
        let mut progress = self.progress.subscribe();
        let ended = progress.wait_for(|progress| !matches!(progress, Progress::Working)).await;
        ended.map_or(Progress::Failed, |progress| progress.clone())
    }

    fn is_working(&self) -> bool {
        matches!(&*self.progress.borrow(), Progress::Working)
    }
}

/// What became of asking for an export.
#[derive(Debug)]
pub(crate) enum Begun {
    /// It begins.
    New(Arc<Export>),
    /// The same person has asked for the same a short time ago, and has not received it.
    Known(Arc<Export>),
    /// Another one of the property is being written.
    Busy,
}

/// All exports.
#[derive(Debug)]
pub(crate) struct Exports {
    /// The oldest first.
    all: Mutex<Vec<Arc<Export>>>,
    places: Arc<Semaphore>,
}

impl Default for Exports {
    fn default() -> Self {
        Self { all: Mutex::default(), places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Exports {
    /// Takes the one place of the property, or finds what was asked for before. `now` is the time that has passed.
    pub(crate) fn begin(&self, order: Order, now: Duration) -> Begun {
        let mut all = lock(&self.all);
        let is_known = |export: &&Arc<Export>| {
            export.order == order
                && match export.progress() {
                    Progress::Working => true,
                    Progress::Done(document) => now.saturating_sub(document.done_at) < NEW_FOR,
                    Progress::Failed => false,
                }
        };
        if let Some(known) = all.iter().find(is_known) {
            return Begun::Known(Arc::clone(known));
        }
        let of_property = |export: &&Arc<Export>| export.order.property_id == order.property_id;
        if all.iter().filter(of_property).any(|export| export.is_working()) {
            return Begun::Busy;
        }
        if all.iter().filter(of_property).count() >= KEPT_PER_PROPERTY
            && let Some(oldest) = all.iter().position(|export| of_property(&export))
        {
            all.remove(oldest);
        }
        let export = Arc::new(Export {
            id: rand::random_range(1..ID_END),
            order,
            progress: watch::Sender::new(Progress::Working),
            cancelled: CancellationToken::new(),
        });
        all.push(Arc::clone(&export));
        Begun::New(export)
    }

    /// One that this person has asked for.
    pub(crate) fn find(&self, id: Id, property_id: Id, staff_id: Id) -> Option<Arc<Export>> {
        let all = lock(&self.all);
        let is_it = |export: &&Arc<Export>| {
            let Order { property_id: of, staff_id: by, .. } = export.order;
            (export.id, of, by) == (id, property_id, staff_id)
        };
        all.iter().find(is_it).cloned()
    }

    /// Forgets an export; one that is being written stops.
    pub(crate) fn forget(&self, id: Id) {
        self.forget_where(|export| export.id == id);
    }

    /// Forgets all exports of a guest.
    pub(crate) fn forget_guest(&self, guest_id: Id) {
        self.forget_where(|export| export.order.guest_id == guest_id);
    }

    fn forget_where(&self, is_meant: impl Fn(&Export) -> bool) {
        lock(&self.all).retain(|export| {
            let is_meant = is_meant(export);
            if is_meant {
                export.cancelled.cancel();
                if export.is_working() {
                    export.progress.send_replace(Progress::Failed);
                }
            }
            !is_meant
        });
    }
}

/// Writes an export, and keeps it until it is forgotten, at most for an hour.
pub(crate) async fn run(app: App, export: Arc<Export>) {
    let written = export.cancelled.run_until_cancelled(write(&app, &export)).await;
    let progress = match written {
        Some(Ok(document)) => Progress::Done(Arc::new(document)),
        Some(Err(error)) => {
            tracing::warn!(%error, guest = export.order.guest_id, "a guest's data could not be written");
            Progress::Failed
        }
        None => Progress::Failed,
    };
    export.progress.send_replace(progress);
    export.cancelled.run_until_cancelled(tokio::time::sleep(KEPT)).await;
    app.exports.forget(export.id);
}

async fn write(app: &App, export: &Export) -> Result<Document, ExportError> {
    let stopped = || ExportError::Document(export.order.format.name());
    let place = Arc::clone(&app.exports.places).acquire_owned().await.map_err(|_| stopped())?;
    // Not from the pool: an export takes long.
    let database = app.config.data_dir.join(store::DATABASE_FILE);
    let connection = backup::open_to_read(&database).await?;
    let Order { property_id, guest_id, format, .. } = export.order;
    let wanted = Wanted { guest: (property_id, guest_id), now: app.clock.now(), format };
    let (handle, cancelled) = (Handle::current(), export.cancelled.clone());
    let (folder, clock) = (app.config.data_dir.clone(), app.clock.clone());
    let writing = tokio::task::spawn_blocking(move || {
        let _place = place;
        let file = tempfile::tempfile_in(folder).map_err(ExportError::Write)?;
        let mut to = BufWriter::new(file);
        document::write(&handle, connection, &wanted, &mut to, || cancelled.is_cancelled())?;
        let file = to.into_inner().map_err(|error| ExportError::Write(error.into_error()))?;
        let length = file.metadata().map_err(ExportError::Write)?.len();
        Ok(Document { file: Mutex::new(file), length, done_at: clock.passed() })
    });
    writing.await.map_err(|_| stopped())?
}
