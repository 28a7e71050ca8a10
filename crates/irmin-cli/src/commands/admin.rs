//! `irmin admin`.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use irmin_client::{ClientError, ClientOptions, blocking};
use irminsule::sync::{BundleOptions, BundleStore, CopyOptions, copy, give};
use irminsule::{
    Durability, Engine, Id, RefEdit, RefName, RefOutcome, RefStore, Repo, Url, system_env,
};
use serde_json::json;

use crate::context::{Context, place};
use crate::failure::{Failure, Outcome, Verdict};
use crate::size::{count, human};
use crate::transfer;

/// Copy a repository while it is served, and make one from a copy
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Copy all that is named in a repository, as it is at one moment, to a file
    ///
    /// The copy is a bundle; it is checked byte by byte when it is there. A server goes on meanwhile.
    Backup {
        /// The repository: a URL such as irmin://HOST/NAME, or its directory, such as DATA/main
        #[arg(value_name = "URL|DIR")]
        from: OsString,
        /// The file, which is replaced when the copy is whole
        file: PathBuf,
    },
    /// Make a repository from a copy, and prove that it is the same
    ///
    /// Reads every byte of what was made, computes every id anew and compares all ids and names with
    /// the copy's. Where anything differs, nothing is made.
    Restore {
        /// The file
        file: PathBuf,
        /// The directory of the new repository, such as DATA/main
        dir: PathBuf,
    },
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    match &args.action {
        Action::Backup { from, file } => backup(from, file, context),
        Action::Restore { file, dir } => restore(file, dir, context),
    }
}

fn backup(from: &OsString, file: &Path, context: &mut Context) -> Outcome {
    let url = place::inside(place::parse(from)?);
    match &url {
        Url::Remote(remote) => {
            let client = blocking::Client::new(remote, ClientOptions::from_env().map_err(away)?)
                .map_err(away)?;
            let temporary = beside(file, "tmp");
            let written = receive(&client, &temporary).and_then(|()| {
                // What a connection lost is missed here, before the last copy goes.
                transfer::open_bundle(&temporary)?;
                replace(&temporary, file)
            });
            if written.is_err() {
                // The first failure is the one to tell.
                let _ = fs::remove_file(&temporary);
            }
            written?;
        }
        Url::Pack(dir) if !place::is_store(dir) => return Err(no_repository(dir)),
        _ => copy_out(&url, file, context)?,
    }
    let bundle = transfer::open_bundle(file)?;
    let bytes = fs::metadata(file).map_or(0, |metadata| metadata.len());
    tell(context, "copied", &bundle, bytes)
}

/// Has a server write its copy to a file.
fn receive(client: &blocking::Client, path: &Path) -> Result<(), Failure> {
    let unwritten = |error| Failure::file("write", path, &error);
    let mut out = File::create(path).map_err(unwritten)?;
    client.backup(&mut out).map_err(away)?;
    out.flush().and_then(|()| out.sync_all()).map_err(unwritten)
}

/// Says what a server said, or that there is none.
fn away(error: ClientError) -> Failure {
    irminsule::OpenError::from(error).into()
}

fn replace(from: &Path, to: &Path) -> Result<(), Failure> {
    let renamed = fs::rename(from, to).and_then(|()| sync_parent(to));
    renamed.map_err(|error| Failure::file("write", to, &error))
}

fn sync_parent(path: &Path) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    File::open(dir.unwrap_or(Path::new(".")))?.sync_all()
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Copies a repository on this machine, beside the process that writes to it, if there is one.
fn copy_out(url: &Url, file: &Path, context: &mut Context) -> Result<(), Failure> {
    let engine = transfer::open_source(url)?;
    let refs = names(engine.as_ref())?;
    let heads: Vec<Id> = refs.iter().map(|(_, id)| *id).collect();
    // A collection meanwhile leaves what they lead to.
    let _hold = engine.hold_many(&heads)?;
    let repo = Repo::new(engine, system_env());
    let progress = context.ui.progress("copying", None);
    let options = BundleOptions::new(refs);
    irminsule::write_bundle(&repo, &options, file, &mut transfer::watch(progress))?;
    Ok(())
}

fn names(engine: &dyn Engine) -> Result<Vec<(RefName, Id)>, Failure> {
    let names = engine.list_refs("")?.into_iter();
    names
        .map(|(name, id)| Ok((RefName::new(name)?, id)))
        .collect()
}

/// Says what is wrong with a directory that is none, and what is below it.
fn no_repository(dir: &Path) -> Failure {
    let failure = Failure::new(format!("there is no repository in '{}'", dir.display()));
    let below = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut stores: Vec<PathBuf> = below.map(|entry| entry.path()).collect();
    stores.retain(|path| place::is_store(path));
    stores.sort();
    match stores.first() {
        Some(first) => failure.hint(format!(
            "name one of those in it, such as '{}'",
            first.display()
        )),
        None => failure,
    }
}

fn restore(file: &Path, dir: &Path, context: &mut Context) -> Outcome {
    let bundle = Arc::new(transfer::open_bundle(file)?);
    if !bundle.prerequisites().is_empty() {
        return Err(
            Failure::new(format!("'{}' is not all of a repository", file.display()))
                .hint("it was made with '--since'; 'irmin bundle apply' adds it to a repository"),
        );
    }
    if fs::symlink_metadata(dir).is_ok() {
        return Err(
            Failure::new(format!("'{}' is there already", dir.display()))
                .hint("name a directory that is to be made, or move that one away"),
        );
    }
    let temporary = beside(dir, "restoring");
    if fs::symlink_metadata(&temporary).is_ok() {
        return Err(Failure::new(format!(
            "'{}' is left of a restoration that broke off, or of one that runs",
            temporary.display()
        ))
        .hint("remove it if none runs"));
    }
    let made = fill(&bundle, &temporary, context)
        .and_then(|()| prove(&bundle, &temporary, context))
        .and_then(|bytes| replace(&temporary, dir).map(|()| bytes));
    if made.is_err() {
        // The first failure is the one to tell.
        let _ = fs::remove_dir_all(&temporary);
    }
    tell(context, "restored", &bundle, made?)
}

/// Puts all that is in a bundle into a new repository.
fn fill(bundle: &Arc<BundleStore>, dir: &Path, context: &mut Context) -> Result<(), Failure> {
    let engine = Url::Pack(dir.into()).create()?;
    let refs = bundle.list_refs("")?;
    let wants: Vec<Id> = refs.iter().map(|(_, id)| *id).collect();
    let progress = context.ui.progress("restoring", None);
    let options = CopyOptions::default();
    copy(
        bundle.as_ref(),
        &wants,
        engine.as_ref(),
        &options,
        &mut transfer::watch(progress),
    )
    .map_err(irminsule::Error::from)?;
    let edits = refs.into_iter().map(|(name, id)| RefEdit {
        name,
        expected: None,
        new: Some(id),
    });
    let edits: Vec<RefEdit> = edits.collect();
    match engine.compare_and_swap(&edits, Durability::Sync)? {
        RefOutcome::Applied => Ok(engine.sync()?),
        RefOutcome::Lost { name, .. } => Err(Failure::new(format!("'{name}' was there already"))),
    }
}

/// Reads what was made anew, and compares all of it with the bundle. Returns its bytes.
fn prove(bundle: &Arc<BundleStore>, dir: &Path, context: &mut Context) -> Result<u64, Failure> {
    let differs = |what: String| {
        Err(
            Failure::new(format!("what was restored is not what was copied: {what}"))
                .hint("nothing was made; please report this, and keep the copy"),
        )
    };
    let engine = Url::Pack(dir.into()).open()?;
    let verified = engine.verify(&mut |_| ())?;
    if let Some(problem) = verified.problems.first() {
        return differs(problem.to_string());
    }
    if engine.list_refs("")? != bundle.list_refs("")? {
        return differs("the names differ".to_owned());
    }
    let repo = Repo::new(engine, system_env());
    let checked = repo.check(&mut |_| ())?;
    if let Some(problem) = checked.problems.first() {
        return differs(problem.to_string());
    }
    let copied = Repo::new(Arc::clone(bundle) as Arc<dyn Engine>, system_env());
    let (expected, found) = (ids(&copied, context)?, ids(&repo, context)?);
    if let Some(id) = expected.symmetric_difference(&found).min() {
        return differs(format!("object {id} is in one of them only"));
    }
    Ok(verified.bytes)
}

/// Returns the ids of all that the names of a repository lead to.
fn ids(repo: &Repo, context: &Context) -> Result<HashSet<Id>, Failure> {
    let refs = repo.engine().list_refs("")?;
    let wants: Vec<Id> = refs.iter().map(|(_, id)| *id).collect();
    let mut ids = HashSet::new();
    let progress = context.ui.progress("comparing", None);
    give(
        repo,
        &wants,
        &[],
        &CopyOptions::default(),
        &mut |object| {
            ids.insert(object.id);
            Ok(())
        },
        &mut transfer::watch(progress),
    )
    .map_err(irminsule::Error::from)?;
    Ok(ids)
}

fn tell(context: &mut Context, done: &str, bundle: &BundleStore, bytes: u64) -> Outcome {
    let (objects, names) = (bundle.len() as u64, bundle.list_refs("")?.len() as u64);
    if context.ui.is_json() {
        context
            .ui
            .json(&json!({"objects": objects, "names": names, "bytes": bytes}))?;
    } else {
        let objects = count(objects, "object", "objects");
        let names = count(names, "name", "names");
        let bytes = human(bytes);
        context.ui.say(format!(
            "{done} {objects} and {names} ({bytes}), all as written"
        ));
    }
    Ok(Verdict::Done)
}
