//! The settings: what all values together mean.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use conduit::{Endpoint, ProxyProtocol};

use super::layers::{Origin, Values};
use super::units::{bad, parse_bytes, parse_time};
use crate::service::{AuditConfig, Limits, Principal, Result, ServiceError};

/// What a server is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data directory.
    pub data: PathBuf,
    /// Whether nobody named a data directory: somebody is trying it out.
    pub is_trial: bool,
    /// Where to listen; empty: nobody said.
    pub listen: Vec<Endpoint>,
    /// The repository that is made when there is none.
    pub repository: String,
    /// The files for TLS, if there is a certificate.
    pub tls: Option<TlsFiles>,
    /// Which certificate belongs to whom.
    pub principals: BTreeMap<String, Principal>,
    /// The file of rules.
    pub rules: Option<PathBuf>,
    /// Whether to start where the server would rather not.
    pub insecure: bool,
    /// Who sends a PROXY header.
    pub proxy: ProxyProtocol,
    /// The mode of the files of Unix sockets.
    pub unix_mode: u32,
    /// How long requests may take when the server stops.
    pub drain: Duration,
    /// How long `/readyz` says no before that.
    pub drain_delay: Duration,
    /// What is logged.
    pub log_level: tracing::Level,
    /// How it is logged.
    pub log_format: LogFormat,
    /// The audit log.
    pub audit: Option<AuditConfig>,
    /// Who may read `/metrics`.
    pub metrics_for: Audience,
    /// Where to listen for metrics and health only.
    pub metrics_listen: Vec<Endpoint>,
    /// Connections at one endpoint at a time.
    pub connections: u32,
    /// How long a PROXY header and TLS may take.
    pub handshake: Duration,
    /// What it takes at once.
    pub limits: Limits,
}

/// The files for TLS, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, with its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who signs the certificates of clients, and whether these must show one.
    pub clients: Option<(PathBuf, ClientCertificates)>,
}

/// Whether clients must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They may.
    Optional,
    /// They must.
    Required,
}

/// What the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// Lines of JSON.
    Json,
}

/// Who may read the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Nobody.
    Nobody,
    /// Who administers the server.
    Admin,
    /// These, and programs on this machine.
    Local,
    /// Everybody who gets there.
    Everybody,
}

impl Settings {
    /// Reads what values mean.
    ///
    /// ```
    /// use irmin_server::config::{Settings, Sources};
    /// let settings = Settings::new(&Sources::default().read()?)?;
    /// assert!(settings.is_trial && settings.listen.is_empty());
    /// # Ok::<(), irmin_server::service::ServiceError>(())
    /// ```
    ///
    /// # Errors
    /// [`ServiceError`] with the place of the value that makes no sense, and why.
    pub fn new(values: &Values) -> Result<Self> {
        let data = values.path("data").ok_or_else(|| {
            ServiceError::invalid("'data' is empty; name the directory of the repositories")
        })?;
        Ok(Self {
            is_trial: *values.origin("data") == Origin::Default,
            listen: values.get_all("listen", endpoint)?,
            repository: values.text("repository").to_owned(),
            tls: tls(values)?,
            principals: values.get_all("principals", owner)?.into_iter().collect(),
            rules: values.path("rules"),
            insecure: values.get("insecure", yes)?,
            proxy: proxy(values)?,
            unix_mode: values.get("unix-mode", mode)?,
            drain: values.get("drain", parse_time)?,
            drain_delay: values.get("drain-delay", parse_time)?,
            log_level: values.get("log-level", level)?,
            log_format: values.get("log-format", |text| match text {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err(bad(text, "text or json")),
            })?,
            audit: audit(values, &data)?,
            metrics_for: values.get("metrics-for", audience)?,
            metrics_listen: values.get_all("metrics-listen", endpoint)?,
            connections: values.get("limit-connections", number)?,
            handshake: values.get("limit-handshake", parse_time)?,
            limits: limits(values)?,
            data,
        })
    }
}

fn endpoint(text: &str) -> Result<Endpoint> {
    let endpoint = text.parse::<Endpoint>();
    endpoint.map_err(|error| ServiceError::invalid(error.to_string()))
}

/// Reads `NAME=PRINCIPAL`. The name may have `=` in it, a principal that a certificate stands for not.
fn owner(text: &str) -> Result<(String, Principal)> {
    match text.rsplit_once('=') {
        Some((name, principal)) if !name.is_empty() => {
            Ok((name.to_owned(), Principal::new(principal)?))
        }
        _ => Err(bad(
            text,
            "a certificate's name and its owner, NAME=PRINCIPAL",
        )),
    }
}

fn yes(text: &str) -> Result<bool> {
    text.parse().map_err(|_| bad(text, "true or false"))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse()
        .map_err(|_| bad(text, "a number that is possible here"))
}

fn size(text: &str) -> Result<usize> {
    let bytes = usize::try_from(parse_bytes(text)?);
    bytes.map_err(|_| bad(text, "a number of bytes that this machine can have"))
}

fn mode(text: &str) -> Result<u32> {
    let mode = u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| bad(text, "a mode, such as 600 or 660"))
}

fn level(text: &str) -> Result<tracing::Level> {
    text.parse()
        .map_err(|_| bad(text, "error, warn, info, debug or trace"))
}

fn audience(text: &str) -> Result<Audience> {
    match text {
        "nobody" => Ok(Audience::Nobody),
        "admin" => Ok(Audience::Admin),
        "local" => Ok(Audience::Local),
        "everybody" => Ok(Audience::Everybody),
        _ => Err(bad(text, "nobody, admin, local or everybody")),
    }
}

fn proxy(values: &Values) -> Result<ProxyProtocol> {
    let name = "proxy";
    if values.texts(name).is_empty() {
        return Ok(ProxyProtocol::Off);
    }
    if values.texts(name) == ["everybody"] {
        return Ok(ProxyProtocol::Everybody);
    }
    let prefixes = values.get_all(name, |text| text.parse().map_err(ServiceError::invalid))?;
    Ok(ProxyProtocol::From(prefixes))
}

fn tls(values: &Values) -> Result<Option<TlsFiles>> {
    let clients = values.get("client-certificates", |text| match text {
        "optional" => Ok(ClientCertificates::Optional),
        "required" => Ok(ClientCertificates::Required),
        _ => Err(bad(text, "optional or required")),
    })?;
    let ca = values.path("client-ca");
    let lonely = |name: &str, wants: &str| {
        let error = ServiceError::invalid(format!("it is of no use without '{wants}'"));
        Err(values.at(name, &error))
    };
    match (values.path("certificate"), values.path("key")) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles {
            certificate,
            key,
            clients: ca.map(|ca| (ca, clients)),
        })),
        (Some(_), None) => lonely("certificate", "key"),
        (None, Some(_)) => lonely("key", "certificate"),
        (None, None) if ca.is_some() => lonely("client-ca", "certificate"),
        (None, None) => Ok(None),
    }
}

fn audit(values: &Values, data: &std::path::Path) -> Result<Option<AuditConfig>> {
    let file = values.path("audit-file");
    let file = file.unwrap_or_else(|| data.join("audit.log"));
    values.get("audit", |text| match text {
        "off" => Ok(None),
        "writes" | "all" => Ok(Some(AuditConfig {
            reads: text == "all",
            ..AuditConfig::new(file)
        })),
        _ => Err(bad(text, "off, writes or all")),
    })
}

fn limits(values: &Values) -> Result<Limits> {
    let count = |name| values.get(name, number::<usize>);
    let time = |name| values.get(name, parse_time);
    Ok(Limits {
        running: count("limit-running")?,
        waiting: count("limit-waiting")?,
        per_principal: count("limit-per-principal")?,
        streams: count("limit-streams")?,
        time: time("limit-time")?,
        stream_time: time("limit-stream-time")?,
        stall_time: time("limit-stall-time")?,
        request_bytes: values.get("limit-request-bytes", size)?,
        blob_bytes: values.get("limit-blob-bytes", parse_bytes)?,
        paths: count("limit-paths")?,
        page: count("limit-page")?,
        log_commits: count("limit-log-commits")?,
        objects: count("limit-objects")?,
        watchers: count("limit-watchers")?,
        watch_changes: count("limit-watch-changes")?,
        sessions: count("limit-sessions")?,
        sessions_per_principal: count("limit-sessions-per-principal")?,
        session_bytes: values.get("limit-session-bytes", size)?,
        session_time: time("limit-session-time")?,
        failures: values.get("limit-failures", number)?,
        answers: count("limit-answers")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{KEYS, Sources};

    fn read(flags: &[(&str, &str)]) -> Result<Settings> {
        let flags = flags
            .iter()
            .map(|(name, text)| ((*name).to_owned(), vec![(*text).to_owned()]));
        let sources = Sources {
            flags: flags.collect(),
            ..Sources::default()
        };
        Settings::new(&sources.read()?)
    }

    #[test]
    fn what_the_keys_say_by_default_is_what_the_service_does_by_default() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.limits, Limits::default());
        let audit = settings.audit.unwrap();
        assert_eq!(audit, AuditConfig::new("irmin-data/audit.log"));
    }

    #[test]
    fn each_limit_is_read_from_its_own_key() {
        let defaults = read(&[]).unwrap();
        for key in KEYS.iter().filter(|key| key.is_limit()) {
            let value = match key.kind {
                crate::config::Kind::Time => "77s",
                _ => "77",
            };
            let settings = read(&[(key.name, value)]).unwrap();
            let differs = settings.limits != defaults.limits
                || settings.connections != defaults.connections
                || settings.handshake != defaults.handshake;
            assert!(differs, "{}", key.name);
        }
    }

    #[test]
    fn a_value_that_makes_no_sense_is_refused_with_its_place() {
        for (name, text) in [
            ("listen", "localhost:80"),
            ("principals", "ada"),
            ("principals", "DNS:x=anonymous"),
            ("insecure", "maybe"),
            ("unix-mode", "888"),
            ("drain", "soon"),
            ("log-level", "loud"),
            ("log-format", "xml"),
            ("audit", "some"),
            ("metrics-for", "friends"),
            ("proxy", "10.0.0.0/99"),
            ("limit-running", "-1"),
            ("certificate", "a.pem"),
            ("key", "a.key"),
            ("client-ca", "ca.pem"),
            ("data", ""),
        ] {
            let error = read(&[(name, text)]).unwrap_err();
            assert!(error.message.contains(name), "{name}: {error}");
        }
    }

    #[test]
    fn a_certificate_belongs_to_whom_the_last_part_names() {
        let settings = read(&[("principals", "URI:spiffe://a/b?c=d=ada")]).unwrap();
        let owner = settings.principals.get("URI:spiffe://a/b?c=d").unwrap();
        assert_eq!(owner.as_str(), "ada");
    }
}
