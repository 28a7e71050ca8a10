//! The overview of all commands, in groups.

use clap::Command;
use clap::builder::StyledStr;

/// The commands by what people want to do.
const GROUPS: [(&str, &[&str]); 9] = [
    ("Start", &["serve", "init", "tour"]),
    ("Read", &["get", "ls", "tree", "dump", "export"]),
    (
        "Write",
        &[
            "set", "rm", "load", "import", "batch", "counter", "register",
        ],
    ),
    (
        "Look back",
        &["log", "show", "diff", "blame", "watch", "proof"],
    ),
    (
        "Fork and merge",
        &["branch", "tag", "merge", "reset", "revert", "rules"],
    ),
    (
        "Share",
        &[
            "clone", "fetch", "pull", "push", "remote", "bundle", "snapshot",
        ],
    ),
    ("Look after a server", &["token", "admin"]),
    (
        "Look after the repository",
        &["gc", "pin", "verify", "salvage", "stats", "dot"],
    ),
    ("Set up the shell", &["completions", "man"]),
];

/// Gives a command an overview of its subcommands in groups.
pub(super) fn group(command: Command) -> Command {
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}Options:\n{{options}}{{after-help}}",
        overview(&command)
    );
    command.help_template(template)
}

fn overview(command: &Command) -> String {
    let names = GROUPS.iter().flat_map(|(_, names)| *names);
    let width = names.map(|name| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (heading, names) in GROUPS {
        text += &format!("{heading}:\n");
        for name in names {
            let found = command.find_subcommand(name);
            let about = found.and_then(Command::get_about).map(StyledStr::to_string);
            text += &format!("  {name:<width$}  {}\n", about.unwrap_or_default());
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_command_is_in_a_group() {
        let command = Cli::command();
        let names: BTreeSet<&str> = command.get_subcommands().map(Command::get_name).collect();
        let grouped: BTreeSet<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        assert_eq!(names, grouped);
    }
}
