//! `frontdesk-server`: the chat server without a window, and the commands around it.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
