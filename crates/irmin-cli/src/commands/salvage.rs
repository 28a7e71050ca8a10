//! `irmin salvage`.

use std::ffi::OsString;
use std::path::Path;

use irminsule::pack::{Options, SalvageReport, SalvagedName, salvage};
use irminsule::{Id, Url};
use serde_json::json;

use super::{init, verify};
use crate::context::{Context, place};
use crate::failure::{Failure, Outcome, Verdict};
use crate::paint::Style;
use crate::size::{count, human};
use crate::transfer;

/// Copy what can be read out of a damaged repository
///
/// Reads past damage and copies every object that is there with all that it leads to. A branch whose
/// newest commit is not whole becomes its newest ancestor that is. Where names themselves are lost,
/// commits that nothing leads to are named salvaged/1, salvaged/2, … Lists what is damaged and what is lost,
/// and exits with 1 then. Without TO it only lists. Never writes to the damaged repository.
///
/// Of a newest commit that is not whole, the copy gets what is: a new commit without a history, as the
/// branch salvaged/partial/NAME.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The damaged repository
    #[arg(value_name = "DIR|URL")]
    source: OsString,
    /// Where the copy goes: to TO/.irmin, or to a URL
    #[arg(value_name = "TO")]
    target: Option<OsString>,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let Url::Pack(from) = transfer::resolve(&args.source)? else {
        return Err(Failure::new(
            "only a repository in a directory can be salvaged",
        ));
    };
    let to = match args.target.as_deref().map(init::place_of).transpose()? {
        None => None,
        Some(Url::Pack(to)) => Some(to),
        Some(_) => return Err(Failure::new("the copy must be in a directory")),
    };
    if let Some(to) = &to {
        check_target(&from, to)?;
    }
    let mut progress = context.ui.progress("reading bytes", None);
    let report = salvage(&from, to.as_deref(), &Options::default(), &mut |at| {
        progress.set_total(at.bytes_total);
        progress.update(at.bytes_done, "");
    });
    drop(progress);
    let report = report.map_err(irminsule::Error::from)?;
    for problem in &report.problems {
        verify::store_problem(context, problem)?;
    }
    let changed = report.names.iter().filter(|name| is_changed(name));
    for name in changed {
        tell_name(context, name)?;
    }
    conclude(context, &report, to.as_deref())?;
    Ok(match report.is_whole() {
        true => Verdict::Done,
        false => Verdict::No,
    })
}

/// Refuses to copy over a repository, above all over the damaged one.
fn check_target(from: &Path, to: &Path) -> Result<(), Failure> {
    let dirs = [Some(to), to.parent()].into_iter().flatten();
    let is_inside = dirs
        .filter_map(|dir| dir.canonicalize().ok())
        .any(|dir| dir == from);
    let what = match is_inside {
        true => "in the damaged repository itself",
        false if place::is_store(to) => "a repository already",
        false => return Ok(()),
    };
    Err(Failure::new(format!("'{}' is {what}", to.display()))
        .hint("choose another directory for the copy"))
}

fn is_changed(name: &SalvagedName) -> bool {
    name.was.is_none() || name.was != name.now
}

fn tell_name(context: &mut Context, name: &SalvagedName) -> Result<(), Failure> {
    if context.ui.is_json() {
        let missing: Vec<_> = name
            .missing
            .iter()
            .map(|missing| json!({"path": missing.path, "id": missing.id.to_string()}))
            .collect();
        return context.ui.json(&json!({
            "ref": name.name,
            "was": name.was.map(|id| id.to_string()),
            "now": name.now.map(|id| id.to_string()),
            "missing": missing,
        }));
    }
    let was = name
        .was
        .map_or_else(|| "what is not known".to_owned(), short);
    let line = match name.now {
        Some(now) if name.name.starts_with("heads/salvaged/partial/") => {
            format!("{}: {} with what is whole of {was}", name.name, short(now))
        }
        Some(now) if name.name.starts_with("heads/salvaged/") => {
            format!("{}: {}, which may have had a name", name.name, short(now))
        }
        Some(now) => format!("{}: {} in place of {was}", name.name, short(now)),
        None => format!("{}: lost; it pointed to {was}", name.name),
    };
    let line = context.ui.paint(Style::Removed, &line);
    context.ui.line(line)?;
    for missing in &name.missing {
        let line = match missing.path.is_empty() {
            true => format!("  {} is lost", short(missing.id)),
            false => format!("  {} is lost: {}", missing.path, short(missing.id)),
        };
        context.ui.line(line)?;
    }
    Ok(())
}

fn conclude(
    context: &mut Context,
    report: &SalvageReport,
    to: Option<&Path>,
) -> Result<(), Failure> {
    let names = report
        .names
        .iter()
        .filter(|name| name.now.is_some())
        .count() as u64;
    if context.ui.is_json() {
        return context.ui.json(&json!({
            "bytes": report.bytes,
            "objects": report.objects,
            "objects_broken": report.objects_broken,
            "objects_copied": report.objects_copied,
            "refs": names,
            "problems": report.problems.len(),
        }));
    }
    let read = human(report.bytes);
    let objects = count(report.objects, "object", "objects");
    let broken = match report.objects_broken {
        0 => String::new(),
        broken => format!(", {broken} of them broken"),
    };
    context
        .ui
        .say(format!("read {read} with {objects}{broken}"));
    if let Some(to) = to {
        let copied = count(report.objects_copied, "object", "objects");
        let names = count(names, "name", "names");
        let to = to.display();
        context
            .ui
            .say(format!("copied {copied} and {names} to pack:{to}"));
    }
    let verdict = match report.problems.len() as u64 {
        _ if report.is_whole() => context.ui.paint_talk(Style::Added, "nothing is lost"),
        problems => count(problems, "place is damaged", "places are damaged"),
    };
    context.ui.say(verdict);
    Ok(())
}

fn short(id: Id) -> String {
    let mut text = id.to_string();
    text.truncate(12);
    text
}
