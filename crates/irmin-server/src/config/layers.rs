//! Where values come from, and which of them holds: flag before environment before file before default.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, Key, Kind};
use crate::service::toml_text::{line_of, problem};
use crate::service::{Result, ServiceError};

/// What the names of variables in the environment begin with.
pub const ENV_PREFIX: &str = "IRMIN_SERVE_";

/// The variable that names the file.
const CONFIG: &str = "IRMIN_SERVE_CONFIG";

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The environment.
    Environment,
    /// The command line.
    Flag,
}

/// As it is written before a message, for the key `name`.
struct Place<'a>(&'a Origin, &'a Key);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Origin::Default => write!(f, "the default of '{}'", self.1.name),
            Origin::File { path, line } => {
                write!(f, "{}, line {line}: '{}'", path.display(), self.1.name)
            }
            Origin::Environment => f.write_str(&self.1.variable()),
            Origin::Flag => write!(f, "--{}", self.1.name),
        }
    }
}

/// All that was set, and where: what can be read again when the file has changed.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file, if one was named on the command line.
    pub config: Option<PathBuf>,
    /// The variables of the environment that begin with [`ENV_PREFIX`].
    pub environment: BTreeMap<String, OsString>,
    /// The flags, by the names of their keys.
    pub flags: BTreeMap<String, Vec<String>>,
}

impl Sources {
    /// Returns those of this process, with these flags.
    #[must_use]
    pub fn of_process(config: Option<PathBuf>, flags: BTreeMap<String, Vec<String>>) -> Self {
        let variables = env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            name.starts_with(ENV_PREFIX).then_some((name, value))
        });
        Self {
            config,
            environment: variables.collect(),
            flags,
        }
    }

    /// Reads all of them.
    ///
    /// ```
    /// use irmin_server::config::Sources;
    /// let mut sources = Sources::default();
    /// sources.environment.insert("IRMIN_SERVE_DRAIN".into(), "5s".into());
    /// assert_eq!(sources.read()?.text("drain"), "5s");
    /// sources.flags.insert("drain".into(), vec!["7s".into()]);
    /// assert_eq!(sources.read()?.text("drain"), "7s");
    /// # Ok::<(), irmin_server::service::ServiceError>(())
    /// ```
    ///
    /// # Errors
    /// [`ServiceError`] with the place of what is unknown, or cannot be read.
    pub fn read(&self) -> Result<Values> {
        let mut values = Values::defaults();
        let named = self.environment.get(CONFIG).filter(|path| !path.is_empty());
        let file = self.config.clone().or_else(|| named.map(PathBuf::from));
        if let Some(path) = file {
            values.read_file(&path)?;
        }
        for (name, value) in &self.environment {
            if name != CONFIG {
                values.read_variable(name, value)?;
            }
        }
        for (name, texts) in &self.flags {
            let key = Key::find(name);
            let key = key.ok_or_else(|| ServiceError::invalid(format!("there is no --{name}")))?;
            values.set(key, texts.clone(), Origin::Flag);
        }
        Ok(values)
    }
}

/// What holds for each key.
#[derive(Clone, Debug)]
pub struct Values(BTreeMap<&'static str, (Vec<String>, Origin)>);

impl Values {
    fn defaults() -> Self {
        let of = |key: &Key| match key.default {
            "" => Vec::new(),
            text => vec![text.to_owned()],
        };
        let values = KEYS
            .iter()
            .map(|key| (key.name, (of(key), Origin::Default)));
        Self(values.collect())
    }

    fn set(&mut self, key: &'static Key, texts: Vec<String>, origin: Origin) {
        self.0.insert(key.name, (texts, origin));
    }

    fn read_variable(&mut self, name: &str, value: &OsString) -> Result<()> {
        let Some(key) = KEYS.iter().find(|key| key.variable() == name) else {
            let message = format!(
                "the environment variable {name} stands for nothing; 'irmin serve --print-config' lists what there is"
            );
            return Err(ServiceError::invalid(message));
        };
        let bad = || ServiceError::invalid(format!("{name} is no text in UTF-8"));
        let text = value.to_str().ok_or_else(bad)?;
        let texts = match key.kind {
            Kind::List => text.split_whitespace().map(str::to_owned).collect(),
            _ if text.is_empty() => Vec::new(),
            _ => vec![text.to_owned()],
        };
        self.set(key, texts, Origin::Environment);
        Ok(())
    }

    fn read_file(&mut self, path: &Path) -> Result<()> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| {
            ServiceError::invalid(format!("cannot read the settings in '{shown}': {error}"))
        })?;
        let table = DeTable::parse(&text).map_err(|error| {
            ServiceError::invalid(format!("{shown}, {}", problem(&text, &error)))
        })?;
        for (name, value) in table.get_ref() {
            let line = line_of(&text, name.span().start);
            let name: &str = name.get_ref();
            let Some(key) = Key::find(name) else {
                let message = format!(
                    "{shown}, line {line}: there is no setting '{name}'; 'irmin serve --print-config' lists what there is"
                );
                return Err(ServiceError::invalid(message));
            };
            let origin = Origin::File {
                path: path.to_owned(),
                line,
            };
            let texts = texts(key.kind, value.get_ref()).ok_or_else(|| {
                let what = expected(key.kind);
                ServiceError::invalid(format!("{} has to be {what}", Place(&origin, key)))
            })?;
            self.set(key, texts, origin);
        }
        Ok(())
    }

    /// Returns all texts of a key.
    #[must_use]
    pub fn texts(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], |(texts, _)| texts)
    }

    /// Returns the text of a key; empty if it has none. Of several, the last.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.texts(name).last().map_or("", String::as_str)
    }

    /// Tells where a key's value comes from.
    #[must_use]
    pub fn origin(&self, name: &str) -> &Origin {
        self.0
            .get(name)
            .map_or(&Origin::Default, |(_, origin)| origin)
    }

    /// Returns the file or the directory that a key names, if any.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let text = Some(self.text(name)).filter(|text| !text.is_empty())?;
        Some(match self.origin(name) {
            Origin::File { path, .. } => path.parent().unwrap_or(Path::new("")).join(text),
            _ => text.into(),
        })
    }

    /// Reads the text of a key.
    ///
    /// # Errors
    /// What `read` says, with the place in front.
    pub fn get<T>(&self, name: &str, read: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        read(self.text(name)).map_err(|error| self.at(name, &error))
    }

    /// Reads each text of a key.
    ///
    /// # Errors
    /// What `read` says, with the place in front.
    pub fn get_all<T>(&self, name: &str, read: impl Fn(&str) -> Result<T>) -> Result<Vec<T>> {
        let texts = self.texts(name).iter();
        let all: Result<Vec<T>> = texts.map(|text| read(text)).collect();
        all.map_err(|error| self.at(name, &error))
    }

    /// Puts the place of a key's value in front of a message.
    pub(super) fn at(&self, name: &str, error: &ServiceError) -> ServiceError {
        match Key::find(name) {
            Some(key) => {
                let place = Place(self.origin(name), key);
                ServiceError::invalid(format!("{place}: {}", error.message))
            }
            None => error.clone(),
        }
    }

    /// Lists the keys whose values differ.
    #[must_use]
    pub fn changed(&self, other: &Self) -> Vec<&'static str> {
        let names = KEYS.iter().map(|key| key.name);
        let differs = |name: &&str| self.texts(name) != other.texts(name);
        names.filter(differs).collect()
    }

    /// Writes all as a file that can be read, with where each comes from.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let lines = KEYS.iter().map(|key| {
            let origin = match self.origin(key.name) {
                Origin::Default => "default".to_owned(),
                Origin::File { path, line } => format!("{}, line {line}", path.display()),
                Origin::Environment => key.variable(),
                Origin::Flag => format!("--{}", key.name),
            };
            match self.literal(key) {
                Some(value) => format!("{} = {value} # {origin}\n", key.name),
                None => format!("# {} is not set\n", key.name),
            }
        });
        lines.collect()
    }

    fn literal(&self, key: &Key) -> Option<String> {
        // Text of JSON is text of TOML.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let text = self.text(key.name);
        match key.kind {
            Kind::List => {
                let texts = self.texts(key.name);
                let all: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
                (!all.is_empty()).then(|| format!("[{}]", all.join(", ")))
            }
            _ if text.is_empty() => None,
            Kind::Switch | Kind::Number => Some(text.to_owned()),
            Kind::Path => Some(quoted(&self.path(key.name)?.display().to_string())),
            _ => Some(quoted(text)),
        }
    }
}

/// Reads a value of the file; `None` if it is of another kind.
fn texts(kind: Kind, value: &DeValue<'_>) -> Option<Vec<String>> {
    match (kind, value) {
        (Kind::Switch, DeValue::Boolean(yes)) => Some(vec![yes.to_string()]),
        (Kind::Number | Kind::Bytes, DeValue::Integer(number)) => {
            let number = u64::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(vec![number.to_string()])
        }
        (Kind::List, DeValue::Array(values)) => {
            let texts = values.iter().map(|value| value.get_ref().as_str());
            texts.map(|text| text.map(str::to_owned)).collect()
        }
        (Kind::Switch | Kind::Number | Kind::List, _) => None,
        (_, value) => value.as_str().map(|text| vec![text.to_owned()]),
    }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Switch => "true or false",
        Kind::Number => "a number",
        Kind::Bytes => "a number, or a text such as \"16MiB\"",
        Kind::Time => "a text such as \"30s\"",
        Kind::List => "a list of texts: [\"…\", \"…\"]",
        Kind::Text | Kind::Path | Kind::Choice(_) => "a text: \"…\"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(file: &str) -> (tempfile::TempDir, Sources) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("irmin.toml");
        fs::write(&path, file).unwrap();
        let sources = Sources {
            config: Some(path),
            ..Sources::default()
        };
        (dir, sources)
    }

    #[test]
    fn a_flag_goes_before_the_environment_and_that_before_the_file() {
        let (dir, mut sources) = sources("drain = '1s'\ndrain-delay = '1s'\ndata = 'store'\n");
        let mut set =
            |name: &str, value: &str| sources.environment.insert(name.into(), value.into());
        set("IRMIN_SERVE_DRAIN_DELAY", "2s");
        set("IRMIN_SERVE_LIMIT_TIME", "2s");
        set("IRMIN_SERVE_LISTEN", "tcp://a:1,b:2  unix:@x");
        sources.flags.insert("limit-time".into(), vec!["3s".into()]);
        let values = sources.read().unwrap();
        let names = ["drain", "drain-delay", "limit-time", "log-level"];
        assert_eq!(
            names.map(|name| values.text(name)),
            ["1s", "2s", "3s", "info"]
        );
        assert_eq!(values.texts("listen"), ["tcp://a:1,b:2", "unix:@x"]);
        assert_eq!(values.path("data").unwrap(), dir.path().join("store"));
    }

    #[test]
    fn what_is_unknown_or_of_another_kind_is_refused_with_its_place() {
        for (file, place) in [
            (
                "drain = '1s'\nlisten-at = 'x'\n",
                "line 2: there is no setting 'listen-at'",
            ),
            ("\n\n[tls]\nkey = 'x'\n", "line 3"),
            (
                "insecure = 'yes'\n",
                "line 1: 'insecure' has to be true or false",
            ),
            ("limit-running = 'many'\n", "line 1"),
            ("listen = 'tcp://a:1'\n", "a list of texts"),
            ("drain = \n", "line 1"),
        ] {
            let (_dir, sources) = sources(file);
            let error = sources.read().unwrap_err();
            assert!(error.message.contains(place), "{error}");
        }
        let mut sources = Sources::default();
        sources
            .environment
            .insert("IRMIN_SERVE_DRIAN".into(), "1s".into());
        assert!(
            sources
                .read()
                .unwrap_err()
                .message
                .contains("IRMIN_SERVE_DRIAN")
        );
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same() {
        let (_dir, mut sources) = sources(
            "data = '/a \"b\"\\c'\nlisten = ['tcp://a:1', 'unix:@x']\ninsecure = true\nlimit-blob-bytes = 7\n",
        );
        sources.flags.insert("drain".into(), vec!["3s".into()]);
        let values = sources.read().unwrap();
        let (_dir, again) = self::sources(&values.to_toml());
        let again = again.read().unwrap();
        assert_eq!(values.changed(&again), Vec::<&str>::new());
        assert_eq!(again.texts("listen").len(), 2);
    }
}
