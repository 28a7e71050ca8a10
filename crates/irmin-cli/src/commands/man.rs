//! `irmin man`.

use std::fs;
use std::path::{Path, PathBuf};

use clap_mangen::Man;

use crate::cli::command;
use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};

/// Print the manual page, or write those of all commands to a directory
///
/// 'irmin man | man -l -' shows it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to write irmin.1, irmin-get.1 and so on [default: irmin.1 to stdout]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    match &args.dir {
        None => Man::new(command()).render(context.ui.out())?,
        Some(dir) => {
            let pages = write_pages(dir)?;
            context
                .ui
                .say(format!("wrote {pages} pages to {}", dir.display()));
        }
    }
    Ok(Verdict::Done)
}

fn write_pages(dir: &Path) -> Result<usize, Failure> {
    let failed = |error: std::io::Error| Failure::file("write to", dir, &error);
    fs::create_dir_all(dir).map_err(failed)?;
    let mut root = command();
    root.build();
    let mut pages = 0;
    let mut waiting = vec![&root];
    while let Some(command) = waiting.pop() {
        waiting.extend(command.get_subcommands());
        let name = command
            .get_display_name()
            .unwrap_or_else(|| command.get_name());
        let mut text = Vec::new();
        let page = Man::new(command.clone()).title(name);
        page.render(&mut text).map_err(failed)?;
        let file = dir.join(format!("{name}.1"));
        fs::write(&file, text).map_err(|error| Failure::file("write", &file, &error))?;
        pages += 1;
    }
    Ok(pages)
}
