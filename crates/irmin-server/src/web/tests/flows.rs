//! What people do, in a real browser.

use super::browser::{Browser, CONTROL, ENTER};
use super::{Site, http};

#[test]
fn a_newcomer_makes_and_changes_a_first_value_with_the_keyboard_alone() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let site = Site::empty();
    browser.open(&site.url("/"));
    browser.see("This repository is empty.");
    browser.picture("empty-light");
    browser.tab_to("main button");
    browser.keys(ENTER);
    browser.see("Hello, world");
    assert_eq!(
        site.get("main", "greetings/en").as_deref(),
        Some("Hello, world\n")
    );
    browser.tab_to("a[href*='/edit/']");
    browser.keys(ENTER);
    browser.find("textarea#text");
    browser.tab_to("textarea");
    browser.chord(CONTROL, "a");
    browser.keys("Good day");
    browser.chord(CONTROL, ENTER);
    browser.see("Good day");
    assert_eq!(
        site.get("main", "greetings/en").as_deref(),
        Some("Good day")
    );
    browser.keys("/");
    browser.keys("greet");
    browser.keys(ENTER);
    browser.see("greetings/en");
    browser.tab_to("main a[href$='greetings/en']");
    browser.keys(ENTER);
    browser.see("Good day");
    browser.check_console();
}

#[test]
fn who_loses_a_race_sees_both_and_decides() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.expected.push("409");
    let site = Site::full();
    browser.open(&site.url("/r/main/edit/main/docs/readme.txt"));
    browser.find("#live[data-state=on]");
    site.set("main", "docs/readme.txt", "Somebody else's\n");
    browser.find("[data-stale]:not([hidden])");
    browser.fill("#text", "Mine\n");
    browser.press("Commit to main");
    browser.see("Somebody was faster.");
    browser.see("Somebody else's");
    browser.picture("race-light");
    assert_eq!(
        site.get("main", "docs/readme.txt").as_deref(),
        Some("Somebody else's\n")
    );
    // Faster once more: also the second try overwrites nothing that was not seen.
    site.set("main", "docs/readme.txt", "Faster again\n");
    browser.press("Save mine over it");
    browser.see("Faster again");
    assert_eq!(
        browser.run("return document.querySelector('#text').value"),
        "Mine\n"
    );
    browser.press("Save mine over it");
    browser.find("#entry");
    browser.see("Mine");
    assert_eq!(
        site.get("main", "docs/readme.txt").as_deref(),
        Some("Mine\n")
    );
    browser.check_console();
}

#[test]
fn conflicts_are_settled_in_the_page() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.expected.push("409");
    let site = Site::full();
    site.set("main", "config/server.json", "{\"name\": \"main\"}");
    browser.open(&site.url("/r/main/compare?from=main&to=draft"));
    browser.press("Merge draft into main");
    browser.see("Both sides changed 2 places");
    browser.find("#live[data-state=on]");
    browser.press("As on draft");
    browser.fill("#text-1", "Both a pillar and a tree.\n");
    browser.picture("settle-light");
    // The branch moves while the choice is made: nothing is merged unseen, no choice is lost.
    site.set("main", "names/four", "x");
    browser.click("main form button.main");
    browser.see("One of the branches moved meanwhile");
    // News reach also a page that is the answer to a form, which its address does not lead to.
    browser.find("#live[data-state=on]");
    site.here(|scope| scope.create_branch("other", &scope.must_have_head("main")?));
    browser.find("[data-stale]:not([hidden])");
    assert_eq!(
        browser.run("return document.querySelector('#own-1').checked"),
        true
    );
    browser.click("main form button.main");
    browser.see("Merge draft into main");
    browser.see("Parents");
    assert_eq!(
        site.get("main", "docs/readme.txt").as_deref(),
        Some("Both a pillar and a tree.\n")
    );
    assert_eq!(
        site.get("main", "config/server.json").as_deref(),
        Some("{\"name\": \"draft\"}")
    );
    assert_eq!(site.get("main", "names/four").as_deref(), Some("x"));
    browser.check_console();
}

#[test]
fn another_branch_is_looked_at_at_the_same_path() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let site = Site::full();
    browser.open(&site.url("/r/main/tree/main/docs/readme.txt"));
    browser.see("a great pillar");
    browser.click("#rev option[value=draft]");
    browser.press("Go");
    browser.see("is a tree");
    assert!(
        browser
            .url()
            .ends_with("/r/main/tree/draft/docs/readme.txt"),
        "{}",
        browser.url()
    );
    browser.check_console();
}

#[test]
fn branches_are_made_merged_and_deleted() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let site = Site::full();
    browser.open(&site.url("/r/main"));
    browser.fill("#branch", "topic/new");
    browser.press("Make it");
    browser.find("#entry");
    browser.press("New value");
    browser.fill("#path", "notes/one");
    browser.fill("#text", "First");
    browser.press("Commit to topic/new");
    browser.see("First");
    browser.open(&site.url("/r/main/merge?into=main&from=topic/new"));
    browser.press("Move main forward");
    browser.see("Add notes/one");
    assert_eq!(site.get("main", "notes/one").as_deref(), Some("First"));
    browser.open(&site.url("/r/main/remove/main/notes/one"));
    browser.press("Remove it");
    browser.find("#entry");
    assert_eq!(site.get("main", "notes/one"), None);
    browser.open(&site.url("/r/main"));
    browser.press("Delete topic/new…");
    browser.click("details[open] button");
    browser.see("Branches");
    assert!(site.here(|scope| scope.head("topic/new")).is_none());
    browser.check_console();
}

#[test]
fn without_scripts_all_of_it_works_but_news_take_a_reload() {
    let Some(browser) = Browser::without_scripts() else {
        return;
    };
    let site = Site::full();
    browser.open(&site.url("/r/main/edit/main/docs/readme.txt"));
    browser.fill("#text", "Without scripts\n");
    browser.press("Commit to main");
    browser.see("Without scripts");
    browser.open(&site.url("/r/main/merge?into=main&from=draft"));
    browser.press("As on draft");
    browser.press("Merge");
    browser.see("Parents");
    assert_eq!(
        site.get("main", "docs/readme.txt").as_deref(),
        Some("An irminsul is a tree.\n")
    );
    browser.check_console();
}

#[test]
fn line_ends_modes_and_first_empty_lines_stay_as_they_are() {
    let site = Site::full();
    let mut client = http::Client::new(site.address);
    for (text, sent) in [
        ("\n\nx\n", "%0D%0A%0D%0Ax%0D%0A"),
        ("a\r\nb\r\n", "a%0D%0Ab%0D%0A"),
        ("end", "end"),
    ] {
        site.set("main", "t", text);
        let page = client.get("/r/main/edit/main/t").text();
        let shown = page
            .split("<textarea")
            .nth(1)
            .unwrap()
            .split_once('>')
            .unwrap()
            .1;
        let shown = shown.split("</textarea>").next().unwrap();
        assert_eq!(shown, format!("\n{text}"));
        let lines = if page.contains("value=\"crlf\"") {
            "&lines=crlf"
        } else {
            ""
        };
        let seen = page
            .split("name=\"seen\" value=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let answer = client.post(
            "/r/main/edit/main/t",
            "/r/main/edit/main/t",
            &format!("seen={seen}&text={sent}y{lines}"),
        );
        assert_eq!(answer.status, 303, "{}", answer.text());
        assert_eq!(site.get("main", "t").as_deref(), Some(&*format!("{text}y")));
    }
}
