//! A client for HTTP that does no more than these tests need.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// How long an answer may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends a request and returns where its answer comes from.
pub(super) fn send(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    BufReader::new(stream)
}

/// Reads the status and the headers of an answer.
pub(super) fn head(from: &mut BufReader<TcpStream>) -> Answer {
    let mut lines = from.by_ref().lines().map(|line| line.unwrap());
    let first = lines.next().unwrap_or_default();
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
    let headers = lines.take_while(|line| !line.is_empty()).map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    Answer {
        status: status.unwrap_or_else(|| panic!("no status in '{first}'")),
        headers: headers.collect(),
        body: Vec::new(),
    }
}

/// Sends a request and reads all of the answer.
pub(super) fn request(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut from = send(to, method, path, headers, body);
    let mut answer = head(&mut from);
    match answer.header("content-length").parse() {
        Ok(length) => {
            answer.body.resize(length, 0);
            from.read_exact(&mut answer.body).unwrap();
        }
        Err(_) => {
            from.read_to_end(&mut answer.body).unwrap();
        }
    }
    answer
}

pub(super) fn get(to: SocketAddr, path: &str) -> Answer {
    request(to, "GET", path, &[], b"")
}

/// A browser's cookies, and the token of its forms.
pub(super) struct Client {
    pub(super) to: SocketAddr,
    pub(super) cookies: Vec<String>,
}

impl Client {
    pub(super) fn new(to: SocketAddr) -> Self {
        Self {
            to,
            cookies: Vec::new(),
        }
    }

    pub(super) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// Sends a form as a browser does that has loaded it from the page `from`.
    pub(super) fn post(&mut self, from: &str, path: &str, fields: &str) -> Answer {
        let page = self.get(from).text();
        let token = page
            .split("name=\"form_token\" value=\"")
            .nth(1)
            .unwrap_or_default();
        let token = token.split('"').next().unwrap_or_default();
        self.ask("POST", path, &format!("form_token={token}&{fields}"))
    }

    pub(super) fn ask(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let cookies = self.cookies.join("; ");
        let origin = format!("http://{}", self.to);
        let headers = [
            ("cookie", cookies.as_str()),
            ("origin", &origin),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let answer = request(self.to, method, path, &headers, body.as_bytes());
        for (name, value) in &answer.headers {
            if name == "set-cookie" {
                let pair = value.split(';').next().unwrap_or_default().to_owned();
                let start = format!("{}=", pair.split('=').next().unwrap_or_default());
                self.cookies.retain(|own| !own.starts_with(&start));
                self.cookies.push(pair);
            }
        }
        answer
    }
}
