//! What commands share that work with another repository: finding it, and telling what moved.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use irminsule::sync::{BundleStore, CopyProgress, Fetched, RefMove};
use irminsule::{BranchName, Engine, ORIGIN, OpenError, Remotes, StoreError, Url};
use serde_json::json;

use crate::context::{self, Context, place};
use crate::failure::Failure;
use crate::paint::Style;
use crate::progress::Progress;
use crate::size::{count, human};

/// Another repository.
pub(crate) struct Remote {
    /// What its branches are remembered under.
    pub(crate) name: String,
    pub(crate) url: Url,
}

/// Opens a repository that is only read: beside the process that writes to it, if there is one.
pub(crate) fn open_source(url: &Url) -> Result<Arc<dyn Engine>, Failure> {
    match url {
        Url::Pack(_) => url.open_reader().map_err(not_opened),
        Url::Bundle(file) => Ok(Arc::new(open_bundle(file)?)),
        _ => Ok(url.open()?),
    }
}

/// Tells why another repository cannot be opened.
fn not_opened(error: OpenError) -> Failure {
    match error {
        OpenError::Store(error @ StoreError::NotFound { .. }) => Failure::new(error.to_string())
            .hint("'irmin remote' lists the remotes; 'irmin remote set-url NAME URL' changes one"),
        error => error.into(),
    }
}

/// Opens a bundle, and checks every byte of it.
pub(crate) fn open_bundle(file: &Path) -> Result<BundleStore, Failure> {
    irminsule::open_bundle(file).map_err(|error| match error {
        StoreError::NotFound { .. } => {
            Failure::new(format!("there is no file '{}'", file.display()))
                .hint("check the spelling; the name is taken from here")
        }
        // Where bundles say that they are some.
        StoreError::Corrupt { offset: 0..8, .. } => {
            Failure::new(format!("'{}' is no bundle", file.display()))
                .hint("'irmin bundle create' and 'irmin snapshot create' make bundles")
        }
        StoreError::Io { ref source, .. } if source.kind() == ErrorKind::IsADirectory => {
            Failure::new(format!("'{}' is a directory, not a bundle", file.display()))
        }
        StoreError::Corrupt { .. } => Failure::new(error.to_string())
            .hint("nothing was taken from it; get the file again from where it was made"),
        error => error.into(),
    })
}

/// Opens a repository that is written to.
pub(crate) fn open_target(url: &Url) -> Result<Arc<dyn Engine>, Failure> {
    context::open(url).map_err(not_opened)
}

/// Tells whether a remote is the repository itself, which only one can write to at a time.
pub(crate) fn is_here(context: &Context, remote: &Remote) -> Result<bool, Failure> {
    let here = context.url()?;
    if here == remote.url {
        return Ok(true);
    }
    let real = |url: &Url| url.dir().and_then(|dir| dir.canonicalize().ok());
    Ok(real(&here).is_some_and(|here| Some(here) == real(&remote.url)))
}

/// Returns the remotes of the repository.
pub(crate) fn remotes(context: &Context) -> Result<Remotes, Failure> {
    let url = context.url()?;
    let dir = url
        .dir()
        .ok_or_else(|| Failure::new(format!("{url} keeps no remotes")))?;
    Ok(Remotes::load(dir)?)
}

/// Finds the remote that a user names, by its name or by its URL; `origin` if none is named.
pub(crate) fn find(context: &mut Context, named: Option<&OsStr>) -> Result<Remote, Failure> {
    let remotes = remotes(context)?;
    let known = |name: &str| remotes.url(name).map(|url| (name.to_owned(), url));
    let found = match named {
        Some(named) => named.to_str().and_then(known),
        None => Some(known(ORIGIN).ok_or_else(|| {
            Failure::new("there is no remote 'origin'")
                .hint("name a directory or a URL, or 'irmin remote add origin URL' first")
        })?),
    };
    if let Some((name, url)) = found {
        let url = url.parse()?;
        return Ok(Remote { name, url });
    }
    let named = named.unwrap_or_default();
    let url = resolve(named)?;
    if let Url::Pack(dir) = &url
        && !dir.exists()
    {
        return Err(no_remote(context, &named.to_string_lossy()));
    }
    let text = url.to_string();
    if let Some((name, _)) = remotes.iter().find(|(_, known)| *known == text) {
        let name = name.to_owned();
        return Ok(Remote { name, url });
    }
    let name = stem(&url);
    if let Some(other) = remotes.url(&name) {
        return Err(
            Failure::new(format!("the remote '{name}' is {other}, not {text}"))
                .hint("'irmin remote add NAME URL' gives this one another name"),
        );
    }
    Ok(Remote { name, url })
}

/// Says that there is nothing of that name; it may be a branch in the place of a remote.
fn no_remote(context: &mut Context, named: &str) -> Failure {
    let failure = Failure::new(format!("there is no remote and no directory '{named}'"));
    let is_branch = context.repo().is_ok_and(|repo| {
        repo.branch(named)
            .is_ok_and(|it| it.head_id().is_ok_and(|id| id.is_some()))
    });
    match is_branch {
        true => failure.hint(format!(
            "a branch comes behind the remote, as in '{ORIGIN} {named}'"
        )),
        false => failure.hint("'irmin remote' lists the remotes"),
    }
}

/// Reads a URL or a directory as one that means the same everywhere on this machine.
pub(crate) fn resolve(text: &OsStr) -> Result<Url, Failure> {
    Ok(match place::inside(place::parse(text)?) {
        Url::Pack(dir) => Url::Pack(absolute(dir)?),
        Url::Bundle(file) => Url::Bundle(absolute(file)?),
        other => other,
    })
}

/// Returns the whole path, also of what is not there yet.
fn absolute(path: PathBuf) -> Result<PathBuf, Failure> {
    let above = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let above = above.unwrap_or(Path::new(".")).canonicalize();
    let joined = above.ok().zip(path.file_name());
    match (path.canonicalize(), joined) {
        (Ok(path), _) => Ok(path),
        (_, Some((above, name))) => Ok(above.join(name)),
        _ => std::path::absolute(&path).map_err(|error| Failure::file("find", &path, &error)),
    }
}

/// Returns what a place without a name is called: the last part of its path.
pub(crate) fn stem(url: &Url) -> String {
    let label;
    let path: &Path = match url {
        Url::Remote(url) => {
            label = url.label();
            Path::new(&label)
        }
        Url::Pack(dir) if dir.file_name() == Some(OsStr::new(place::DIRECTORY)) => {
            dir.parent().unwrap_or(dir)
        }
        Url::Pack(path) | Url::Bundle(path) => path,
        _ => Path::new("remote"),
    };
    let name = match url {
        Url::Bundle(_) => path.file_stem(),
        _ => path.file_name(),
    };
    let name = name.and_then(OsStr::to_str).unwrap_or("remote");
    let is_free = |char: &char| char.is_alphanumeric() || matches!(char, '-' | '_');
    let name: String = name.chars().filter(is_free).collect();
    match name.trim_start_matches('-') {
        "" => "remote".to_owned(),
        name => name.to_owned(),
    }
}

/// Says that another repository lacks a branch.
pub(crate) fn no_branch(there: &str, branch: &BranchName) -> Failure {
    Failure::new(format!("{there} has no branch '{branch}'"))
        .hint("'irmin branch --repo URL' lists the branches there")
}

/// Shows how far a copy is, as long as what is returned lives.
pub(crate) fn watch(mut progress: Progress) -> impl FnMut(CopyProgress) -> ControlFlow<()> {
    move |done| {
        // As long as commits are looked for, it is not known how many there are.
        if done.objects > 0 {
            progress.set_total(done.commits_total);
            progress.update(done.commits, &human(done.bytes));
        } else {
            progress.update(done.commits_total, "commits found");
        }
        ControlFlow::Continue(())
    }
}

/// Tells what a fetch did.
pub(crate) fn tell_fetched(context: &mut Context, fetched: &Fetched) -> Result<(), Failure> {
    tell_moved(context, &fetched.moved)?;
    for (tag, there) in &fetched.kept_tags {
        let there = there.short();
        context.ui.say(format!(
            "tag '{tag}' is at {there} there; the one here stays"
        ));
    }
    if let Some((tag, _)) = fetched.kept_tags.first() {
        context.ui.hints(&[format!(
            "'irmin tag -d {tag}' deletes the one here; the next fetch brings the other"
        )]);
    }
    tell_copied(context, "got", fetched.copied, !fetched.moved.is_empty())
}

/// Tells which names moved.
pub(crate) fn tell_moved(context: &mut Context, moved: &[RefMove]) -> Result<(), Failure> {
    for one in moved {
        if context.ui.is_json() {
            let id = |id: Option<irminsule::Id>| id.map(|id| id.to_string());
            let (old, new) = (id(one.old), id(one.new));
            let name = one.name.as_str();
            context
                .ui
                .json(&json!({"name": name, "old": old, "commit": new}))?;
            continue;
        }
        let name = context.ui.paint_talk(Style::Name, one.name.as_str());
        let id = |id: irminsule::Id| context.ui.paint_talk(Style::Id, id.short());
        let line = match (one.old, one.new) {
            (None, Some(new)) => format!("{name} is at {} (new)", id(new)),
            (Some(old), Some(new)) => format!("{name} is at {} (was {})", id(new), id(old)),
            (Some(old), None) => format!("{name} is removed (was {})", id(old)),
            (None, None) => continue,
        };
        context.ui.say(line);
    }
    Ok(())
}

/// Tells how much was moved, unless it is nothing and names were told to have moved.
pub(crate) fn tell_copied(
    context: &mut Context,
    verb: &str,
    copied: CopyProgress,
    has_moved: bool,
) -> Result<(), Failure> {
    let CopyProgress {
        commits,
        objects,
        bytes,
        ..
    } = copied;
    if context.ui.is_json() {
        return context
            .ui
            .json(&json!({"commits": commits, "objects": objects, "bytes": bytes}));
    }
    if objects > 0 {
        let commits = count(commits, "commit", "commits");
        let objects = count(objects, "object", "objects");
        let bytes = human(bytes);
        context
            .ui
            .say(format!("{verb} {commits}, {objects}, {bytes}"));
    } else if !has_moved {
        context.ui.say("nothing new");
    }
    Ok(())
}
