//! `irmin tour`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::cli::Cli;
use crate::context::{Context, place};
use crate::failure::{Failure, Outcome, Verdict};
use crate::files::show;
use crate::paint::Style;
use crate::ui::Ui;

/// Show on real data what the program can do
///
/// Makes a repository, imports a directory, and works on two branches of it: every step is printed
/// as the command that you would type, with what it answers. The repository is removed at the end.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The directory to import; it is only read [default: here]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Make the repository in this new directory and keep it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// A step of the tour.
enum Step {
    /// Words for the reader, before what they are about.
    Say(&'static str),
    /// A file and what is in it.
    Write(&'static str, &'static str),
    /// A command, as typed after `irmin`.
    Run(&'static str),
}

use Step::{Run, Say, Write};

/// What comes after the import.
const STEPS: &[Step] = &[
    Say("Values need no files. A JSON value becomes a directory with one value for each field."),
    Write(
        "shop.json",
        r#"{"owner": "ada", "open": "9 to 5", "apples": 40}"#,
    ),
    Run("load shop shop.json"),
    Say("A rule says how changes of both sides are merged: sales are counted, so they add up."),
    Run("rules set shop/sold counter"),
    Say("A branch is a name for a commit: it forks all of this at once and copies nothing."),
    Run("branch draft"),
    Say("On the draft, one transaction: all of it or nothing, and only if what it checks holds."),
    Write(
        "changes",
        "check shop/apples 40\nset shop/apples 38\nset shop/open \"9 to 6\"",
    ),
    Run("-b draft batch changes -m 'Open longer'"),
    Run("-b draft counter add shop/sold 2"),
    Say("Meanwhile, on main."),
    Run("set shop/owner bob -m 'Bob takes over'"),
    Run("counter add shop/sold 5"),
    Say("Both changed the shop. Other fields, other values: no conflict, and 2 and 5 sold are 7."),
    Run("merge draft"),
    Run("dump shop --json"),
    Say(
        "Now both change the same value. Nothing is half done: the merge says what it cannot know.",
    ),
    Run("set shop/open '9 to 4' -m 'Close early'"),
    Run("-b draft set shop/open 'day and night' -m 'Never close'"),
    Run("merge draft"),
    Say("You decide, for each value or for all."),
    Run("merge draft --resolve shop/open=theirs"),
    Run("tag v1"),
    Say(
        "Nothing is lost: the history, what changed in it, who made it so, and all as it was then.",
    ),
    Run("log --graph --limit 7"),
    Run("diff main~1 v1"),
    Run("blame shop"),
    Run("dump shop/open --at main~2"),
    Say("Every byte is checked, and what it means."),
    Run("verify --deep"),
];

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let dir = args.dir.clone().unwrap_or_else(|| ".".into());
    let dir = dir
        .canonicalize()
        .map_err(|error| Failure::file("read", &dir, &error))?;
    let home = make_home(args.keep.as_deref())?;
    let mut tour = Tour {
        ui: Ui::together(false),
        color: context.ui.has_color(),
    };
    let toured = tour
        .go(&dir, &home)
        .and_then(|()| tour.end(args.keep.is_some(), &home));
    let finished = tour.ui.finish();
    if args.keep.is_none() {
        // Not in the way of leaving, where a directory cannot be removed that somebody is in.
        let _ = env::set_current_dir(env::temp_dir());
        // Whoever cleans up the temporary directory will remove the rest.
        let _ = fs::remove_dir_all(&home);
    }
    toured?;
    finished?;
    Ok(Verdict::Done)
}

/// Makes the directory of the tour.
fn make_home(keep: Option<&Path>) -> Result<PathBuf, Failure> {
    let name = format!("irmin-tour-{}", std::process::id());
    let home = keep.map_or_else(|| env::temp_dir().join(name), Path::to_owned);
    fs::create_dir(&home).map_err(|error| Failure::file("make", &home, &error))?;
    home.canonicalize()
        .map_err(|error| Failure::file("read", &home, &error))
}

struct Tour {
    ui: Ui,
    color: bool,
}

impl Tour {
    fn go(&mut self, dir: &Path, home: &Path) -> Result<(), Failure> {
        self.words("A repository is a directory. This one is made for the tour.")?;
        self.typed(&format!("cd {}", show(home)))?;
        env::set_current_dir(home).map_err(|error| Failure::file("enter", home, &error))?;
        self.command("init")?;
        self.words("A directory of files becomes a tree of values, in one commit.")?;
        self.import(dir)?;
        self.command("ls -l files --limit 4")?;
        for step in STEPS {
            match step {
                Say(text) => self.words(text)?,
                Write(name, text) => self.file(name, text)?,
                Run(line) => self.command(line)?,
            }
        }
        Ok(())
    }

    /// Says where to go from here.
    fn end(&mut self, is_kept: bool, home: &Path) -> Result<(), Failure> {
        if is_kept {
            self.words(&format!("The repository is kept in {}.", show(home)))?;
        }
        self.words("Now yours: 'irmin init' makes a repository here, 'irmin --help' says more.")
    }

    /// Imports a directory, whose name may be any bytes.
    fn import(&mut self, dir: &Path) -> Result<(), Failure> {
        let options = "--skip-caches --keep-going -m 'Import files'";
        self.typed(&format!("irmin import {} files {options}", show(dir)))?;
        let mut args: Vec<OsString> = vec!["import".into(), dir.into(), "files".into()];
        args.extend(words(options).into_iter().map(OsString::from));
        self.run(args)
    }

    fn words(&mut self, text: &str) -> Result<(), Failure> {
        self.ui.line("")?;
        self.paint(Style::Place, &format!("# {text}"))
    }

    fn typed(&mut self, line: &str) -> Result<(), Failure> {
        self.paint(Style::Heading, &format!("$ {line}"))
    }

    fn paint(&mut self, style: Style, text: &str) -> Result<(), Failure> {
        let text = if self.color {
            style.wrap(text)
        } else {
            text.to_owned()
        };
        self.ui.line(text)
    }

    /// Writes a file, and shows what is in it.
    fn file(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        let written = fs::write(name, format!("{text}\n"));
        written.map_err(|error| Failure::file("write", Path::new(name), &error))?;
        self.typed(&format!("cat {name}"))?;
        self.ui.line(text)
    }

    fn command(&mut self, line: &str) -> Result<(), Failure> {
        self.typed(&format!("irmin {line}"))?;
        self.run(words(line).into_iter().map(OsString::from))
    }

    /// Runs a command as the program itself would: parsed, on a repository that is opened for it
    /// alone and closed at the end.
    fn run(&mut self, words: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
        self.ui.finish()?;
        let repo = ["irmin", "--repo", place::DIRECTORY].map(OsString::from);
        let args = repo.into_iter().chain(words);
        let cli = Cli::try_parse_from(args)
            .map_err(|error| Failure::new(error.to_string()).at("the tour"))?;
        let mut context = Context::new(
            Ui::together(cli.common.json),
            cli.common,
            cli.command.only_reads(),
        );
        // "No" is an answer that the tour asks for.
        let outcome = super::run(&cli.command, &mut context);
        context.ui.finish()?;
        outcome.map(drop)
    }
}

/// Splits a line as a shell does where only single quotes matter.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut inside, mut begun) = (String::new(), false, false);
    for letter in line.chars() {
        match letter {
            '\'' => (inside, begun) = (!inside, true),
            ' ' if !inside => {
                words.extend(std::mem::take(&mut begun).then(|| std::mem::take(&mut word)));
            }
            _ => {
                begun = true;
                word.push(letter);
            }
        }
    }
    words.extend(begun.then_some(word));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_as_a_shell_does() {
        assert_eq!(words("a 'b c'  d'' ''"), ["a", "b c", "d", ""]);
    }
}
