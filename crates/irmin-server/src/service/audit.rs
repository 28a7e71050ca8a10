//! The audit log: who did what, when, from where, and what came of it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::access::{Caller, Clock};
use super::error::{ErrorKind, Result, ServiceError};
use super::verb::Verb;

/// Where the audit log is and how large it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// The file. Older ones lie beside it as `<file>.1`, `<file>.2`, ….
    pub path: PathBuf,
    /// From which size in bytes on a new file is begun. Default: 64 MiB.
    pub bytes: u64,
    /// How many older files are kept. Default: 8.
    pub files: u32,
    /// Whether reads are in it; else only what changes something, and what is refused.
    pub reads: bool,
}

impl AuditConfig {
    /// Returns the defaults for a file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            bytes: 64 << 20,
            files: 8,
            reads: false,
        }
    }
}

/// Writes one line of JSON for each request: `time` (milliseconds since 1970), `request`,
/// `principal`, `peer`, `via`, `verb`, `repo`, `branch`, `outcome` (`ok` or the kind of error).
///
/// A line costs one write to the file, without a sync. A log that cannot be written is told of by
/// [`Audit::failures`] and does not stop the server.
pub struct Audit {
    config: Option<AuditConfig>,
    clock: Clock,
    file: Mutex<State>,
}

#[derive(Default)]
struct State {
    file: Option<File>,
    bytes: u64,
    failures: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    time: u64,
    request: &'a str,
    principal: Option<&'a str>,
    peer: &'a str,
    via: &'static str,
    verb: &'static str,
    repo: &'a str,
    branch: Option<&'a str>,
    outcome: &'static str,
}

impl Audit {
    /// Opens the log; `None` writes nothing.
    ///
    /// # Errors
    /// [`ServiceError`] when the file cannot be opened.
    pub fn open(config: Option<AuditConfig>, clock: Clock) -> Result<Self> {
        let audit = Self {
            config,
            clock,
            file: Mutex::default(),
        };
        if let Some(config) = &audit.config {
            let mut state = audit.file.lock().unwrap_or_else(PoisonError::into_inner);
            state.open(config).map_err(|error| {
                let path = config.path.display();
                let message = format!("cannot open the audit log '{path}': {error}");
                ServiceError::new(ErrorKind::Unavailable, message)
            })?;
            drop(state);
        }
        Ok(audit)
    }

    /// Returns how many lines could not be written.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .failures
    }

    /// Notes a request.
    pub fn note(
        &self,
        caller: &Caller,
        verb: Verb,
        repo: &str,
        branch: Option<&str>,
        failed: Option<ErrorKind>,
    ) {
        let Some(config) = &self.config else { return };
        let is_refusal = matches!(
            failed,
            Some(ErrorKind::PermissionDenied | ErrorKind::Unauthenticated)
        );
        if verb.is_write() || is_refusal || config.reads {
            self.write(config, caller, verb.name(), repo, branch, failed);
        }
    }

    /// Notes that nobody believed who somebody said to be.
    pub fn note_stranger(&self, stranger: &Caller) {
        if let Some(config) = &self.config {
            let failed = Some(ErrorKind::Unauthenticated);
            self.write(config, stranger, "authenticate", "", None, failed);
        }
    }

    fn write(
        &self,
        config: &AuditConfig,
        caller: &Caller,
        verb: &'static str,
        repo: &str,
        branch: Option<&str>,
        failed: Option<ErrorKind>,
    ) {
        let line = Line {
            time: (self.clock)(),
            request: &caller.request_id,
            principal: caller
                .principal
                .as_ref()
                .map(super::access::Principal::as_str),
            peer: &caller.peer.text,
            via: caller.via.name(),
            verb,
            repo,
            branch,
            outcome: failed.map_or("ok", ErrorKind::name),
        };
        let mut state = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if state.write(config, &line).is_err() {
            state.failures += 1;
        }
    }
}

impl State {
    fn open(&mut self, config: &AuditConfig) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut options = File::options();
                options.create(true).append(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let file = options.open(&config.path)?;
                self.bytes = file.metadata()?.len();
                file
            }
        };
        Ok(self.file.insert(file))
    }

    fn write(&mut self, config: &AuditConfig, line: &Line<'_>) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.open(config)?;
        if self.bytes > 0 && self.bytes + text.len() as u64 > config.bytes {
            self.rotate(config)?;
        }
        self.open(config)?.write_all(&text)?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    /// Moves each file one number up; the last one goes.
    fn rotate(&mut self, config: &AuditConfig) -> io::Result<()> {
        self.file = None;
        let numbered = |number: u32| {
            let mut name = config.path.as_os_str().to_owned();
            if number > 0 {
                name.push(format!(".{number}"));
            }
            PathBuf::from(name)
        };
        if config.files == 0 {
            return fs::remove_file(&config.path);
        }
        for number in (0..config.files).rev() {
            match fs::rename(numbered(number), numbered(number + 1)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => done?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::service::access::{Peer, Principal, Transport};

    fn caller() -> Caller {
        let peer = Peer {
            address: None,
            text: "unix uid \"1000\"\n".into(),
        };
        let ada = Principal::new("ada").unwrap();
        Caller::known(Some(ada), Transport::Grpc, peer).with_request_id("r1")
    }

    fn read_lines(path: &std::path::Path) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn writes_and_refusals_are_noted_in_lines_of_json_and_reads_only_if_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let audit = Audit::open(Some(AuditConfig::new(&path)), Arc::new(|| 7)).unwrap();
        audit.note(&caller(), Verb::Get, "main", Some("main"), None);
        audit.note(&caller(), Verb::Commit, "main", Some("ma\nin"), None);
        let denied = Some(ErrorKind::PermissionDenied);
        audit.note(&caller(), Verb::Get, "main", None, denied);
        let lines = read_lines(&path);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["verb"], "commit");
        assert_eq!(lines[0]["branch"], "ma\nin");
        assert_eq!(lines[0]["time"], 7);
        assert_eq!(lines[1]["outcome"], "permission_denied");
        assert_eq!(lines[1]["principal"], "ada");
        let every = AuditConfig {
            reads: true,
            ..AuditConfig::new(&path)
        };
        let audit = Audit::open(Some(every), Arc::new(|| 8)).unwrap();
        audit.note(&caller(), Verb::Get, "main", None, None);
        assert_eq!(read_lines(&path).len(), 3);
    }

    #[test]
    fn a_log_that_is_full_begins_anew_and_keeps_so_many_older_ones() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let config = AuditConfig {
            bytes: 500,
            files: 2,
            ..AuditConfig::new(&path)
        };
        let audit = Audit::open(Some(config), Arc::new(|| 7)).unwrap();
        for number in 0..20 {
            audit.note(&caller(), Verb::Commit, &number.to_string(), None, None);
        }
        assert_eq!(audit.failures(), 0);
        let mut names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["audit.log", "audit.log.1", "audit.log.2"]);
        let last = read_lines(&path).pop().unwrap();
        assert_eq!(last["repo"], "19");
        let newest_of_older = read_lines(&dir.path().join("audit.log.1")).pop().unwrap();
        let oldest_here = read_lines(&path)[0]["repo"]
            .as_str()
            .unwrap()
            .parse::<u32>()
            .unwrap();
        assert_eq!(newest_of_older["repo"], (oldest_here - 1).to_string());
    }
}
