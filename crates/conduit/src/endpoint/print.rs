//! Endpoints to text.

use std::fmt;
use std::os::unix::ffi::OsStrExt;

use super::{Endpoint, HostName, HostPort, escape};

/// What may stand unescaped in a path.
pub(super) const PATH: &[u8] = b"/:@!$&'()*+,;=";

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut layers = Layers::default();
        let mut endpoint = self;
        loop {
            endpoint = match endpoint {
                Self::Ws { inner, path } => match web_socket_over_tcp(inner) {
                    Some((scheme, name, hosts)) => {
                        layers.names.extend(name);
                        write!(f, "{scheme}://")?;
                        print_hosts(f, hosts)?;
                        escape::write(f, path.as_bytes(), PATH)?;
                        return layers.print(f);
                    }
                    None => {
                        f.write_str("ws+")?;
                        layers.paths.push(path);
                        inner
                    }
                },
                Self::Tls { inner, name } => {
                    f.write_str("tls+")?;
                    layers.names.push(name.as_ref());
                    inner
                }
                carrier => {
                    print_carrier(f, carrier)?;
                    return layers.print(f);
                }
            }
        }
    }
}

/// The parameters of the layers, from the outside in.
#[derive(Default)]
struct Layers<'a> {
    paths: Vec<&'a str>,
    names: Vec<Option<&'a HostName>>,
}

impl Layers<'_> {
    fn print(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "?";
        for path in &self.paths {
            write!(f, "{separator}path=")?;
            escape::write(f, path.as_bytes(), b"/")?;
            separator = "&";
        }
        let given = self.names.iter().rposition(Option::is_some);
        for name in self.names.iter().take(given.map_or(0, |last| last + 1)) {
            write!(f, "{separator}name=")?;
            let text = name.map_or("", HostName::as_str);
            escape::write(f, text.as_bytes(), b":")?;
            separator = "&";
        }
        Ok(())
    }
}

type WebSocketOverTcp<'a> = (&'static str, Option<Option<&'a HostName>>, &'a [HostPort]);

/// What carries a WebSocket, if there is a scheme for the two together.
fn web_socket_over_tcp(inner: &Endpoint) -> Option<WebSocketOverTcp<'_>> {
    match inner {
        Endpoint::Tcp(hosts) => Some(("ws", None, hosts)),
        Endpoint::Tls { inner, name } => match &**inner {
            Endpoint::Tcp(hosts) => Some(("wss", Some(name.as_ref()), hosts)),
            _ => None,
        },
        _ => None,
    }
}

fn print_carrier(f: &mut fmt::Formatter<'_>, carrier: &Endpoint) -> fmt::Result {
    match carrier {
        Endpoint::Tcp(hosts) => {
            f.write_str("tcp://")?;
            print_hosts(f, hosts)
        }
        Endpoint::Unix(path) => {
            f.write_str("unix://")?;
            escape::write(f, path.as_os_str().as_bytes(), PATH)
        }
        Endpoint::Abstract(name) => {
            f.write_str("unix:@")?;
            escape::write(f, name, PATH)
        }
        Endpoint::Pipe(name) => {
            f.write_str("pipe:")?;
            escape::write(f, name.as_bytes(), PATH)
        }
        Endpoint::Vsock { cid, port } => {
            f.write_str("vsock://")?;
            print_number(f, *cid)?;
            f.write_str(":")?;
            print_number(f, *port)
        }
        Endpoint::Inherited(index) => write!(f, "inherited:{index}"),
        Endpoint::InheritedName(name) => {
            f.write_str("inherited:")?;
            escape::write(f, name.as_bytes(), PATH)
        }
        // The caller has taken the layers off.
        Endpoint::Tls { .. } | Endpoint::Ws { .. } => Ok(()),
    }
}

fn print_number(f: &mut fmt::Formatter<'_>, number: u32) -> fmt::Result {
    match number {
        u32::MAX => f.write_str("*"),
        number => write!(f, "{number}"),
    }
}

fn print_hosts(f: &mut fmt::Formatter<'_>, hosts: &[HostPort]) -> fmt::Result {
    for (index, host) in hosts.iter().enumerate() {
        let separator = if index == 0 { "" } else { "," };
        write!(f, "{separator}{host}")?;
    }
    Ok(())
}
