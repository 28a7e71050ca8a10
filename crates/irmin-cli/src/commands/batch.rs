//! `irmin batch`.

mod line;

use std::cell::Cell;
use std::path::{Path, PathBuf};

use irminsule::{Blob, TransactOptions, View};

use self::line::{Action, Line};
use crate::context::{Context, WriteArgs};
use crate::failure::{Failure, Outcome, Verdict};
use crate::input::{file_blob, read_all};
use crate::output::{committed, show_path};
use crate::quote::quote;

/// Make many changes in one commit: all or nothing
///
/// Each line is one of:
///
///   set PATH VALUE      put a value
///   set-file PATH FILE  put the content of a file
///   rm PATH             remove a value or a directory; there must be something
///   check PATH VALUE    go on only if this is the value
///   check-absent PATH   go on only if there is nothing
///
/// Words are separated by blanks. A word with blanks, or an empty one, stands between double
/// quotes, where \" \\ \n \t \r and \xff (any byte, in hexadecimal) are understood. Empty lines
/// and lines that start with '#' say nothing. A line sees what the lines above it did. If a check
/// fails nothing is changed, and the exit code is 1.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The lines; '-' is stdin
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    #[command(flatten)]
    write: WriteArgs,
}

/// A line with what it needs from outside.
struct Step {
    line: Line,
    /// The content of the file that it names.
    blob: Option<Blob>,
}

/// Why nothing was changed: the number of a line and what it found.
type Refusal = (usize, String);

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let file = match args.file.as_os_str().as_encoded_bytes() {
        b"-" => "stdin".to_owned(),
        name => quote(name),
    };
    let place = |line: usize| format!("{file}, line {line}");
    let text = read_all(Some(&args.file))?;
    let branch = context.branch()?;
    let steps = prepare(&text, context, &place)?;
    let message = format!("Batch of {} lines", steps.len());
    let mut options = TransactOptions::new("");
    options.info = Some(context.info(&args.write, message)?);
    let at = Cell::new(0);
    let done = branch.transact(&options, |view| {
        let mut inner = view.nested();
        for step in &steps {
            at.set(step.line.number);
            if let Some(found) = apply(&mut inner, step)? {
                return Ok(Some((step.line.number, found)));
            }
        }
        at.set(0);
        view.absorb(inner)?;
        Ok(None::<Refusal>)
    });
    let done = done.map_err(|error| match at.get() {
        0 => Failure::from(error),
        line => Failure::from(error).at(place(line)),
    })?;
    if let Some((line, found)) = done.value {
        context
            .ui
            .say(format!("{}: {found}; nothing was changed", place(line)));
        return Ok(Verdict::No);
    }
    committed(context, done.commit.as_ref())?;
    Ok(Verdict::Done)
}

/// Reads all lines and all files that they name, before anything is changed.
fn prepare(
    text: &[u8],
    context: &mut Context,
    place: &dyn Fn(usize) -> String,
) -> Result<Vec<Step>, Failure> {
    let store = context.repo()?.objects();
    let mut steps = Vec::new();
    for (number, bytes) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let line = line::parse(number, bytes).map_err(|failure| failure.at(place(number)))?;
        let Some(line) = line else {
            continue;
        };
        let blob = match &line.action {
            Action::SetFile(file) => {
                let file = file_path(file).map_err(|failure| failure.at(place(number)))?;
                let blob = file_blob(&store, &file);
                Some(blob.map_err(|failure| failure.at(place(number)))?)
            }
            Action::Set(value) => Some(Blob::new(value.clone())),
            _ => None,
        };
        steps.push(Step { line, blob });
    }
    Ok(steps)
}

/// Does what a line says; returns what it found instead of what it expects.
fn apply(view: &mut View, step: &Step) -> irminsule::Result<Option<String>> {
    let path = &step.line.path;
    match (&step.line.action, &step.blob) {
        (_, Some(blob)) => {
            view.set(path, blob.clone())?;
            Ok(None)
        }
        (Action::Remove, _) => {
            let removed = view.remove(path)?;
            Ok((!removed).then(|| format!("there is nothing at '{}'", show_path(path))))
        }
        (Action::Check(expected), _) => {
            let found = view.get(path)?;
            if found.as_deref() == Some(expected.as_slice()) {
                return Ok(None);
            }
            let kind = view.kind(path)?;
            let found = match (found, kind) {
                (Some(found), _) => format!("is '{}'", shorten(&found)),
                (None, Some(_)) => "is a directory".to_owned(),
                (None, None) => "is absent".to_owned(),
            };
            let expected = shorten(expected);
            Ok(Some(format!(
                "'{}' {found}, not '{expected}'",
                show_path(path)
            )))
        }
        (Action::CheckAbsent, _) => {
            let kind = view.kind(path)?;
            Ok(kind.map(|_| format!("there is something at '{}'", show_path(path))))
        }
        (Action::Set(_) | Action::SetFile(_), None) => Ok(None),
    }
}

/// Writes the beginning of a value for people.
fn shorten(value: &[u8]) -> String {
    const SHOWN_BYTES_MAX: usize = 60;
    match value.get(..SHOWN_BYTES_MAX) {
        Some(beginning) => quote(beginning) + "…",
        None => quote(value),
    }
}

#[cfg(unix)]
fn file_path(bytes: &[u8]) -> Result<PathBuf, Failure> {
    use std::os::unix::ffi::OsStrExt;
    Ok(Path::new(std::ffi::OsStr::from_bytes(bytes)).to_owned())
}

#[cfg(not(unix))]
fn file_path(bytes: &[u8]) -> Result<PathBuf, Failure> {
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|_| Failure::new("the file's name is not UTF-8"))?;
    Ok(Path::new(text).to_owned())
}
