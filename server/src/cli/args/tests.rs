//! What a command line may look like.

use clap::{CommandFactory as _, Parser as _};

use super::Cli;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn global_options_stand_anywhere() {
    for line in [
        "frontdesk-server --data-dir d --json --property 2 staff list",
        "frontdesk-server staff --data-dir d --json --property 2 list",
        "frontdesk-server staff list --property 2 --json --data-dir d",
    ] {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        assert_eq!(cli.data_dir.unwrap().to_str(), Some("d"));
        assert_eq!((cli.json, cli.property), (true, Some(2)));
    }
}

#[test]
fn every_option_is_an_environment_variable_and_says_what_it_is() {
    fn visit(command: &clap::Command) {
        for arg in command.get_arguments() {
            let id = arg.get_id().as_str();
            if matches!(id, "help" | "version") {
                continue;
            }
            let variable = arg.get_env().map(|name| name.to_string_lossy().into_owned());
            assert!(variable.is_some_and(|name| name.starts_with("FRONTDESK_")), "{id}");
            assert!(arg.get_help().is_some(), "{id}");
        }
        command.get_subcommands().for_each(visit);
    }
    visit(&Cli::command());
}

#[test]
fn bad_usage_is_exit_code_2() {
    for line in ["", "staff create", "serve --listen nowhere", "guest check-out", "sing"] {
        let words =
            std::iter::once("frontdesk-server").chain(line.split(' ').filter(|w| !w.is_empty()));
        assert_eq!(Cli::try_parse_from(words).unwrap_err().exit_code(), 2, "{line}");
    }
}
