//! `irmin watch`.

mod sink;

use std::ffi::OsString;
use std::time::Duration;

use irminsule::{Difference, NameChange, NamesWatch, Path, Since, Watch, WatchEvent, WatchKind};
use serde_json::{Value, json};

use crate::context::Context;
use crate::data::path_parser;
use crate::diff::change_json;
use crate::failure::{Failure, Outcome, Verdict};
use crate::output::{commit_json, show_path};
use crate::paint::Style;
use crate::quote::quote;
use crate::ui::Ui;
use sink::Sink;

/// How long one wait lasts; then comes the next.
const WAIT: Duration = Duration::from_secs(60);

const ABOUT: &str = "\
Tell what changes on the branch, as it happens: each commit once, oldest first, and below it the
paths that it added (+), changed (*) and removed (-). A merge is one event with all that it brought.
What does not change PATH is left out.

It misses nothing: give the last id that it told to --since, and it goes on behind that commit, also
days later. 'now' is the present head, 'start' the beginning of history, 'absent' a branch that does
not exist yet. Ends with Ctrl-C, or when nobody reads any more.

With a command, each event is one line of JSON on the command's standard input.";

/// Tell what changes, as it happens
#[derive(clap::Args)]
#[command(long_about = ABOUT)]
pub(crate) struct Args {
    /// Only what is at and below this path
    #[arg(value_parser = path_parser(), default_value = "", hide_default_value = true)]
    path: Path,
    /// Begin behind this revision
    #[arg(
        long,
        value_name = "REV",
        default_value = "now",
        allow_hyphen_values = true
    )]
    since: String,
    /// End after so many events
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
    /// End where there is nothing more to tell
    #[arg(long)]
    until_head: bool,
    /// Tell instead which branches, tags and other names come, move and go, from now on
    #[arg(long, conflicts_with_all = ["path", "since"])]
    names: bool,
    /// Give the events to this command, as JSON
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let source = Source::open(args, context)?;
    let mut sink = Sink::new(&args.command)?;
    let told = tell(args, context, source, &mut sink);
    sink.end(told)?;
    Ok(Verdict::Done)
}

enum Source {
    Branch(Watch),
    Names(NamesWatch),
}

impl Source {
    fn open(args: &Args, context: &mut Context) -> Result<Self, Failure> {
        let repo = context.repo()?;
        if args.names {
            return Ok(Self::Names(repo.watch_names("")?));
        }
        let since = match args.since.parse::<Since>() {
            Ok(since) => since,
            Err(_) => Since::Commit(context.resolve(&args.since)?.id()),
        };
        let branch = repo.branch(context.branch_name()?.as_str())?;
        Ok(Self::Branch(branch.watch(&args.path, since)?))
    }
}

/// Tells events until there were enough.
fn tell(
    args: &Args,
    context: &mut Context,
    mut source: Source,
    sink: &mut Sink,
) -> Result<(), Failure> {
    let wait = if args.until_head {
        Duration::ZERO
    } else {
        WAIT
    };
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        let is_caught_up = match &mut source {
            Source::Branch(watch) => match watch.next(wait)? {
                Some(event) => {
                    left -= 1;
                    branch_event(context, sink, &event)?;
                    false
                }
                None => watch.is_caught_up(),
            },
            Source::Names(watch) => {
                let changes = watch.next(wait)?;
                for change in changes
                    .iter()
                    .take(usize::try_from(left).unwrap_or(usize::MAX))
                {
                    left -= 1;
                    name_event(context, sink, change)?;
                }
                changes.is_empty()
            }
        };
        if is_caught_up && args.until_head {
            break;
        }
    }
    Ok(())
}

fn branch_event(context: &mut Context, sink: &mut Sink, event: &WatchEvent) -> Result<(), Failure> {
    let branch = context.branch_name()?;
    if sink.is_command() || context.ui.is_json() {
        return sink.json(&mut context.ui, &event_json(branch.as_str(), event)?);
    }
    let ui = &mut context.ui;
    let word = word(event.kind());
    match event.commit() {
        Some(commit) => {
            let id = ui.paint(Style::Id, commit.id().short());
            let subject = quote(commit.info().subject().as_bytes());
            ui.line(format!("{word} {id} {subject}").trim_end())?;
        }
        None => ui.line(format!("{word} {branch}"))?,
    }
    for change in event.changes()? {
        let (sign, style) = match change.difference {
            Difference::Added(_) => ("+", Style::Added),
            Difference::Removed(_) => ("-", Style::Removed),
            Difference::Modified { .. } => ("*", Style::Place),
        };
        let sign = ui.paint(style, sign);
        ui.line(format!("{sign} {}", show_path(&change.path)))?;
    }
    flush(ui)
}

const fn word(kind: WatchKind) -> &'static str {
    match kind {
        WatchKind::Created => "created",
        WatchKind::Reset => "reset",
        WatchKind::Removed => "removed",
        _ => "commit",
    }
}

fn event_json(branch: &str, event: &WatchEvent) -> Result<Value, Failure> {
    let changes: Result<Vec<Value>, Failure> = event.changes()?.iter().map(change_json).collect();
    let mut object = json!({
        "event": word(event.kind()),
        "branch": branch,
        "since": event.cursor().to_string(),
        "changes": changes?,
    });
    if let Some(before) = event.before() {
        object["before"] = before.id().to_string().into();
    }
    if let Some(commit) = event.commit() {
        object["commit"] = commit_json(commit);
    }
    Ok(object)
}

fn name_event(context: &mut Context, sink: &mut Sink, change: &NameChange) -> Result<(), Failure> {
    let word = match (change.before, change.after) {
        (None, _) => "created",
        (_, None) => "removed",
        _ => "moved",
    };
    if sink.is_command() || context.ui.is_json() {
        let mut object = json!({"event": word, "name": change.name});
        for (key, id) in [("before", change.before), ("commit", change.after)] {
            if let Some(id) = id {
                object[key] = id.to_string().into();
            }
        }
        return sink.json(&mut context.ui, &object);
    }
    let ui = &mut context.ui;
    let name = ui.paint(Style::Name, quote(change.name.as_bytes()));
    match change.after {
        Some(id) => {
            let id = ui.paint(Style::Id, id.short());
            ui.line(format!("{word} {name} {id}"))?;
        }
        None => ui.line(format!("{word} {name}"))?,
    }
    flush(ui)
}

/// Whoever reads the events gets each at once.
fn flush(ui: &mut Ui) -> Result<(), Failure> {
    Ok(ui.out().flush()?)
}
