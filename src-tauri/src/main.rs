//! The desktop program; everything is in the library.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

fn main() -> std::process::ExitCode {
    frontdesk::run()
}
