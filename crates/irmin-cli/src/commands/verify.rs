//! `irmin verify`.

use std::sync::Arc;

use irminsule::{
    CheckProblem, CheckReport, Engine, OpenError, Repo, StoreError, Url, VerifyReport, system_env,
};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};
use crate::output::put_bytes;
use crate::paint::Style;
use crate::size::{count, human};

/// Check every byte, and with --deep what it means
///
/// Reads all files and checks every checksum, id, link and ref. Repairs nothing, but opening a
/// repository cuts off a tail that was never finished, which it tells, unless another process writes
/// to it. Prints what is wrong, with file, offset, what was expected and what was found, and exits with 1 then.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Follow all names too, and check that every commit, directory and value is there and as it must
    /// be
    #[arg(long)]
    deep: bool,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let engine = match open(&context.url()?) {
        Ok(engine) => engine,
        Err(OpenError::Store(damage @ StoreError::Corrupt { .. })) => {
            store_problem(context, &damage)?;
            context.ui.say("the repository cannot be opened");
            hint_salvage(context);
            return Ok(Verdict::No);
        }
        Err(error) => return Err(error.into()),
    };
    let mut progress = context.ui.progress("checking bytes", None);
    let bytes = engine.verify(&mut |at| {
        progress.set_total(at.bytes_total);
        progress.update(at.bytes_done, "bytes");
    })?;
    drop(progress);
    for problem in &bytes.problems {
        store_problem(context, problem)?;
    }
    let meaning = match args.deep {
        true => Some(check(engine, context)?),
        false => None,
    };
    conclude(context, &bytes, meaning.as_ref())
}

/// Follows all names.
fn check(engine: Arc<dyn Engine>, context: &mut Context) -> Result<CheckReport, Failure> {
    let mut progress = context.ui.progress("checking entries", None);
    let repo = Repo::new(engine, system_env());
    let meaning = repo.check(&mut |at| progress.update(at.entries, ""))?;
    drop(progress);
    for problem in &meaning.problems {
        check_problem(context, problem)?;
    }
    Ok(meaning)
}

fn hint_salvage(context: &mut Context) {
    let hint = "'irmin salvage DIR TO' copies what can be read";
    context.ui.say(format!("hint: {hint}"));
}

/// Opens for writing, which repairs what a crash left, or for reading if that is not to be had.
fn open(url: &Url) -> Result<Arc<dyn Engine>, OpenError> {
    match url.open() {
        Err(OpenError::Store(StoreError::Locked { .. } | StoreError::Io { .. })) => {
            url.open_reader()
        }
        other => other,
    }
}

pub(super) fn store_problem(context: &mut Context, problem: &StoreError) -> Result<(), Failure> {
    if !context.ui.is_json() {
        return damaged(context, &problem.to_string());
    }
    let mut object = Map::new();
    match problem {
        StoreError::Corrupt {
            path,
            offset,
            expected,
            found,
        } => {
            put_bytes(&mut object, "file", path.as_os_str().as_encoded_bytes());
            object.insert("offset".into(), (*offset).into());
            object.insert("expected".into(), expected.clone().into());
            object.insert("found".into(), found.clone().into());
        }
        other => {
            object.insert("found".into(), other.to_string().into());
        }
    }
    context.ui.json(&Value::Object(object))
}

fn check_problem(context: &mut Context, problem: &CheckProblem) -> Result<(), Failure> {
    if !context.ui.is_json() {
        return damaged(context, &problem.to_string());
    }
    context.ui.json(&json!({
        "thing": problem.thing,
        "expected": problem.expected,
        "found": problem.found,
    }))
}

fn damaged(context: &mut Context, problem: &str) -> Result<(), Failure> {
    let problem = context.ui.paint(Style::Removed, problem);
    context.ui.line(problem)
}

fn conclude(context: &mut Context, bytes: &VerifyReport, meaning: Option<&CheckReport>) -> Outcome {
    let problems = bytes.problems.len() + meaning.map_or(0, |meaning| meaning.problems.len());
    if context.ui.is_json() {
        context.ui.json(&to_json(bytes, meaning, problems))?;
    } else {
        tell(context, bytes, meaning, problems);
    }
    Ok(if problems == 0 {
        Verdict::Done
    } else {
        Verdict::No
    })
}

fn to_json(bytes: &VerifyReport, meaning: Option<&CheckReport>, problems: usize) -> Value {
    let mut object = json!({
        "bytes": bytes.bytes,
        "objects": bytes.objects,
        "refs": bytes.refs,
        "commits": bytes.commits,
        "problems": problems,
        "bytes_cut": bytes.bytes_cut,
    });
    if let (Some(meaning), Some(object)) = (meaning, object.as_object_mut()) {
        object.insert("commits".into(), meaning.commits.into());
        object.insert("directories".into(), meaning.directories.into());
        object.insert("entries".into(), meaning.entries.into());
    }
    object
}

fn tell(
    context: &mut Context,
    bytes: &VerifyReport,
    meaning: Option<&CheckReport>,
    problems: usize,
) {
    let read = human(bytes.bytes);
    let objects = count(bytes.objects, "object", "objects");
    let names = count(bytes.refs, "name", "names");
    let line = match meaning {
        None => format!("read {read} with {objects} and {names}"),
        Some(meaning) => {
            let commits = count(meaning.commits, "commit", "commits");
            let dirs = count(meaning.directories, "directory", "directories");
            let entries = count(meaning.entries, "entry", "entries");
            format!(
                "read {read} with {objects}; followed {names} to {commits}, {dirs} and {entries}"
            )
        }
    };
    context.ui.say(line);
    if bytes.bytes_cut > 0 {
        let cut = human(bytes.bytes_cut);
        context.ui.say(format!(
            "cut off {cut} at the end of the log that were not whole: what a crash leaves of a \
             commit that was never acknowledged, or damage to the last one"
        ));
    }
    let verdict = match problems {
        0 if bytes.bytes_cut > 0 => "nothing else is wrong".to_owned(),
        0 => context.ui.paint_talk(Style::Added, "nothing is wrong"),
        _ => count(problems as u64, "problem", "problems"),
    };
    context.ui.say(verdict);
    if problems > 0 {
        hint_salvage(context);
    }
}
