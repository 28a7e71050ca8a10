//! Chromium, driven through WebDriver: just what these tests need of it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::http::request;

/// The key under which WebDriver has the ids of elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys that have no letter.
pub(super) const TAB: &str = "\u{e004}";
pub(super) const ENTER: &str = "\u{e007}";
pub(super) const CONTROL: &str = "\u{e009}";

/// How long the browser waits for what a test looks for, in milliseconds.
const PATIENCE_MS: u64 = 60_000;

/// A browser, until it is dropped.
pub(super) struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    /// What the console may say: answers that are no success are noted there.
    pub(super) expected: Vec<&'static str>,
}

impl Browser {
    /// Starts a browser; `None` where none is installed, which is said aloud, and is an error in
    /// continuous integration.
    pub(super) fn start() -> Option<Self> {
        Self::with(&json!({}))
    }

    /// Starts one that runs no scripts.
    pub(super) fn without_scripts() -> Option<Self> {
        Self::with(&json!({ "profile.managed_default_content_settings.javascript": 2 }))
    }

    fn with(preferences: &Value) -> Option<Self> {
        let found = ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .find_map(program);
        let (Some(binary), Some(driver)) = (found, program("chromedriver")) else {
            assert!(
                std::env::var_os("CI").is_none(),
                "chromium and chromedriver are needed here"
            );
            eprintln!("SKIPPED: chromium or chromedriver is missing; `dev/test` installs them");
            return None;
        };
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port(&mut driver)));
        let mut browser = Self {
            driver,
            address,
            session: String::new(),
            expected: Vec::new(),
        };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1200,900",
            "--no-first-run",
            "--disable-background-networking",
        ];
        let answer = browser.call(
            "POST",
            "/session",
            &json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "timeouts": { "implicit": PATIENCE_MS, "pageLoad": PATIENCE_MS, "script": PATIENCE_MS },
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "binary": binary, "args": arguments, "prefs": preferences },
        } } }),
        );
        browser.session = answer["sessionId"].as_str().unwrap().to_owned();
        Some(browser)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "POST" {
            body.to_string()
        } else {
            String::new()
        };
        let headers = [("content-type", "application/json")];
        let answer = request(self.address, method, path, &headers, body.as_bytes());
        let value: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            answer.status, 200,
            "{method} {path} {body}: {}",
            value["value"]["message"]
        );
        value["value"].clone()
    }

    fn ask(&self, what: &str, body: &Value) -> Value {
        self.call("POST", &format!("/session/{}/{what}", self.session), body)
    }

    fn tell(&self, what: &str) -> Value {
        self.call(
            "GET",
            &format!("/session/{}/{what}", self.session),
            &Value::Null,
        )
    }

    pub(super) fn open(&self, url: &str) {
        self.ask("url", &json!({ "url": url }));
    }

    pub(super) fn url(&self) -> String {
        self.tell("url").as_str().unwrap().to_owned()
    }

    pub(super) fn title(&self) -> String {
        self.tell("title").as_str().unwrap().to_owned()
    }

    /// Waits for an element, by a CSS selector.
    pub(super) fn find(&self, css: &str) -> String {
        id(&self.ask("element", &json!({ "using": "css selector", "value": css })))
    }

    /// Waits for an element that says something, and nothing in it says all of it.
    pub(super) fn see(&self, text: &str) -> String {
        let quote = if text.contains('"') { '\'' } else { '"' };
        let says = format!("contains(normalize-space(.), {quote}{text}{quote})");
        let path = format!("//main//*[{says} and not(*[{says}])]");
        id(&self.ask("element", &json!({ "using": "xpath", "value": path })))
    }

    /// Waits for a link or a button that says something, and clicks it.
    pub(super) fn press(&self, text: &str) {
        let says = format!("contains(normalize-space(.), {text:?})");
        let path =
            format!("//*[(self::a or self::button or self::summary or self::label) and {says}]");
        let element = id(&self.ask("element", &json!({ "using": "xpath", "value": path })));
        self.ask(&format!("element/{element}/click"), &json!({}));
    }

    pub(super) fn click(&self, css: &str) {
        let element = self.find(css);
        self.ask(&format!("element/{element}/click"), &json!({}));
    }

    /// Replaces what is in a field.
    pub(super) fn fill(&self, css: &str, text: &str) {
        let element = self.find(css);
        self.ask(&format!("element/{element}/clear"), &json!({}));
        self.ask(
            &format!("element/{element}/value"),
            &json!({ "text": text }),
        );
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub(super) fn keys(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() }))
        });
        self.strokes(strokes.collect());
    }

    /// Presses a key while another one is held.
    pub(super) fn chord(&self, held: &str, key: &str) {
        let stroke = |kind: &str, key: &str| json!({ "type": kind, "value": key });
        self.strokes(vec![
            stroke("keyDown", held),
            stroke("keyDown", key),
            stroke("keyUp", key),
            stroke("keyUp", held),
        ]);
    }

    fn strokes(&self, strokes: Vec<Value>) {
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.ask("actions", &json!({ "actions": [keyboard] }));
    }

    /// Goes from one thing to the next until the focus is on one that matches.
    pub(super) fn tab_to(&self, css: &str) {
        for _ in 0..60 {
            self.keys(TAB);
            let is_there = format!("return document.activeElement.matches({css:?})");
            if self.run(&is_there) == Value::Bool(true) {
                return;
            }
        }
        panic!("no key leads to '{css}'");
    }

    /// Runs a script.
    pub(super) fn run(&self, script: &str) -> Value {
        self.ask("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Opens another window and goes there; returns how to come back.
    pub(super) fn new_window(&self) -> [String; 2] {
        let before = self.tell("window").as_str().unwrap().to_owned();
        let made = self.ask("window/new", &json!({ "type": "window" }));
        let handle = made["handle"].as_str().unwrap().to_owned();
        self.switch(&handle);
        [before, handle]
    }

    pub(super) fn switch(&self, window: &str) {
        self.ask("window", &json!({ "handle": window }));
    }

    /// Makes the window so wide, and says that the reader prefers `light` or `dark`.
    pub(super) fn show_as(&self, width: u32, scheme: &str) {
        self.ask("window/rect", &json!({ "width": width, "height": 900 }));
        let media = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.ask(
            "goog/cdp/execute",
            &json!({
                "cmd": "Emulation.setEmulatedMedia", "params": { "features": media },
            }),
        );
    }

    /// Keeps a picture of the page, in `target/<profile>/pages`.
    pub(super) fn picture(&self, name: &str) {
        let picture = self.tell("screenshot");
        let bytes = unbase64(picture.as_str().unwrap());
        let program = std::env::current_exe().unwrap();
        let dir: PathBuf = program.ancestors().nth(2).unwrap().join("pages");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(format!("{name}.png")), bytes).unwrap();
    }

    /// Checks that the console has nothing to complain of, the policy included.
    pub(super) fn check_console(&self) {
        let entries = self.ask("se/log", &json!({ "type": "browser" }));
        for entry in entries.as_array().unwrap() {
            let message = entry["message"].as_str().unwrap_or_default();
            let is_expected = self
                .expected
                .iter()
                .any(|expected| message.contains(expected));
            assert!(is_expected, "the console says: {message}");
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Also after a failed test, and whatever comes of it: a driver that is killed leaves its
        // browser behind.
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
            let (session, host) = (&self.session, self.address);
            let _ = write!(
                stream,
                "DELETE /session/{session} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
            );
            let _ = BufReader::new(stream).read_line(&mut String::new());
        }
        // It may have ended by itself; then there is nothing to end.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn id(element: &Value) -> String {
    element[ELEMENT].as_str().unwrap().to_owned()
}

/// Finds a program.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Reads on which port the driver listens.
fn port(driver: &mut Child) -> u16 {
    let out = BufReader::new(driver.stdout.take().unwrap());
    for line in out.lines() {
        let line = line.unwrap();
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return port.trim_end_matches('.').parse().unwrap();
        }
    }
    panic!("chromedriver did not start");
}

fn unbase64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u32> = text
        .bytes()
        .filter(|byte| *byte != b'=')
        .map(digit)
        .collect();
    let bytes = digits.chunks(4).flat_map(|four| {
        let number =
            four.iter().fold(0, |number, digit| number << 6 | digit) << (6 * (4 - four.len()));
        number.to_be_bytes()[1..four.len()].to_vec()
    });
    bytes.collect()
}
