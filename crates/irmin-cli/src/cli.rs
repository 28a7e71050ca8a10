//! The command line: what can be typed, and what the exit code says.

mod help;

use std::any::Any;
use std::error::Error as _;
use std::ffi::OsString;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser};

use irminsule::PathError;

use crate::commands::{self, Command};
use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};
use crate::ui::Ui;

/// A branchable, mergeable, content-addressed database
///
/// Values lie at paths in a tree; every change is a commit on a branch; branches fork, merge and
/// keep their history.
#[derive(Parser)]
#[command(
    name = "irmin",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = AFTER_HELP,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Common {
    /// The repository: a directory, or a URL such as pack:DIR [default: the nearest .irmin upwards]
    #[arg(short, long, global = true, value_name = "URL|DIR", help_heading = HEADING)]
    pub(crate) repo: Option<OsString>,
    /// The branch to read and to commit to [default: main]
    #[arg(short, long, global = true, value_name = "NAME", help_heading = HEADING)]
    pub(crate) branch: Option<String>,
    /// Write data as JSON, one value a line
    #[arg(long, global = true, help_heading = HEADING)]
    pub(crate) json: bool,
}

pub(crate) const HEADING: &str = "Common options";

const AFTER_HELP: &str = "\
Data goes to stdout, talk to stderr. Exit codes: 0 done; 1 no (absent, conflict, differs); 2 error.

Environment:
  IRMIN_REPO         the repository, as --repo
  IRMIN_AUTHOR       who commits: 'Name <address>'
  IRMIN_TOKEN        who asks a server: a token, or its file in IRMIN_TOKEN_FILE
  IRMIN_CA_FILE      whose certificates of servers to believe, as PEM [default: the system's]
  IRMIN_CERTIFICATE_FILE, IRMIN_KEY_FILE
                     the certificate and its key that servers are shown, as PEM
  IRMIN_DATE         the time of commits, as 2026-11-01T10:00:00+01:00 [default: now]
  IRMIN_NO_PROGRESS  no progress bars
  IRMIN_PAGER, PAGER the program that shows long output on a terminal; 'cat' or empty for none
  NO_COLOR           no colour; CLICOLOR_FORCE=1 asks for it where there is no terminal";

/// Runs a command line and returns the exit code. Never panics.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    panic::set_hook(Box::new(|_| {}));
    let args: Vec<OsString> = args.into_iter().collect();
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| run_unguarded(&args)));
    let outcome = outcome.unwrap_or_else(|panic| Err(defect(panic.as_ref())));
    conclude(outcome)
}

fn run_unguarded(args: &[OsString]) -> Outcome {
    let matches = command().try_get_matches_from(args);
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, args),
    };
    let ui = Ui::new(cli.common.json);
    let mut context = Context::new(ui, cli.common, cli.command.only_reads());
    let outcome = commands::run(&cli.command, &mut context);
    // The pager must have all of it before a failure is told.
    let finished = context.ui.finish();
    let verdict = outcome?;
    finished?;
    Ok(verdict)
}

/// Returns the description of the command line.
pub(crate) fn command() -> clap::Command {
    help::group(Cli::command())
}

fn conclude(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(Verdict::Done) | Err(Failure::BrokenPipe) => ExitCode::SUCCESS,
        Ok(Verdict::No) => ExitCode::from(1),
        Err(Failure::Error { message, hints }) => {
            Ui::new(false).error(&message, &hints);
            ExitCode::from(2)
        }
    }
}

/// Says what is wrong with the arguments, or prints the help that was asked for.
fn refuse(error: &clap::Error, args: &[OsString]) -> Outcome {
    let text = error.to_string();
    if !error.use_stderr() {
        let mut ui = Ui::new(false);
        ui.text(&text)?;
        ui.finish()?;
        return Ok(Verdict::Done);
    }
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let hint = match subcommand(args) {
            Some(name) => format!("'irmin {name} --help' lists those of '{name}'"),
            None => {
                "'irmin --help' lists the commands; 'irmin init' is the first one to use".into()
            }
        };
        return Err(Failure::new("no command given").hint(hint));
    }
    if let Some(error) = error
        .source()
        .and_then(|source| source.downcast_ref::<PathError>())
    {
        return Err(error.clone().into());
    }
    Err(match usage_failure(&text) {
        Failure::Error { message, hints } if hints.is_empty() => {
            let name = subcommand(args).unwrap_or_else(|| "COMMAND".to_owned());
            Failure::new(message).hint(format!("'irmin {name} --help' tells what it takes"))
        }
        failure => failure,
    })
}

/// Returns the name of the command among the arguments.
fn subcommand(args: &[OsString]) -> Option<String> {
    let mut command = &command();
    let mut found = Vec::new();
    for name in args.iter().filter_map(|arg| arg.to_str()) {
        if let Some(below) = command.find_subcommand(name) {
            command = below;
            found.push(name);
        }
    }
    (!found.is_empty()).then(|| found.join(" "))
}

/// Turns the parser's paragraphs into one line and hints.
fn usage_failure(text: &str) -> Failure {
    let mut paragraphs = text.split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let words: Vec<&str> = first.lines().map(str::trim).collect();
    let mut failure = Failure::new(words.join(" "));
    for line in paragraphs.flat_map(str::lines).map(str::trim) {
        if let Some(tip) = line.strip_prefix("tip: ") {
            failure = failure.hint(tip);
        } else if let Some(usage) = line.strip_prefix("Usage: ") {
            failure = failure.hint(format!("usage: {usage}"));
        }
    }
    failure
}

fn defect(panic: &(dyn Any + Send)) -> Failure {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given");
    let text: Vec<&str> = text.split_whitespace().collect();
    Failure::new(format!("a defect of irmin: {}", text.join(" ")))
        .hint("nothing half done was committed; please report this with the command that you ran")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_one_line_with_a_way_out() {
        let Failure::Error { message, hints } = defect(&"went\n  wrong") else {
            panic!("an error expected");
        };
        assert_eq!(message, "a defect of irmin: went wrong");
        assert_eq!(hints.len(), 1);
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
