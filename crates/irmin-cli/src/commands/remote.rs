//! `irmin remote`.

use std::ffi::OsString;

use irminsule::{Durability, Engine, RefEdit, Remotes, StoreError};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};
use crate::paint::Style;
use crate::transfer;

/// List the remotes, or add, change or remove one
///
/// A remote is a short name for another repository; 'origin' is what commands mean that are told none.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List the remotes with their URLs
    List,
    /// Add a remote
    Add(Named),
    /// Give a remote another URL
    SetUrl(Named),
    /// Give a remote another name, and its branches that are remembered here
    Rename {
        /// Its name now
        old: String,
        /// Its name from then on
        new: String,
    },
    /// Remove a remote, and what is remembered of its branches
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(clap::Args)]
struct Named {
    /// Its name
    name: String,
    /// A directory, or a URL such as pack:DIR; relative ones are taken from here
    #[arg(value_name = "URL|DIR")]
    url: OsString,
}

impl Args {
    pub(super) fn only_reads(&self) -> bool {
        matches!(
            self.action,
            None | Some(Action::List | Action::Add(_) | Action::SetUrl(_))
        )
    }
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    // The remotes lie beside a repository, so there must be one.
    context.repo()?;
    let mut remotes = transfer::remotes(context)?;
    match &args.action {
        None | Some(Action::List) => return list(context, &remotes),
        Some(Action::Add(named)) => {
            let name = &named.name;
            if remotes.url(name).is_some() {
                return Err(Failure::new(format!("there is a remote '{name}' already"))
                    .hint(format!("'irmin remote set-url {name} URL' changes it")));
            }
            set(&mut remotes, named)?;
        }
        Some(Action::SetUrl(named)) => {
            must_have(&remotes, &named.name)?;
            set(&mut remotes, named)?;
        }
        Some(Action::Rename { old, new }) => {
            let url = must_have(&remotes, old)?;
            if remotes.url(new).is_some() {
                return Err(Failure::new(format!("there is a remote '{new}' already"))
                    .hint(format!("'irmin remote remove {new}' makes room for it")));
            }
            remotes.set(new, &url)?;
            remotes.remove(old);
            rename_branches(context.repo()?.engine().as_ref(), old, Some(new))?;
        }
        Some(Action::Remove { name }) => {
            must_have(&remotes, name)?;
            remotes.remove(name);
            rename_branches(context.repo()?.engine().as_ref(), name, None)?;
        }
    }
    remotes.save()?;
    Ok(Verdict::Done)
}

fn list(context: &mut Context, remotes: &Remotes) -> Outcome {
    let width = remotes.iter().map(|(name, _)| name.chars().count()).max();
    for (name, url) in remotes.iter() {
        if context.ui.is_json() {
            context.ui.json(&json!({"name": name, "url": url}))?;
            continue;
        }
        let padding = " ".repeat(width.unwrap_or(0) - name.chars().count());
        let name = context.ui.paint(Style::Name, name);
        context.ui.line(format!("{name}{padding}  {url}"))?;
    }
    Ok(Verdict::Done)
}

fn set(remotes: &mut Remotes, named: &Named) -> Result<(), Failure> {
    let url = transfer::resolve(&named.url)?;
    remotes.set(&named.name, &url.to_string())?;
    Ok(())
}

fn must_have(remotes: &Remotes, name: &str) -> Result<String, Failure> {
    let url = remotes.url(name).map(str::to_owned);
    url.ok_or_else(|| {
        Failure::new(format!("there is no remote '{name}'"))
            .hint("'irmin remote' lists the remotes")
    })
}

/// Moves what is remembered of a remote's branches, or removes it.
fn rename_branches(engine: &dyn Engine, old: &str, new: Option<&str>) -> Result<(), StoreError> {
    let prefix = format!("remotes/{old}/");
    let mut edits = Vec::new();
    for (name, id) in engine.list_refs(&prefix)? {
        let branch = name.strip_prefix(&prefix).unwrap_or_default();
        edits.extend(new.map(|new| RefEdit {
            name: format!("remotes/{new}/{branch}"),
            expected: None,
            new: Some(id),
        }));
        edits.push(RefEdit {
            name,
            expected: Some(id),
            new: None,
        });
    }
    if !edits.is_empty() {
        // Whoever fetches at this moment notes what it found.
        let _lost = engine.compare_and_swap(&edits, Durability::Sync)?;
    }
    Ok(())
}
