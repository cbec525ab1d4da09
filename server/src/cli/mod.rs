//! The command line: parses it, carries out the command, and returns the exit code.

mod args;
mod environment;
mod names;
mod output;
mod request;
mod serve;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use frontdesk_server::{
    admin::{self, AdminError, Request, Response},
    audit, backup, check,
    clock::Clock,
    guestdata::{self, ExportError},
};

use args::{Audit, Cli, Command, Guest};

/// Why a command failed.
#[derive(Debug)]
enum Failure {
    /// Exit code 2: the command line is not right.
    Usage(String),
    /// Exit code 1: it could not be done.
    Failed(String),
}

impl Failure {
    fn failed(error: &impl ToString) -> Self {
        Self::Failed(error.to_string())
    }

    fn exit(self) -> ExitCode {
        let (sentence, code) = match self {
            Self::Usage(sentence) => (sentence, 2),
            Self::Failed(sentence) => (sentence, 1),
        };
        // Standard error may be closed; the exit code still reports the failure.
        let _ = writeln!(std::io::stderr(), "error: {sentence}");
        ExitCode::from(code)
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match environment::parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(&error).exit(),
    };
    let result = runtime.block_on(run(cli));
    // A blocking read (of standard input, of a file) must not delay the exit.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.exit(),
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { data_dir, json, property, command } = cli;
    let data_dir = args::data_dir(data_dir)?;
    match command {
        Command::Serve(serve) => serve::run(data_dir, *serve, json).await,
        Command::Backup { file } => {
            let created = backup::create(&data_dir, &file).await;
            let created = created.map_err(|error| Failure::failed(&error))?;
            if let Err(error) = admin::note_backup(&data_dir).await {
                let _ = writeln!(
                    io::stderr(),
                    "warning: the backup was made, but could not be recorded in the \
                     audit log: {error}"
                );
            }
            output::backup(&created, json)
        }
        Command::Restore { file } => {
            let restored = backup::restore(&data_dir, &file, &Clock::System).await;
            output::restored(&restored.map_err(|error| Failure::failed(&error))?, json)
        }
        Command::Check => {
            let findings = check::run(&data_dir).await;
            output::check(&findings.map_err(|error| Failure::failed(&error))?, json)
        }
        Command::Guest(Guest::Export { id, format, file }) => {
            if file.symlink_metadata().is_ok() {
                let file = file.display().to_string();
                return Err(Failure::failed(&ExportError::Exists(file)));
            }
            let request = Request::GuestExport { property, id, format };
            let noted = admin::perform(&data_dir, request).await.map_err(refused)?;
            if let Response::GuestExport { property_id, guest_id } = noted {
                let guest = (property_id, guest_id);
                guestdata::write_file(&data_dir, guest, format, &file, &Clock::System)
                    .await
                    .map_err(|error| Failure::failed(&error))?;
            }
            output::exported(id, &file, json)
        }
        Command::Audit(Audit::Verify { known_hash }) => {
            let chains = audit::verify(&data_dir, property, known_hash.as_deref()).await;
            let chains = chains.map_err(|error| Failure::failed(&error))?;
            output::chains(&chains, known_hash.as_deref(), json)
        }
        Command::Audit(Audit::List { limit }) => {
            let entries = audit::list(&data_dir, property, limit).await;
            output::entries(&entries.map_err(|error| Failure::failed(&error))?, json)
        }
        command => {
            let request = request::request(command, property)?;
            let response = admin::perform(&data_dir, request).await.map_err(refused)?;
            output::response(&response, json)
        }
    }
}

fn refused(error: AdminError) -> Failure {
    match error {
        AdminError::Usage(sentence) => Failure::Usage(sentence),
        AdminError::Failed(sentence) => Failure::Failed(sentence),
    }
}
