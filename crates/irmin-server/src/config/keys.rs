//! The keys.

/// What can be set: as `name = …` in the file, `IRMIN_SERVE_NAME` in the environment, `--name`.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// What it is called in the file, and with `--` in front as a flag.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What stands for the value in help texts.
    pub value: &'static str,
    /// What holds if nobody sets it; empty: nothing, or what the help says.
    pub default: &'static str,
    /// What it means, for people.
    pub help: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A file or a directory; in the file, from where that lies.
    Path,
    /// Yes or no.
    Switch,
    /// A number.
    Number,
    /// A number of bytes: `4096`, `16MiB`.
    Bytes,
    /// A time: `250ms`, `30s`, `5min`, `1h`, `90d`.
    Time,
    /// Several texts: an array in the file, with white space between them in the environment.
    List,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Key {
    /// Returns the key of a name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Returns the name of its variable in the environment.
    #[must_use]
    pub fn variable(&self) -> String {
        let name = self.name.replace('-', "_").to_uppercase();
        format!("{}{name}", super::ENV_PREFIX)
    }

    /// Tells whether it limits something.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        self.name.starts_with("limit-")
    }
}

const fn key(
    name: &'static str,
    kind: Kind,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Key {
    Key {
        name,
        kind,
        value,
        default,
        help,
    }
}

use Kind::{Bytes, Choice, List, Number, Path, Switch, Text, Time};

/// All keys, in the order of the help.
pub const KEYS: &[Key] = &[
    key(
        "data",
        Path,
        "DIR",
        "irmin-data",
        "Where the repositories are, each in a directory of its own; made if it is not there",
    ),
    key(
        "listen",
        List,
        "ENDPOINT",
        "",
        "Where to listen: tcp://HOST:PORT, tls+tcp://…, unix:///PATH, inherited:0; several may be given [default: what systemd hands over, else tcp://localhost:7464]",
    ),
    key(
        "repository",
        Text,
        "NAME",
        "main",
        "The repository that is made when there is none",
    ),
    key(
        "certificate",
        Path,
        "FILE",
        "",
        "The certificate for TLS, with its chain, as PEM",
    ),
    key(
        "key",
        Path,
        "FILE",
        "",
        "The certificate's private key, as PEM",
    ),
    key(
        "client-ca",
        Path,
        "FILE",
        "",
        "Who signs the certificates of clients, as PEM; without it clients show none",
    ),
    key(
        "client-certificates",
        Choice(&["optional", "required"]),
        "WORD",
        "optional",
        "Whether clients must show a certificate, where client-ca is given",
    ),
    key(
        "principals",
        List,
        "NAME=PRINCIPAL",
        "",
        "Which certificate belongs to whom: by its common name, or DNS:…, URI:…, email:…, IP:…",
    ),
    key(
        "rules",
        Path,
        "FILE",
        "",
        "Who may do what: [[rule]] tables",
    ),
    key(
        "insecure",
        Switch,
        "",
        "false",
        "Start also where others could read along, or come in without saying who they are",
    ),
    key(
        "proxy",
        List,
        "PREFIX",
        "",
        "Who sends a PROXY header: prefixes of addresses, or 'everybody'",
    ),
    key(
        "unix-mode",
        Text,
        "MODE",
        "600",
        "The mode of the files of Unix sockets",
    ),
    key(
        "drain",
        Time,
        "TIME",
        "30s",
        "How long requests that are under way may take when the server is told to stop",
    ),
    key(
        "drain-delay",
        Time,
        "TIME",
        "0s",
        "How long /readyz says no before the server stops to listen",
    ),
    key(
        "log-level",
        Choice(&["error", "warn", "info", "debug", "trace"]),
        "WORD",
        "info",
        "What is logged, to stderr",
    ),
    key(
        "log-format",
        Choice(&["text", "json"]),
        "WORD",
        "text",
        "How it is logged",
    ),
    key(
        "audit",
        Choice(&["off", "writes", "all"]),
        "WORD",
        "writes",
        "What is noted in the audit log; 'writes' are changes and refusals",
    ),
    key(
        "audit-file",
        Path,
        "FILE",
        "",
        "The audit log [default: audit.log in the data directory]",
    ),
    key(
        "metrics-for",
        Choice(&["nobody", "admin", "local", "everybody"]),
        "WORD",
        "local",
        "Who may read /metrics; 'local' are administrators and programs on this machine",
    ),
    key(
        "metrics-listen",
        List,
        "ENDPOINT",
        "",
        "Where to listen for /metrics, /healthz and /readyz only, for everybody who gets there",
    ),
    key(
        "limit-connections",
        Number,
        "N",
        "10000",
        "Connections at one endpoint at a time",
    ),
    key(
        "limit-handshake",
        Time,
        "TIME",
        "10s",
        "How long a PROXY header and TLS may take",
    ),
    key(
        "limit-running",
        Number,
        "N",
        "64",
        "Requests that run at the same time",
    ),
    key(
        "limit-waiting",
        Number,
        "N",
        "1024",
        "Requests that wait for their turn",
    ),
    key(
        "limit-per-principal",
        Number,
        "N",
        "512",
        "Requests of one principal that run or wait",
    ),
    key(
        "limit-streams",
        Number,
        "N",
        "32",
        "Uploads, downloads and other long requests at the same time",
    ),
    key(
        "limit-time",
        Time,
        "TIME",
        "30s",
        "How long a request may take",
    ),
    key(
        "limit-stream-time",
        Time,
        "TIME",
        "1h",
        "How long a long request may take",
    ),
    key(
        "limit-stall-time",
        Time,
        "TIME",
        "30s",
        "How long a client may leave unread, or unsent, what it began",
    ),
    key(
        "limit-request-bytes",
        Bytes,
        "BYTES",
        "16MiB",
        "The largest request, but for what is streamed",
    ),
    key(
        "limit-blob-bytes",
        Bytes,
        "BYTES",
        "16GiB",
        "The largest streamed value",
    ),
    key(
        "limit-paths",
        Number,
        "N",
        "10000",
        "Paths in a call, writes in a transaction",
    ),
    key("limit-page", Number, "N", "1000", "Entries on a page"),
    key(
        "limit-log-commits",
        Number,
        "N",
        "100000",
        "Commits that are looked at for a page of a log",
    ),
    key("limit-objects", Number, "N", "10000", "Objects in a call"),
    key(
        "limit-watchers",
        Number,
        "N",
        "10000",
        "Watches at the same time",
    ),
    key(
        "limit-watch-changes",
        Number,
        "N",
        "1000",
        "Changes in an event of a watch",
    ),
    key(
        "limit-sessions",
        Number,
        "N",
        "1000",
        "Sessions at the same time",
    ),
    key(
        "limit-sessions-per-principal",
        Number,
        "N",
        "100",
        "Sessions of one principal at the same time",
    ),
    key(
        "limit-session-bytes",
        Bytes,
        "BYTES",
        "64MiB",
        "What a session may keep in memory",
    ),
    key(
        "limit-session-time",
        Time,
        "TIME",
        "5min",
        "How long a session may lie unused",
    ),
    key(
        "limit-failures",
        Number,
        "N",
        "10",
        "Failures to say who one is, from one address in a minute",
    ),
    key(
        "limit-answers",
        Number,
        "N",
        "65536",
        "Answers to requests with a key that are kept, for each repository",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_words_that_differ_in_files_and_in_the_environment() {
        let mut variables: Vec<String> = KEYS.iter().map(Key::variable).collect();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), KEYS.len());
        let is_plain = |name: &str| {
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        };
        assert!(
            KEYS.iter()
                .all(|key| is_plain(key.name) && key.name != "config")
        );
    }
}
