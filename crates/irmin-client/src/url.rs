//! Where a repository is on a server, as a value and as text.

mod escape;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::str::FromStr;

use conduit::{Endpoint, HostName, HostPort};
use irmin_core::BranchName;

/// The port that a URL without one means, and that a server listens at unless told otherwise.
pub const DEFAULT_PORT: u16 = 7464;

/// The repository that a URL without one means. Servers make it by themselves.
pub const DEFAULT_REPOSITORY: &str = "main";

/// The most bytes of a Unix socket's path or name: what the system has room for.
const SOCKET_BYTES_MAX: usize = 107;

/// The place of a repository on a server.
///
/// What is printed reads back as the same value, for every value.
///
/// | text | meaning |
/// |---|---|
/// | `irmin://host[:port][/repository]` | TCP; the host is a name, an IPv4 address, or an IPv6 address in brackets, which may have a zone (`[fe80::1%25eth0]`). Several with commas between them are tried until one answers |
/// | `irmin+tls://host[:port][/repository][?name=…]` | TLS over TCP; `name` says whose certificate is expected if that is not the host |
/// | `irmin+unix:///path[:repository]` | a Unix socket: what follows the last `:` is the repository; a `:` in the path itself is written `%3A` |
/// | `irmin+unix:@name[:repository]` | a Unix socket in Linux's abstract name space |
/// | `irmin+pipe:name[:repository]` | a pipe in this process |
///
/// Without a port it is [`DEFAULT_PORT`], without a repository [`DEFAULT_REPOSITORY`]. A token is no
/// part of a URL, which ends up in logs and in lists of processes.
///
/// ```
/// use irmin_client::RemoteUrl;
/// let url: RemoteUrl = "irmin+unix:///run/irmin.sock:fleet".parse()?;
/// assert_eq!((url.repository(), url.endpoint().to_string()), ("fleet", "unix:///run/irmin.sock".into()));
/// let url: RemoteUrl = "irmin://[::1]".parse()?;
/// assert_eq!(url, "irmin://[::1]:7464/main".parse()?);
/// assert_eq!(url.to_string(), "irmin://[::1]");
/// # Ok::<(), irmin_client::UrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RemoteUrl {
    place: Place,
    repository: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    Tcp(Vec<HostPort>),
    Tls(Vec<HostPort>, Option<HostName>),
    Unix(PathBuf),
    Abstract(Vec<u8>),
    Pipe(String),
}

impl RemoteUrl {
    /// Returns the URL of a repository behind an endpoint. Linear in their lengths.
    ///
    /// # Errors
    /// [`UrlError`] for an endpoint that has no such text, such as WebSocket, and for what cannot be
    /// the name of a repository.
    pub fn new(endpoint: &Endpoint, repository: &str) -> Result<Self, UrlError> {
        let refuse = |problem: String| UrlError {
            url: format!("{endpoint}"),
            problem,
        };
        let place = match endpoint {
            Endpoint::Tcp(hosts) => Place::Tcp(hosts.clone()),
            Endpoint::Unix(path) => Place::Unix(path.clone()),
            Endpoint::Abstract(name) => Place::Abstract(name.clone()),
            Endpoint::Pipe(name) => Place::Pipe(name.clone()),
            Endpoint::Tls { inner, name } => match &**inner {
                Endpoint::Tcp(hosts) => Place::Tls(hosts.clone(), name.clone()),
                _ => return Err(refuse("TLS goes over TCP here".to_owned())),
            },
            _ => return Err(refuse("no URL of a repository means this".to_owned())),
        };
        check_place(&place).map_err(refuse)?;
        let repository = check_repository(repository).map_err(refuse)?;
        Ok(Self { place, repository })
    }

    /// Tells whether text has a scheme of these URLs.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
        scheme == "irmin" || scheme.starts_with("irmin+")
    }

    /// Returns the endpoint of the server.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        match &self.place {
            Place::Tcp(hosts) => Endpoint::Tcp(hosts.clone()),
            Place::Tls(hosts, name) => Endpoint::Tcp(hosts.clone()).with_tls(name.clone()),
            Place::Unix(path) => Endpoint::Unix(path.clone()),
            Place::Abstract(name) => Endpoint::Abstract(name.clone()),
            Place::Pipe(name) => Endpoint::Pipe(name.clone()),
        }
    }

    /// Returns the name of the repository.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Returns a word for the place, for directories and remotes that are named after it: the name of
    /// the repository if it is not the default, else that of the host, the socket or the pipe.
    #[must_use]
    pub fn label(&self) -> String {
        if self.repository != DEFAULT_REPOSITORY {
            return self.repository.clone();
        }
        match &self.place {
            Place::Tcp(hosts) | Place::Tls(hosts, _) => {
                let host = hosts.first().map(|at| at.host.to_string());
                host.unwrap_or_default()
            }
            Place::Unix(path) => {
                let stem = path.file_stem().unwrap_or_default();
                stem.to_string_lossy().into_owned()
            }
            Place::Abstract(name) => String::from_utf8_lossy(name).into_owned(),
            Place::Pipe(name) => name.clone(),
        }
    }

    /// Returns the same with another repository.
    ///
    /// # Errors
    /// [`UrlError`] when this cannot be the name of one.
    pub fn with_repository(&self, repository: &str) -> Result<Self, UrlError> {
        let repository = check_repository(repository).map_err(|problem| UrlError {
            url: repository.to_owned(),
            problem,
        })?;
        let place = self.place.clone();
        Ok(Self { place, repository })
    }
}

fn check_repository(name: &str) -> Result<String, String> {
    if name.contains('/') {
        return Err(format!(
            "the name of a repository, '{name}', cannot contain '/'"
        ));
    }
    match BranchName::new(name) {
        Ok(_) => Ok(name.to_owned()),
        Err(error) => Err(format!(
            "'{name}' cannot be the name of a repository: {}",
            error.reason
        )),
    }
}

fn check_place(place: &Place) -> Result<(), String> {
    let is_socket = |bytes: &[u8]| (1..=SOCKET_BYTES_MAX).contains(&bytes.len());
    match place {
        Place::Tcp(hosts) | Place::Tls(hosts, _) if hosts.is_empty() => {
            Err("there is no host in it".to_owned())
        }
        Place::Tcp(hosts) | Place::Tls(hosts, _) => {
            match hosts.iter().find(|at| at.host == conduit::Host::Any) {
                Some(_) => Err("'*' is for those who listen; name a host".to_owned()),
                None => Ok(()),
            }
        }
        Place::Unix(path) if !path.is_absolute() => Err("the path begins with '/'".to_owned()),
        Place::Unix(path) if path.as_os_str().as_bytes().contains(&0) => {
            Err("a path cannot contain NUL".to_owned())
        }
        Place::Unix(path) if !is_socket(path.as_os_str().as_bytes()) => Err(format!(
            "a socket's path has at most {SOCKET_BYTES_MAX} bytes"
        )),
        Place::Abstract(name) if !is_socket(name) => {
            Err(format!("a socket's name has 1 to {SOCKET_BYTES_MAX} bytes"))
        }
        Place::Pipe(name) if name.is_empty() => Err("the pipe needs a name".to_owned()),
        Place::Unix(_) | Place::Abstract(_) | Place::Pipe(_) => Ok(()),
    }
}

impl FromStr for RemoteUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        parse(text).map_err(|problem| UrlError {
            url: text.to_owned(),
            problem,
        })
    }
}

fn parse(text: &str) -> Result<RemoteUrl, String> {
    let (scheme, rest) = text.split_once(':').ok_or("it has no scheme")?;
    let (place, repository) = match scheme {
        "irmin" => {
            let (hosts, repository) = parse_hosts(rest)?;
            (Place::Tcp(hosts), repository)
        }
        "irmin+tls" => {
            let (rest, name) = match rest.split_once('?') {
                None => (rest, None),
                Some((rest, query)) => (rest, Some(parse_name(query)?)),
            };
            let (hosts, repository) = parse_hosts(rest)?;
            (Place::Tls(hosts, name), repository)
        }
        "irmin+unix" => parse_socket(rest)?,
        "irmin+pipe" => {
            let (name, repository) = split_repository(rest);
            let name = escape::read_text(name)?;
            (Place::Pipe(name), repository)
        }
        _ => return Err("the schemes are irmin, irmin+tls, irmin+unix and irmin+pipe".to_owned()),
    };
    check_place(&place)?;
    let repository = match repository {
        None | Some("") => DEFAULT_REPOSITORY.to_owned(),
        Some(name) => check_repository(&escape::read_text(name)?)?,
    };
    Ok(RemoteUrl { place, repository })
}

/// Reads `//host[:port][,host[:port]…][/repository]`.
fn parse_hosts(rest: &str) -> Result<(Vec<HostPort>, Option<&str>), String> {
    let rest = rest
        .strip_prefix("//")
        .ok_or("'//' and a host follow the scheme")?;
    let (hosts, repository) = match rest.split_once('/') {
        None => (rest, None),
        Some((hosts, repository)) => (hosts, Some(repository)),
    };
    if hosts.contains('@') {
        return Err("a token is given by IRMIN_TOKEN or a file, not in the URL".to_owned());
    }
    let hosts: Result<_, _> = hosts.split(',').map(parse_host).collect();
    Ok((hosts?, repository))
}

fn parse_host(text: &str) -> Result<HostPort, String> {
    let after_brackets = text.rfind(']').map_or(0, |end| end + 1);
    let has_port = text
        .get(after_brackets..)
        .is_some_and(|rest| rest.contains(':'));
    match has_port {
        true => text.parse(),
        false => format!("{text}:{DEFAULT_PORT}").parse(),
    }
}

fn parse_name(query: &str) -> Result<HostName, String> {
    let name = query.strip_prefix("name=");
    name.ok_or("the only parameter is 'name'")?.parse()
}

/// Reads `///path[:repository]` or `@name[:repository]`.
fn parse_socket(rest: &str) -> Result<(Place, Option<&str>), String> {
    if let Some(rest) = rest.strip_prefix('@') {
        let (name, repository) = split_repository(rest);
        return Ok((Place::Abstract(escape::read(name)?), repository));
    }
    let rest = rest
        .strip_prefix("//")
        .ok_or("'///path' or '@name' follows 'irmin+unix:'")?;
    let (path, repository) = split_repository(rest);
    let path = PathBuf::from(OsString::from_vec(escape::read(path)?));
    Ok((Place::Unix(path), repository))
}

/// Splits off the repository behind a colon: its name contains neither that nor a slash.
fn split_repository(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((place, repository)) => (place, Some(repository)),
        None => (text, None),
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = match &self.place {
            Place::Tcp(hosts) => {
                f.write_str("irmin://")?;
                write_hosts(f, hosts)?;
                "/"
            }
            Place::Tls(hosts, _) => {
                f.write_str("irmin+tls://")?;
                write_hosts(f, hosts)?;
                "/"
            }
            Place::Unix(path) => {
                f.write_str("irmin+unix://")?;
                escape::write(f, path.as_os_str().as_bytes())?;
                ":"
            }
            Place::Abstract(name) => {
                f.write_str("irmin+unix:@")?;
                escape::write(f, name)?;
                ":"
            }
            Place::Pipe(name) => {
                f.write_str("irmin+pipe:")?;
                escape::write(f, name.as_bytes())?;
                ":"
            }
        };
        if self.repository != DEFAULT_REPOSITORY {
            f.write_str(separator)?;
            escape::write(f, self.repository.as_bytes())?;
        }
        match &self.place {
            Place::Tls(_, Some(name)) => write!(f, "?name={name}"),
            _ => Ok(()),
        }
    }
}

fn write_hosts(f: &mut fmt::Formatter<'_>, hosts: &[HostPort]) -> fmt::Result {
    for (index, at) in hosts.iter().enumerate() {
        if index > 0 {
            f.write_str(",")?;
        }
        match at.port {
            DEFAULT_PORT => write!(f, "{}", at.host)?,
            port => write!(f, "{}:{port}", at.host)?,
        }
    }
    Ok(())
}

/// Text that is not the URL of a repository on a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{url}' is not the URL of a repository on a server: {problem}; write irmin://host[:port][/repository], irmin+tls://… or irmin+unix:///path[:repository]"
)]
pub struct UrlError {
    /// The text.
    pub url: String,
    /// What is wrong with it.
    pub problem: String,
}
