//! Pages show what somebody may see, and nothing else.

use super::browser::Browser;
use super::{Site, fill, http};
use crate::service::{AccessConfig, Config, Data, Entry, Principal, Rules};

const RULES: &str = r#"
    [[rule]]
    principal = "ada"
    right = "admin"

    [[rule]]
    principal = "bob"
    repo = "main"
    branch = "main"
    path = "docs"
    right = "write"

    [[rule]]
    principal = "anonymous"
    repo = "main"
    branch = "main"
    path = "names"
    right = "read"
"#;

/// A site with rules, and a token for each of two.
fn guarded(dir: &std::path::Path) -> (Site, [String; 2]) {
    let site = Site::with(Config {
        access: AccessConfig {
            entry: Entry::Rules,
            rules: Rules::parse(RULES).unwrap(),
            ..AccessConfig::default()
        },
        ..Config::new(Data::Dir(dir.join("data")))
    });
    site.here(fill);
    let token = |name: &str| {
        let tokens = site.server.access().tokens().unwrap();
        tokens
            .create(&Principal::new(name).unwrap(), 0, None)
            .unwrap()
            .1
    };
    let tokens = ["ada", "bob"].map(token);
    (site, tokens)
}

fn logged_in(site: &Site, token: &str) -> http::Client {
    let mut client = http::Client::new(site.address);
    let answer = client.post("/login", "/login", &format!("token={token}&to=/r/main"));
    assert_eq!((answer.status, answer.header("location")), (303, "/r/main"));
    client
}

#[test]
fn who_did_not_log_in_sees_what_everybody_may_see() {
    let dir = tempfile::tempdir().unwrap();
    let (site, _) = guarded(dir.path());
    let page = http::get(site.address, "/r/main/tree/main").text();
    assert!(page.contains("names") && !page.contains("docs") && !page.contains("config"));
    let overview = http::get(site.address, "/r/main").text();
    assert!(
        !overview.contains("draft")
            && !overview.contains("feature/lists")
            && !overview.contains("v1")
    );
    for hidden in [
        "/r/main/tree/main/docs",
        "/r/main/raw/main/docs/readme.txt",
        "/r/main/tree/draft",
        "/r/main/log/draft",
        "/r/main/events?branch=draft",
        "/r/main/commit/draft",
        "/r/main/compare?from=main&to=draft",
        "/r/other",
    ] {
        assert_eq!(http::get(site.address, hidden).status, 404, "{hidden}");
    }
    let log = http::get(site.address, "/r/main/log/main").text();
    assert!(log.contains("Name one") && !log.contains("Call it great"));
    let found = http::get(site.address, "/r/main/search/main?q=e").text();
    assert!(
        found.contains("names/one") && !found.contains("readme") && !found.contains("server.json")
    );
    assert!(
        !http::get(site.address, "/r/main/stats")
            .text()
            .contains("On disk")
    );
}

#[test]
fn who_may_write_somewhere_writes_there_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let (site, [ada, bob]) = guarded(dir.path());
    let mut bob = logged_in(&site, &bob);
    assert!(
        bob.get("/r/main/tree/main/docs/readme.txt")
            .text()
            .contains("/edit/main/docs/readme.txt")
    );
    assert!(
        !bob.get("/r/main/tree/main/names/one")
            .text()
            .contains("/edit/")
    );
    let written = bob.post(
        "/login",
        "/r/main/edit/main/docs/new",
        "seen=absent&text=hi&path=docs/new",
    );
    assert_eq!(written.status, 303, "{}", written.text());
    let refused = bob.post(
        "/login",
        "/r/main/edit/main/names/new",
        "seen=absent&text=hi",
    );
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(
        bob.post("/login", "/r/main/branches", "name=x&from=main")
            .status,
        403
    );
    assert!(site.get("main", "names/new").is_none());
    let commit = logged_in(&site, &ada).get("/r/main/commit/main").text();
    assert!(commit.contains("Made through the server by") && commit.contains("bob"));
}

#[test]
fn a_token_is_kept_out_of_reach_and_forgotten_on_leaving() {
    let dir = tempfile::tempdir().unwrap();
    let (site, [ada, _]) = guarded(dir.path());
    let mut client = http::Client::new(site.address);
    let answer = client.post(
        "/login",
        "/login",
        &format!("token={ada}&to=//evil.example/"),
    );
    assert_eq!(answer.header("location"), "/");
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    assert!(client.get("/r/main").text().contains("You are </span>ada"));
    assert_eq!(client.post("/r/main", "/logout", "").status, 303);
    assert!(!client.get("/r/main").text().contains("You are"));
    assert_eq!(
        client.post("/login", "/login", "token=irmin_bad").status,
        401
    );
}

#[test]
fn a_token_that_is_no_longer_good_leads_to_the_login_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let (site, [ada, _]) = guarded(dir.path());
    let mut client = logged_in(&site, &ada);
    let tokens = site.server.access().tokens().unwrap();
    for token in tokens.list().unwrap().iter() {
        tokens.revoke(&token.id).unwrap();
    }
    let answer = client.get("/r/main/log/main?start=1");
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, "/login?to=%2Fr%2Fmain%2Flog%2Fmain%3Fstart%3D1")
    );
    assert_eq!(client.get(answer.header("location")).status, 200);
}

#[test]
fn logging_in_and_out_works_in_a_browser() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (site, [ada, _]) = guarded(dir.path());
    browser.open(&site.url("/r/main"));
    browser.press("Log in");
    browser.fill("#token", &ada);
    browser.click("main button");
    browser.see("Branches");
    browser.open(&site.url("/r/main"));
    browser.see("draft");
    assert_eq!(browser.run("return document.cookie"), "");
    browser.press("Log out");
    browser.see("Branches");
    assert_eq!(
        browser.run("return document.body.textContent.includes('draft')"),
        false
    );
    browser.check_console();
}
