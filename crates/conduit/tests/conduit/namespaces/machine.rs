//! Machines: network namespaces.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace, removed when it is dropped.
pub(crate) struct Machine {
    name: String,
}

/// Which families the cable's ends have addresses of, besides link-local ones: the left end is `fd00:2014::1` and `10.99.0.1`,
/// the right one `2`.
#[derive(Clone, Copy)]
pub(crate) enum Families {
    V6,
    Both,
    /// Both on the right, IPv6 only on the left.
    V6AndBoth,
}

/// Makes two machines with a cable between them: `va` on the left, `vb` on the right. `None` where that is not possible, which is
/// said aloud.
pub(crate) fn pair(families: Families) -> Option<(Machine, Machine)> {
    let (left, right) = (Machine::new()?, Machine::new()?);
    let cable = [
        "link",
        "add",
        "va",
        "type",
        "veth",
        "peer",
        "name",
        "vb",
        "netns",
        &right.name,
    ];
    left.ip(&cable);
    for (machine, interface, number) in [(&left, "va", 1), (&right, "vb", 2)] {
        machine.sysctl(&format!("net.ipv6.conf.{interface}.addr_gen_mode=1"));
        machine.ip(&["link", "set", interface, "up"]);
        let is_v4 = match families {
            Families::V6 => false,
            Families::Both => true,
            Families::V6AndBoth => number == 2,
        };
        for address in [
            format!("fd00:2014::{number}/64"),
            format!("fe80::{number}/64"),
        ] {
            machine.ip(&["addr", "add", &address, "dev", interface, "nodad"]);
        }
        if is_v4 {
            machine.ip(&[
                "addr",
                "add",
                &format!("10.99.0.{number}/24"),
                "dev",
                interface,
            ]);
        } else {
            assert_eq!(
                machine.ip(&["-4", "-o", "addr"]),
                "",
                "an IPv4 address where none may be"
            );
        }
    }
    Some((left, right))
}

impl Machine {
    /// Makes a machine whose loopback is up, with no IPv4 address.
    pub(crate) fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("conduit-{}-{number}", std::process::id());
        if let Err(problem) = run(&["netns", "add", &name]) {
            let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
            assert!(!is_ci, "network namespaces cannot be made: {problem}");
            // Not by a macro, whose output libtest keeps to itself.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED, no network namespaces: {problem}"
            );
            return None;
        }
        let machine = Self { name };
        machine.ip(&["link", "set", "lo", "up"]);
        machine.ip(&["addr", "del", "127.0.0.1/8", "dev", "lo"]);
        Some(machine)
    }

    /// Runs `ip` in the machine; returns what it prints.
    pub(crate) fn ip(&self, arguments: &[&str]) -> String {
        let all = [&["-n", &self.name], arguments].concat();
        run(&all).unwrap_or_else(|problem| panic!("ip {all:?}: {problem}"))
    }

    /// Sets a parameter of the machine's kernel.
    pub(crate) fn sysctl(&self, setting: &str) {
        let (name, value) = setting.split_once('=').unwrap();
        let file = format!("/proc/sys/{}", name.replace('.', "/"));
        let value = value.to_owned();
        self.run(async move || std::fs::write(file, value).unwrap());
    }

    /// Runs a future in the machine, on a thread of its own, to its end.
    pub(crate) fn run<T: Send>(&self, future: impl AsyncFnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| scope.spawn(|| self.enter(future)).join().unwrap())
    }

    /// Runs a future in the machine beside the caller.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        future: impl AsyncFnOnce() -> T + Send + 'static,
    ) -> std::thread::JoinHandle<T> {
        let machine = std::mem::ManuallyDrop::new(Self {
            name: self.name.clone(),
        });
        std::thread::spawn(move || machine.enter(future))
    }

    /// Moves this thread, and those that it starts, into the machine.
    fn enter<T>(&self, future: impl AsyncFnOnce() -> T) -> T {
        let namespace = File::open(format!("/run/netns/{}", self.name)).unwrap();
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(future())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = run(&["netns", "del", &self.name]);
    }
}

fn run(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|error| format!("ip (of iproute2): {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
