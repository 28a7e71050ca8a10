//! Text to endpoints.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::str::FromStr;

use super::{Endpoint, HostName, HostPort, LAYERS_MAX, escape};

/// The most bytes of a Unix socket's path or name: what `sockaddr_un` has room for.
const UNIX_BYTES_MAX: usize = 107;

/// The most hosts of one endpoint.
const HOSTS_MAX: usize = 64;

/// Text that is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not an endpoint: {problem}")]
pub struct ParseEndpointError {
    /// What was to be read.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, ParseEndpointError> {
        parse(text).map_err(|problem| ParseEndpointError {
            text: text.to_owned(),
            problem,
        })
    }
}

/// A layer around an endpoint.
enum Layer {
    Tls,
    Ws(Option<String>),
}

fn parse(text: &str) -> Result<Endpoint, String> {
    let (mut rest, query) = match text.split_once('?') {
        Some((rest, query)) => (rest, query),
        None => (text, ""),
    };
    let mut layers = Vec::new();
    while let Some((layer, inner)) = split_layer(rest) {
        layers.push(layer);
        rest = inner;
    }
    let (scheme, rest) = rest.split_once(':').ok_or("it has no scheme")?;
    let (carrier, path) = match scheme {
        "ws" => split_path(rest, 80)?,
        "wss" => split_path(rest, 443)?,
        _ => (parse_carrier(scheme, rest)?, None),
    };
    if path.is_some() {
        layers.push(Layer::Ws(path));
    }
    if scheme == "wss" {
        layers.push(Layer::Tls);
    }
    if layers.len() > LAYERS_MAX {
        return Err(format!("it has more than {LAYERS_MAX} layers"));
    }
    wrap(carrier, layers, Parameters::parse(query)?)
}

fn split_layer(text: &str) -> Option<(Layer, &str)> {
    let tls = text.strip_prefix("tls+").map(|inner| (Layer::Tls, inner));
    tls.or_else(|| {
        text.strip_prefix("ws+")
            .map(|inner| (Layer::Ws(None), inner))
    })
}

/// Reads what follows `ws:` or `wss:`.
fn split_path(rest: &str, default_port: u16) -> Result<(Endpoint, Option<String>), String> {
    let rest = after_slashes(rest)?;
    let at = rest.find('/').unwrap_or(rest.len());
    let (hosts, path) = rest.split_at(at);
    let path = if path.is_empty() { "/" } else { path };
    let path = escape::read_text(path)?;
    Ok((parse_hosts(hosts, Some(default_port))?, Some(path)))
}

fn parse_carrier(scheme: &str, rest: &str) -> Result<Endpoint, String> {
    match scheme {
        "tcp" => parse_hosts(after_slashes(rest)?, None),
        "unix" => parse_unix(rest),
        "pipe" => match escape::read_text(rest)? {
            name if name.is_empty() => Err("a pipe needs a name".to_owned()),
            name => Ok(Endpoint::Pipe(name)),
        },
        "vsock" => parse_vsock(after_slashes(rest)?),
        "inherited" => parse_inherited(rest),
        _ => Err(format!(
            "'{scheme}' is not one of tcp, unix, pipe, vsock, inherited, ws, wss, or tls+ or ws+ before one of these"
        )),
    }
}

fn after_slashes(rest: &str) -> Result<&str, String> {
    let rest = rest.strip_prefix("//");
    rest.ok_or_else(|| "'//' must follow the scheme".to_owned())
}

fn parse_hosts(text: &str, default_port: Option<u16>) -> Result<Endpoint, String> {
    let hosts = text.split(',').take(HOSTS_MAX + 1);
    let hosts = hosts.map(|host| HostPort::parse(host, default_port));
    let hosts: Vec<_> = hosts.collect::<Result<_, _>>()?;
    if hosts.len() > HOSTS_MAX {
        return Err(format!("it has more than {HOSTS_MAX} hosts"));
    }
    Ok(Endpoint::Tcp(hosts))
}

fn parse_unix(rest: &str) -> Result<Endpoint, String> {
    if let Some(name) = rest.strip_prefix('@') {
        let name = escape::read(name)?;
        return match name.len() {
            0 => Err("an abstract socket needs a name".to_owned()),
            1..UNIX_BYTES_MAX => Ok(Endpoint::Abstract(name)),
            _ => Err(format!("the name has {UNIX_BYTES_MAX} bytes or more")),
        };
    }
    let path = escape::read(rest.strip_prefix("//").unwrap_or(rest))?;
    if path.first() != Some(&b'/') {
        return Err("the path of a Unix socket must begin with '/': unix:///path".to_owned());
    }
    if path.contains(&0) || path.len() > UNIX_BYTES_MAX {
        return Err(format!(
            "the path of a Unix socket has at most {UNIX_BYTES_MAX} bytes and no NUL"
        ));
    }
    Ok(Endpoint::Unix(PathBuf::from(OsString::from_vec(path))))
}

fn parse_vsock(rest: &str) -> Result<Endpoint, String> {
    let (cid, port) = rest.split_once(':').ok_or("the port is missing")?;
    let (cid, port) = (parse_number(cid)?, parse_number(port)?);
    Ok(Endpoint::Vsock { cid, port })
}

fn parse_number(text: &str) -> Result<u32, String> {
    if text == "*" {
        return Ok(u32::MAX);
    }
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_digits);
    number.ok_or_else(|| format!("'{text}' is not a number below 2^32"))
}

fn parse_inherited(rest: &str) -> Result<Endpoint, String> {
    let name = escape::read_text(rest)?;
    if name.is_empty() || name.contains(':') {
        return Err("an inherited socket has a number from 0 on, or a name without ':'".to_owned());
    }
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return parse_number(&name).map(Endpoint::Inherited);
    }
    Ok(Endpoint::InheritedName(name))
}

/// What follows `?`, in order.
struct Parameters {
    names: VecDeque<Option<HostName>>,
    paths: VecDeque<String>,
}

impl Parameters {
    fn parse(query: &str) -> Result<Self, String> {
        let (mut names, mut paths) = (VecDeque::new(), VecDeque::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = escape::read_text(value)?;
            match key {
                "name" if value.is_empty() => names.push_back(None),
                "name" => names.push_back(Some(value.parse()?)),
                "path" => paths.push_back(value),
                _ => {
                    return Err(format!(
                        "'{key}' is not a parameter: there are name and path"
                    ));
                }
            }
        }
        Ok(Self { names, paths })
    }
}

/// Puts layers around a carrier; parameters belong to layers from the outside in.
fn wrap(
    carrier: Endpoint,
    layers: Vec<Layer>,
    mut parameters: Parameters,
) -> Result<Endpoint, String> {
    let mut known = Vec::with_capacity(layers.len());
    for layer in layers {
        known.push(match layer {
            Layer::Tls => (None, parameters.names.pop_front().flatten()),
            Layer::Ws(Some(path)) => (Some(path), None),
            Layer::Ws(None) => {
                let path = parameters.paths.pop_front();
                (Some(path.unwrap_or_else(|| "/".to_owned())), None)
            }
        });
    }
    if !parameters.names.is_empty() || !parameters.paths.is_empty() {
        return Err("it has a parameter without a layer of tls+ or ws+ for it".to_owned());
    }
    let mut endpoint = carrier;
    for (path, name) in known.into_iter().rev() {
        endpoint = match path {
            Some(path) if !path.starts_with('/') => {
                return Err(format!("the path '{path}' must begin with '/'"));
            }
            Some(path) => endpoint.with_ws(&path),
            None => endpoint.with_tls(name),
        };
    }
    Ok(endpoint)
}
