//! Options from environment variables. A variable with an empty value counts as not set. Where options
//! exclude each other, the command line takes precedence over the environment.

use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _};

use super::args::Cli;

/// Reads the command line and the environment.
///
/// # Errors
/// What is wrong with them, or the text of `--help`.
pub(super) fn parse() -> Result<Cli, clap::Error> {
    let command = without_variables(Cli::command(), &|_, arg| is_empty(arg));
    // First without the variables of options that exclude each other: those apply only if the command line
    // names none of the group.
    let line = without_variables(command.clone(), &|command, arg| {
        is_empty(arg) || is_choice(command, arg)
    });
    let matches = line.try_get_matches().or_else(|_| command.try_get_matches());
    matches.and_then(|matches| Cli::from_arg_matches(&matches))
}

/// Makes a command and its subcommands ignore the environment variables of the selected arguments.
fn without_variables(command: Command, is_ignored: &dyn Fn(&Command, &Arg) -> bool) -> Command {
    let ignored: Vec<_> = command
        .get_arguments()
        .filter(|arg| is_ignored(&command, arg))
        .map(|arg| arg.get_id().clone())
        .collect();
    let command = ignored
        .into_iter()
        .fold(command, |command, id| command.mut_arg(id, |arg| arg.env(None::<&str>)));
    let below: Vec<_> =
        command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    below.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |below| without_variables(below, is_ignored))
    })
}

/// Whether its variable is set to an empty value.
#[expect(clippy::disallowed_methods, reason = "clap reads all other variables")]
fn is_empty(arg: &Arg) -> bool {
    arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty())
}

/// Whether it belongs to a group of which only one may be given.
fn is_choice(command: &Command, arg: &Arg) -> bool {
    command
        .get_groups()
        .any(|group| !group.clone().is_multiple() && group.get_args().any(|id| id == arg.get_id()))
}
