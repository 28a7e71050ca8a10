//! Everything that the program says goes through here: data to stdout or a pager, talk to stderr.

use std::env;
use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};

use serde_json::Value;

use crate::failure::Failure;
use crate::pager::Pager;
use crate::paint::Style;
use crate::progress::Progress;
use crate::quote::tame;

/// The way to the user.
pub(crate) struct Ui {
    out: BufWriter<Box<dyn Write>>,
    json: bool,
    out_is_terminal: bool,
    err_is_terminal: bool,
    color: Color,
    /// Whether talk goes where data goes, and nothing through a pager.
    together: bool,
}

/// What the environment says about colours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Color {
    Never,
    Always,
    OnTerminal,
}

/// How many lines of one kind are said.
const LINES_MAX: usize = 50;

const BUFFER_BYTES: usize = 64 << 10;

impl Ui {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            out: BufWriter::with_capacity(BUFFER_BYTES, Box::new(io::stdout())),
            json,
            out_is_terminal: io::stdout().is_terminal(),
            err_is_terminal: io::stderr().is_terminal(),
            color: Color::from_env(),
            together: false,
        }
    }

    /// Makes one that writes data and talk to stdout as they come, as a person on a terminal sees
    /// them.
    pub(crate) fn together(json: bool) -> Self {
        Self {
            together: true,
            ..Self::new(json)
        }
    }

    /// Tells whether data is to be JSON.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Tells whether a person reads the data directly.
    pub(crate) const fn out_is_terminal(&self) -> bool {
        self.out_is_terminal
    }

    /// Writes data as it is.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.out.write_all(bytes)?)
    }

    /// Writes text as it is.
    pub(crate) fn text(&mut self, text: impl Display) -> Result<(), Failure> {
        Ok(write!(self.out, "{text}")?)
    }

    /// Writes a line of text.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        Ok(writeln!(self.out, "{text}")?)
    }

    /// Writes a JSON value on a line of its own.
    pub(crate) fn json(&mut self, value: &Value) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, value).map_err(io::Error::from)?;
        self.line("")
    }

    /// Returns where data goes, for what writes by itself.
    pub(crate) fn out(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    /// Colours a part of the data, if colours are wanted there.
    pub(crate) fn paint(&self, style: Style, text: impl Display) -> String {
        self.colored(self.out_is_terminal, style, &text.to_string())
    }

    /// Tells whether data is coloured.
    pub(crate) fn has_color(&self) -> bool {
        self.color == Color::Always || self.color == Color::OnTerminal && self.out_is_terminal
    }

    /// Colours a part of the talk.
    pub(crate) fn paint_talk(&self, style: Style, text: impl Display) -> String {
        let is_terminal = if self.together {
            self.out_is_terminal
        } else {
            self.err_is_terminal
        };
        self.colored(is_terminal, style, &text.to_string())
    }

    fn colored(&self, is_terminal: bool, style: Style, text: &str) -> String {
        match self.color {
            Color::Always => style.wrap(text),
            Color::OnTerminal if is_terminal => style.wrap(text),
            _ => text.to_owned(),
        }
    }

    /// Says something about what is going on. Data that was written comes first.
    pub(crate) fn say(&mut self, text: impl Display) {
        // If nobody listens, the work goes on.
        if self.together {
            let _ = writeln!(self.out, "{text}");
            return;
        }
        let _ = self.out.flush();
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Says the first of many lines, and how many more there are.
    pub(crate) fn say_some(&mut self, lines: &[String]) {
        lines.iter().take(LINES_MAX).for_each(|line| self.say(line));
        if lines.len() > LINES_MAX {
            self.say(format!("and {} more", lines.len() - LINES_MAX));
        }
    }

    /// Says why the answer is no, with ways out.
    pub(crate) fn error(&mut self, message: &str, hints: &[String]) {
        let word = self.paint_talk(Style::Error, "error:");
        self.say(format!("{word} {}", shorten(message)));
        self.hints(hints);
    }

    /// Says what could be done.
    pub(crate) fn hints(&mut self, hints: &[String]) {
        let word = self.paint_talk(Style::Hint, "hint:");
        for hint in hints {
            self.say(format!("{word} {}", shorten(hint)));
        }
    }

    /// From now on data goes through the pager, if a person reads it.
    pub(crate) fn page(&mut self) {
        if self.out_is_terminal
            && !self.json
            && !self.together
            && let Some(pager) = Pager::start()
        {
            self.out = BufWriter::with_capacity(BUFFER_BYTES, Box::new(pager));
        }
    }

    /// Starts to show the progress of long work, if a person waits for it.
    pub(crate) fn progress(&self, label: &'static str, total: Option<u64>) -> Progress {
        let wanted = env::var_os("IRMIN_NO_PROGRESS").is_none();
        Progress::new(label, total, wanted && self.err_is_terminal)
    }

    /// Writes what is left, and waits for the pager.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.out.flush()?;
        self.out = BufWriter::new(Box::new(io::stdout()));
        Ok(())
    }
}

/// Makes a message one line that cannot command a terminal, and cuts the middle out of one that
/// would fill the screen.
fn shorten(message: &str) -> String {
    const SHOWN_MAX: usize = 400;
    let message = tame(message.as_bytes()).replace('\n', "\\n");
    let letters = message.chars().count();
    if letters <= SHOWN_MAX {
        return message;
    }
    let (begin, end) = (SHOWN_MAX / 2, letters - SHOWN_MAX / 2);
    let begin = message.chars().take(begin);
    begin
        .chain("…".chars())
        .chain(message.chars().skip(end))
        .collect()
}

impl Color {
    fn from_env() -> Self {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        if is_set("NO_COLOR") {
            Self::Never
        } else if is_set("CLICOLOR_FORCE") {
            Self::Always
        } else {
            Self::OnTerminal
        }
    }
}
