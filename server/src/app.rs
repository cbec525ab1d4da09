//! Everything a running server consists of, opened and closed together.

use std::{
    fs::{File, TryLockError},
    io::Write as _,
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use tokio::{sync::Mutex, task::JoinHandle};
use tokio_util::task::TaskTracker;

use crate::{
    audit::FailedSignIns,
    auth::{Passwords, Throttle, Turns, UsedCodes},
    backup::lost::{self, Lost},
    clock::{Clock, ClockWatch},
    config::Config,
    data_files::DataFiles,
    files,
    gateway_traffic::GatewayTraffic,
    guestdata::Exports,
    hub::Hub,
    journal::{Journal, Publisher, WriterParts},
    keeping,
    log_limit::LogLimit,
    property_turns::PropertyTurns,
    store::{
        self, Store, StoreError, events, lookups, properties, second_factor, sign_in, upgrade,
        writes,
    },
    telemetry::Metrics,
    ws,
};

/// Name of the file that tells whether a program has the data directory open.
const LOCK_FILE: &str = "frontdesk.lock";

/// What holds the lock of a data directory; the name is the lock file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A server, until it is stopped.
    Server,
    /// A command, which ends soon.
    Command,
}

impl Holder {
    const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Command => "command",
        }
    }
}

/// Why a data directory could not be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be made, entered or written.
    #[error(
        "the data directory {path} cannot be used ({source}); choose another one, or give this user write access"
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another program has it open.
    #[error(
        "another Frontdesk server is using the data directory {0}; stop it, or use that server"
    )]
    InUse(PathBuf),
    /// The database has lost data that its daily backups have.
    #[error(
        "{lost}; restore one with `frontdesk-server --data-dir {directory} restore FILE`, or go on without that \
         data with `serve --accept-lost-data`",
        directory = .directory.display()
    )]
    Lost {
        /// The data directory.
        directory: PathBuf,
        /// What is lost.
        lost: Lost,
    },
    /// The database could not be opened.
    #[error(
        "the database {path} cannot be used: {source}; nothing was changed",
        path = path.display(), source = source.explain()
    )]
    Database {
        /// Its file.
        path: PathBuf,
        /// What went wrong.
        source: StoreError,
    },
}

/// A server without its listener. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// What [`App`] holds.
#[derive(Debug)]
pub struct Parts {
    /// What it was told.
    pub config: Config,
    /// Where the time comes from.
    pub clock: Clock,
    /// Notices when the clock jumps, and says whether the date can be relied on.
    pub(crate) clock_watch: ClockWatch,
    /// The files of the database, as they were opened.
    pub(crate) files: Arc<DataFiles>,
    /// Reads.
    pub store: Store,
    /// Writes.
    pub journal: Journal,
    /// Who is connected.
    pub hub: Arc<Hub>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// Makes those wait who try passwords.
    pub throttle: Throttle,
    /// Codes of second factors that are not taken again.
    pub(crate) used_codes: UsedCodes,
    /// Bounds what the audit log says of wrong passwords.
    pub(crate) failed_sign_ins: FailedSignIns,
    /// Guests' data that is being written or can be fetched.
    pub(crate) exports: Exports,
    /// How much one person has the server do at the same time.
    pub(crate) turns: Turns,
    /// Whether clients are served: then long work is done in small steps.
    pub(crate) is_serving: bool,
    /// Guests are erased from the tables by one task at a time.
    pub(crate) erasing: Mutex<()>,
    /// The files are cleared of what was erased by one task at a time.
    pub(crate) clearing: Mutex<()>,
    /// What gateways bring in.
    pub(crate) gateway_traffic: GatewayTraffic,
    /// The conversations of `resume` commands that the writer checks at once.
    pub(crate) resumes: PropertyTurns,
    /// The pieces of replays that are read at once.
    pub(crate) replays: PropertyTurns,
    /// The WebSockets that are open: the end waits for them.
    pub sockets: TaskTracker,
    /// Whether the last daily backup could not be made.
    pub backup_failed: AtomicBool,
    /// Bounds what the log says of pages that were refused.
    pub(crate) foreign_pages_in_log: LogLimit,
    /// The log says already that a trusted proxy does not say who calls.
    pub(crate) silent_proxy_reported: AtomicBool,
    /// The life of this database: changes when a backup is restored.
    pub epoch: Arc<str>,
    tasks: std::sync::Mutex<Vec<JoinHandle<()>>>,
    lock: File,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Opens the data directory, brings the database up to date and starts the journal.
    ///
    /// # Errors
    /// [`OpenError`], in words for whoever started the program.
    pub(crate) async fn open(config: Config, holder: Holder) -> Result<Self, OpenError> {
        let directory = config.data_dir.clone();
        let lock = lock_directory(&directory, holder)?;
        let failed =
            |source| OpenError::Database { path: directory.join(store::DATABASE_FILE), source };
        let clock = config.clock.clone();
        let lost = lost::find(&directory).await;
        if let Some(lost) = lost.clone().filter(|_| !config.accept_lost_data) {
            return Err(OpenError::Lost { directory: directory.clone(), lost });
        }
        // The directory may be older than Frontdesk and open to others; SQLite's files are not.
        files::open_own(&directory.join(store::DATABASE_FILE))
            .map_err(|source| OpenError::Directory { path: directory.clone(), source })?;
        let mut writer = store::open_writer(&directory).await.map_err(failed)?;
        store::migrate(&mut writer).await.map_err(failed)?;
        properties::take_countries(&mut writer).await.map_err(failed)?;
        // Numbers are read as those of the property's country.
        upgrade::apply_text_rules(&mut writer).await.map_err(failed)?;
        let jump = keeping::compare_at_start(&mut writer, &clock, &directory).await;
        let clock_watch = ClockWatch::new(clock.clone(), jump.map_err(failed)?);
        // A lock that another program holds, or a full disk, is better found now than by a guest.
        writes::probe(&mut writer, clock.now()).await.map_err(failed)?;
        if let Some(lost) = lost {
            lost::accept(&mut writer, &lost, &clock).await.map_err(failed)?;
        }
        let epoch: Arc<str> = events::epoch(&mut writer).await.map_err(failed)?.into();
        let next_ids = lookups::next_ids(&mut writer).await.map_err(failed)?;
        let store = Store::open(&directory).await.map_err(failed)?;
        let failures = sign_in::failures(&store).await.map_err(failed)?;
        let used_steps = second_factor::used_steps(&store).await.map_err(failed)?;
        let seqs = events::seqs(&store).await.map_err(failed)?;
        let hub = Arc::new(Hub::new(seqs, config.presence_grace, config.connections_per_person));
        let metrics = Arc::new(Metrics::new());
        let files = Arc::new(DataFiles::of(&directory));
        let messages_per_second = config.gateway_messages_per_second;
        let parts = WriterParts {
            data_dir: directory,
            files: Arc::clone(&files),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
            next_ids,
        };
        let (journal, writer, batches) = Journal::new(writer, parts);
        let publisher = Publisher {
            batches,
            hub: Arc::clone(&hub),
            epoch: Arc::clone(&epoch),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
        };
        let tasks = vec![tokio::spawn(writer.run()), tokio::spawn(publisher.run())];
        Ok(Self(Arc::new(Parts {
            config,
            clock,
            clock_watch,
            files,
            store,
            journal,
            hub,
            metrics,
            passwords: Passwords::new(),
            throttle: Throttle::new(failures),
            used_codes: UsedCodes::new(used_steps, Instant::now()),
            failed_sign_ins: FailedSignIns::default(),
            exports: Exports::default(),
            turns: Turns::default(),
            is_serving: holder == Holder::Server,
            erasing: Mutex::new(()),
            clearing: Mutex::new(()),
            gateway_traffic: GatewayTraffic::new(messages_per_second),
            resumes: PropertyTurns::new(ws::RESUMES_AT_ONCE),
            replays: PropertyTurns::new(ws::REPLAYS_AT_ONCE),
            sockets: TaskTracker::new(),
            backup_failed: AtomicBool::new(false),
            foreign_pages_in_log: LogLimit::default(),
            silent_proxy_reported: AtomicBool::new(false),
            epoch,
            tasks: std::sync::Mutex::new(tasks),
            lock,
        })))
    }

    /// Stops taking changes, waits until everything accepted is written and told, and closes the
    /// database.
    pub async fn close(&self) {
        self.journal.stop();
        let tasks = std::mem::take(&mut *crate::hub::lock(&self.tasks));
        for task in tasks {
            // A task that panicked has been logged; the rest must still be closed.
            let _ = task.await;
        }
        self.store.close().await;
        // Released here and not with the last clone: after the stop, another process may open the
        // directory.
        let _ = self.lock.unlock();
    }
}

/// Whether a program has the data directory open.
pub(crate) fn is_locked(directory: &Path) -> bool {
    File::open(directory.join(LOCK_FILE))
        .is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Whether a command has the data directory open; `None` where that cannot be read. A program that has just
/// taken the lock may not have written yet what it is.
pub(crate) fn is_locked_by_command(directory: &Path) -> Option<bool> {
    let holder = std::fs::read_to_string(directory.join(LOCK_FILE)).ok()?;
    Some(holder == Holder::Command.name())
}

/// Makes the directory (mode 0700) and takes its lock.
pub(crate) fn lock_directory(directory: &Path, holder: Holder) -> Result<File, OpenError> {
    let failed = |source| OpenError::Directory { path: directory.to_owned(), source };
    files::make_own_directory(directory).map_err(failed)?;
    // Permissions are changed only where the directory has guests' data: a folder that was named by mistake
    // is left alone.
    #[cfg(unix)]
    if directory.join(store::DATABASE_FILE).exists() {
        files::close_to_others(directory);
    }
    let lock = files::open_own(&directory.join(LOCK_FILE)).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {
            // Only for programs that wait; if this cannot be written, they wait for a fixed time.
            let _ = lock.set_len(0).and_then(|()| (&lock).write_all(holder.name().as_bytes()));
            Ok(lock)
        }
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(directory.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
