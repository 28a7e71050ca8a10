//! Two machines that share a repository on a server: each clones it, works while the server is away,
//! and they come together again, over a conflict. The machines are network namespaces with a cable
//! between them, which need root and iproute2: where they cannot be made, the tests fail if `CI` is
//! `true`, and say aloud that they are skipped if it is not.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use conduit::{ClientAuth, Context, Identity, ListenOptions, Listener, TlsServer, Trust};
use irmin_server::http::{router, serve};
use irmin_server::service::{Config, Data, Entry, Pattern, Principal, Right, Rule, Rules, Server};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::runtime::Runtime;

const DIR: &str = "IRMIN_TEST_SERVE_DIR";
const AT: &str = "IRMIN_TEST_SERVE_AT";
const READY: &str = "the server is ready";

/// The server of the tests below, which run this one in a process of its own and kill it. By itself
/// it has nothing to do.
#[test]
fn serves_until_it_is_killed() {
    let (Some(dir), Ok(at)) = (std::env::var_os(DIR), std::env::var(AT)) else {
        return;
    };
    let dir = Path::new(&dir);
    let mut config = Config::new(Data::Dir(dir.join("data")));
    config.access.entry = Entry::Open;
    let mut options = ListenOptions::default();
    if at.starts_with("tls") {
        config.access.entry = Entry::Rules;
        config.access.rules = Rules::new(vec![Rule {
            principal: Pattern::new("ada"),
            repo: Pattern::new("**"),
            branch: Pattern::new("**"),
            path: irminsule::Path::root(),
            right: Right::Write,
        }]);
        let ada = Principal::new("ada").unwrap();
        config.access.certificates = [("ada".to_owned(), ada)].into();
        let file = |name: &str| dir.join(name);
        let identity = Identity::from_files(&file("server.pem"), &file("server.key")).unwrap();
        let clients = ClientAuth::Required(Trust::from_file(&file("ca.pem")).unwrap());
        options.tls = Some(TlsServer::new(&identity, &clients, &[b"h2"]).unwrap());
    }
    Runtime::new().unwrap().block_on(async {
        let server = Server::open(config).unwrap();
        let endpoint = at.parse().unwrap();
        let listener = Listener::bind(&Context::new(), &endpoint, options)
            .await
            .unwrap();
        writeln!(std::io::stdout(), "{READY}").unwrap();
        let (router, never) = (router(&server), std::future::pending());
        let time = std::time::Duration::ZERO;
        serve(&server, router, vec![listener], never, time)
            .await
            .unwrap();
    });
}

/// Where something runs: this machine, or a namespace, which is removed with this value.
struct Machine(Option<String>);

impl Machine {
    /// Makes a namespace; `None` where that is not possible.
    fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("irmin-{}-{number}", std::process::id());
        if let Err(problem) = ip(&["netns", "add", &name]) {
            let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
            assert!(!is_ci, "network namespaces cannot be made: {problem}");
            // Not by a macro, whose output libtest keeps to itself.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED, no network namespaces: {problem}"
            );
            return None;
        }
        let machine = Self(Some(name));
        machine.ip(&["link", "set", "lo", "up"]);
        machine.ip(&["addr", "del", "127.0.0.1/8", "dev", "lo"]);
        Some(machine)
    }

    fn ip(&self, arguments: &[&str]) -> String {
        let name = self.0.as_deref().unwrap();
        ip(&[&["-n", name], arguments].concat()).unwrap()
    }

    /// Returns a command that runs there.
    fn command(&self, program: &Path) -> Command {
        let Some(name) = &self.0 else {
            return Command::new(program);
        };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", name]).arg(program);
        command
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(name) = &self.0 {
            let _ = ip(&["netns", "del", name]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|error| format!("ip (of iproute2): {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Makes two machines with a cable between them; the far one has `fd00:7464::2`, and `10.98.0.2`
/// unless there is IPv6 only.
fn pair(has_v4: bool) -> Option<(Machine, Machine)> {
    let (near, far) = (Machine::new()?, Machine::new()?);
    let name = far.0.as_deref().unwrap();
    near.ip(&[
        "link", "add", "va", "type", "veth", "peer", "name", "vb", "netns", name,
    ]);
    for (machine, interface, number) in [(&near, "va", 1), (&far, "vb", 2)] {
        machine.ip(&["link", "set", interface, "up"]);
        let v6 = format!("fd00:7464::{number}/64");
        machine.ip(&["addr", "add", &v6, "dev", interface, "nodad"]);
        if has_v4 {
            let v4 = format!("10.98.0.{number}/24");
            machine.ip(&["addr", "add", &v4, "dev", interface]);
        } else {
            assert_eq!(machine.ip(&["-4", "-o", "addr"]), "");
        }
    }
    Some((near, far))
}

/// A server that runs on a machine, killed with this value.
struct Running(Child);

impl Running {
    fn start(machine: &Machine, dir: &Path, at: &str) -> Self {
        let mut command = machine.command(&std::env::current_exe().unwrap());
        command.args(["--exact", "--nocapture"]);
        command.arg("machines::serves_until_it_is_killed");
        command.env(DIR, dir).env(AT, at).stdout(Stdio::piped());
        let mut running = Self(command.spawn().unwrap());
        let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
        let ready = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(READY)));
        assert!(ready.is_some(), "it ended at its start");
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Two users of one repository.
struct Story<'a> {
    dir: &'a Path,
    url: &'a str,
    minute: u32,
}

impl Story<'_> {
    fn output(&mut self, machine: &Machine, args: &[&str]) -> Output {
        self.minute += 1;
        let mut command = machine.command(Path::new(env!("CARGO_BIN_EXE_irmin")));
        command.current_dir(self.dir).args(args);
        command.env("IRMIN_AUTHOR", "Ada <ada@example.org>");
        command.env("IRMIN_DATE", format!("2026-11-01T10:{:02}Z", self.minute));
        command.env_remove("IRMIN_REPO");
        if self.url.starts_with("irmin+tls") {
            command.env("IRMIN_CA_FILE", self.dir.join("ca.pem"));
            command.env("IRMIN_CERTIFICATE_FILE", self.dir.join("ada.pem"));
            command.env("IRMIN_KEY_FILE", self.dir.join("ada.key"));
        }
        command.output().unwrap()
    }

    /// Runs a command that succeeds; returns what it says.
    fn run(&mut self, machine: &Machine, args: &[&str]) -> String {
        let output = self.output(machine, args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that ends with this code.
    fn fail(&mut self, machine: &Machine, code: i32, args: &[&str]) -> String {
        let output = self.output(machine, args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}

fn tell(near: &Machine, far: &Machine, dir: &Path, at: &str, url: &str) {
    let server = Running::start(far, dir, at);
    let mut story = Story {
        dir,
        url,
        minute: 0,
    };
    story.run(near, &["set", "color", "red", "--repo", url]);
    story.run(near, &["clone", url, "one"]);
    story.run(far, &["clone", url, "two"]);
    drop(server);
    // Both work while the server is away.
    story.run(near, &["set", "color", "blue", "--repo", "one"]);
    story.run(near, &["set", "from/one", "1", "--repo", "one"]);
    story.run(far, &["set", "color", "yellow", "--repo", "two"]);
    story.run(far, &["set", "from/two", "2", "--repo", "two"]);
    story.fail(near, 2, &["push", "--repo", "one"]);
    let server = Running::start(far, dir, at);
    story.run(near, &["push", "--repo", "one"]);
    // The second is told that the first was faster, and of the conflict, and nothing has changed.
    story.fail(far, 1, &["push", "--repo", "two"]);
    let said = story.fail(far, 1, &["pull", "--repo", "two"]);
    assert!(said.contains("conflict (content) color"), "{said}");
    assert_eq!(
        story.run(far, &["get", "color", "--repo", "two"]).trim(),
        "yellow"
    );
    story.run(far, &["merge", "origin/main", "--ours", "--repo", "two"]);
    story.run(far, &["push", "--repo", "two"]);
    story.run(near, &["pull", "--repo", "one"]);
    for (machine, place) in [(near, "one"), (far, "two"), (near, url), (far, url)] {
        let dump = story.run(machine, &["dump", "--repo", place]);
        let dump: String = dump.split_whitespace().collect();
        assert_eq!(dump, r#"{"color":"yellow","from":{"one":1,"two":2}}"#);
        let verified = story.output(machine, &["verify", "--repo", place]);
        // Over TLS the principal may write, and verifying is for administrators.
        let is_admin = !(place == url && url.starts_with("irmin+tls"));
        assert_eq!(verified.status.success(), is_admin, "{verified:?}");
    }
    drop(server);
}

#[test]
fn two_machines_work_offline_and_come_together_again() {
    let dir = tempfile::tempdir().unwrap();
    let Some((near, far)) = pair(true) else {
        return;
    };
    tell(
        &near,
        &far,
        dir.path(),
        "tcp://10.98.0.2:7464",
        "irmin://10.98.0.2",
    );
}

#[test]
fn two_machines_come_together_where_there_is_ipv6_only() {
    let dir = tempfile::tempdir().unwrap();
    let Some((near, far)) = pair(false) else {
        return;
    };
    let (at, url) = ("tcp://[fd00:7464::2]:7000", "irmin://[fd00:7464::2]:7000");
    tell(&near, &far, dir.path(), at, url);
}

#[test]
fn two_machines_come_together_over_tls_with_client_certificates() {
    let dir = tempfile::tempdir().unwrap();
    write_certificates(dir.path());
    let Some((near, far)) = pair(false) else {
        return;
    };
    let (at, url) = (
        "tls+tcp://[fd00:7464::2]:7464",
        "irmin+tls://[fd00:7464::2]",
    );
    tell(&near, &far, dir.path(), at, url);
}

#[test]
fn two_users_of_one_machine_come_together_over_a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket").display().to_string();
    let (at, url) = (format!("unix://{socket}"), format!("irmin+unix://{socket}"));
    tell(&Machine(None), &Machine(None), dir.path(), &at, &url);
}

/// Writes an authority, and what it signs for the server and for Ada.
fn write_certificates(dir: &Path) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    std::fs::write(dir.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);
    let mut ada = CertificateParams::default();
    ada.distinguished_name.push(DnType::CommonName, "ada");
    let server = CertificateParams::new(vec!["fd00:7464::2".to_owned()]).unwrap();
    for (name, params) in [("server", server), ("ada", ada)] {
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &issuer).unwrap();
        std::fs::write(dir.join(format!("{name}.pem")), signed.pem()).unwrap();
        std::fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}
