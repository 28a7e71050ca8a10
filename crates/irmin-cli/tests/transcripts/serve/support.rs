//! A server in a process of its own, and what tests ask of it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use irmin_client::{Changes, ClientOptions, blocking};
use irminsule::Path as TreePath;
use serde_json::Value;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so.
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// A command of the program, without what the environment of the tests says.
pub(crate) fn irmin(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_irmin"));
    command.args(args);
    for name in ["IRMIN_REPO", "IRMIN_TOKEN", "NOTIFY_SOCKET", "LISTEN_FDS"] {
        command.env_remove(name);
    }
    command.env("IRMIN_NO_PROGRESS", "1");
    command
}

/// Runs a command of the program that must succeed, and returns what it prints.
pub(crate) fn run(args: &[&str]) -> String {
    let output = irmin(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns what a program said to people.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A server that runs, until it is dropped.
pub(crate) struct Served {
    pub(crate) child: Child,
    /// What it said that it does.
    pub(crate) told: Value,
    /// Where its log goes.
    pub(crate) log: PathBuf,
    _stdout: BufReader<ChildStdout>,
}

impl Served {
    /// Starts one on a free port for the data directory `dir/data`.
    pub(crate) fn new(dir: &Path, args: &[&str]) -> Self {
        let data = dir.join("data");
        let mut all = vec!["serve", "--json", "--data", data.to_str().unwrap()];
        if !args.contains(&"--listen") {
            all.extend(["--listen", "tcp://127.0.0.1:0"]);
        }
        all.extend(args);
        Self::start(dir, &mut irmin(&all))
    }

    /// Starts a command that is a server, and waits until it says where it is.
    pub(crate) fn start(dir: &Path, command: &mut Command) -> Self {
        let log = dir.join("log");
        command.stdout(Stdio::piped());
        command.stderr(File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line);
        let told = told.unwrap_or_else(|_| panic!("{}", fs::read_to_string(&log).unwrap()));
        Self {
            child,
            told,
            log,
            _stdout: stdout,
        }
    }

    /// Returns host and port of the n-th address.
    pub(crate) fn address(&self, of: &str, number: usize) -> String {
        let endpoint = self.told[of][number].as_str().unwrap();
        endpoint.rsplit_once("//").unwrap().1.to_owned()
    }

    /// Returns the URL of the repository `main`.
    pub(crate) fn url(&self) -> String {
        format!("irmin://{}/main", self.address("listening", 0))
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url())
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut ended = None;
        wait_for("the end of the server", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap()
    }

    /// Tells it to stop, and waits until it has stopped as it should.
    pub(crate) fn stop(mut self) {
        self.signal("-TERM");
        let status = self.ended();
        assert!(status.success(), "{status}: {}", self.log());
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        get(&self.address("listening", 0), path, "")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer of HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// Asks for something by HTTP, with more headers.
pub(crate) fn get(address: &str, path: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (headers, body) = text.split_once("\r\n\r\n").unwrap();
    let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        headers: headers.to_lowercase(),
        body: body.to_owned(),
    }
}

/// A client that does not try for long.
pub(crate) struct Client(blocking::Client);

impl Client {
    pub(crate) fn new(url: &str) -> Self {
        let options = ClientOptions::default().deadline(Duration::from_secs(5));
        Self(blocking::Client::new(&url.parse().unwrap(), options).unwrap())
    }

    /// Commits a value; tells whether that was acknowledged.
    pub(crate) fn set(&self, path: &str, value: &str) -> bool {
        let path = TreePath::parse(path).unwrap();
        let changes = Changes::new("main", "set").set(&path, value.to_owned());
        self.0.commit(&changes).is_ok()
    }

    pub(crate) fn value(&self, path: &str) -> Option<String> {
        let value = self.0.value("main", &TreePath::parse(path).unwrap());
        let value = value.unwrap();
        value.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }
}

/// Writers that commit until one of their commits is not acknowledged.
pub(crate) struct Writers(Vec<thread::JoinHandle<usize>>);

impl Writers {
    /// Starts some, and waits until each has committed some times.
    pub(crate) fn start(url: &str, count: usize, round: usize) -> Self {
        let (tell, heard) = std::sync::mpsc::channel();
        let start = |writer| {
            let (client, tell) = (Client::new(url), tell.clone());
            thread::spawn(move || {
                let mut acknowledged = 0;
                while client.set(&path_of(round, writer, acknowledged), "v") {
                    acknowledged += 1;
                    // The test may hear no more.
                    let _ = tell.send(());
                }
                acknowledged
            })
        };
        let writers = (0..count).map(start).collect();
        for _ in 0..5 * count {
            heard.recv_timeout(PATIENCE).unwrap();
        }
        Self(writers)
    }

    /// Waits until all have ended, and returns how many commits of each were acknowledged.
    pub(crate) fn ended(self) -> Vec<usize> {
        let writers = self.0.into_iter();
        writers.map(|writer| writer.join().unwrap()).collect()
    }
}

/// Returns where a writer puts its n-th value.
pub(crate) fn path_of(round: usize, writer: usize, number: usize) -> String {
    format!("r{round}/w{writer}/{number}")
}

/// Checks that all that was acknowledged is there.
pub(crate) fn check_acknowledged(client: &Client, round: usize, acknowledged: &[usize]) {
    for (writer, &count) in acknowledged.iter().enumerate() {
        for number in 0..count {
            let path = path_of(round, writer, number);
            assert_eq!(client.value(&path).as_deref(), Some("v"), "{path} is lost");
        }
    }
}
