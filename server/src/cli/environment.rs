//! The environment beside the command line. What is set to nothing is not set, and of what excludes each
//! other the command line decides.

use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _};

use super::args::Cli;

/// What was asked for.
///
/// # Errors
/// What is wrong with it, or the help that was asked for.
pub(super) fn parse() -> Result<Cli, clap::Error> {
    let command = deaf(Cli::command(), &|_, arg| is_empty(arg));
    // A choice that the command line makes is made; only one that it leaves open is the environment's.
    let line = deaf(command.clone(), &|command, arg| is_empty(arg) || is_choice(command, arg));
    let matches = line.try_get_matches().or_else(|_| command.try_get_matches());
    matches.and_then(|matches| Cli::from_arg_matches(&matches))
}

/// Has a command, and those below it, hear nothing of the environment in these arguments.
fn deaf(command: Command, ears: &dyn Fn(&Command, &Arg) -> bool) -> Command {
    let closed: Vec<_> = command
        .get_arguments()
        .filter(|arg| ears(&command, arg))
        .map(|arg| arg.get_id().clone())
        .collect();
    let command = closed
        .into_iter()
        .fold(command, |command, id| command.mut_arg(id, |arg| arg.env(None::<&str>)));
    let below: Vec<_> =
        command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    below
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, |below| deaf(below, ears)))
}

/// Whether its variable is there, with nothing in it.
#[expect(clippy::disallowed_methods, reason = "clap reads all other variables")]
fn is_empty(arg: &Arg) -> bool {
    arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty())
}

/// Whether it can be given only alone, of several.
fn is_choice(command: &Command, arg: &Arg) -> bool {
    command
        .get_groups()
        .any(|group| !group.clone().is_multiple() && group.get_args().any(|id| id == arg.get_id()))
}
