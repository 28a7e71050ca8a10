//! News, as they come.

use std::io::BufRead;

use super::browser::Browser;
use super::{Site, http, theirs_wins};

#[test]
fn a_change_is_seen_in_a_second_window_and_the_focus_stays() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let site = Site::full();
    browser.open(&site.url("/r/main/tree/main/docs"));
    browser.find("#live[data-state=on]");
    browser.run("document.querySelector('#entry a[href$=\"readme.txt\"]').focus()");
    let [first, second] = browser.new_window();
    browser.open(&site.url("/r/main/edit/main/docs"));
    browser.fill("#path", "docs/news.txt");
    browser.fill("#text", "News");
    browser.press("Commit to main");
    browser.see("News");
    browser.switch(&first);
    browser.see("news.txt");
    assert_eq!(
        browser.run("return document.activeElement.textContent"),
        "readme.txt"
    );
    browser.switch(&second);
    browser.open(&site.url("/r/main"));
    browser.find("#live[data-state=on]");
    site.here(|scope| scope.create_branch("brand-new", &scope.must_have_head("main")?));
    browser.see("brand-new");
    browser.check_console();
}

#[test]
fn the_graph_and_the_value_follow_a_merge() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let site = Site::full();
    browser.open(&site.url("/r/main/log/main"));
    browser.find("#live[data-state=on]");
    site.here(|scope| scope.merge("main", &theirs_wins("draft")));
    browser.see("Take theirs");
    browser.check_console();
}

/// Reads the ids of so many events.
fn events(site: &Site, path: &str, headers: &[(&str, &str)], count: usize) -> Vec<String> {
    let mut from = http::send(site.address, "GET", path, headers, b"");
    let head = http::head(&mut from);
    assert_eq!(
        (head.status, head.header("content-type")),
        (200, "text/event-stream")
    );
    let ids = from
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("id: ").map(str::to_owned));
    ids.take(count).collect()
}

#[test]
fn who_lost_the_connection_hears_what_it_missed_and_nothing_twice() {
    let site = Site::full();
    let head = |site: &Site| {
        site.here(|scope| scope.must_have_head("main"))
            .id()
            .to_string()
    };
    let mut heads = vec![head(&site)];
    for value in ["1", "2", "3"] {
        site.set("main", "docs/count", value);
        heads.push(head(&site));
    }
    site.set("main", "elsewhere", "x");
    let of_page = format!("/r/main/events?branch=main&path=docs&since={}", heads[0]);
    assert_eq!(events(&site, &of_page, &[], 3), heads[1..]);
    let again = events(&site, &of_page, &[("last-event-id", &heads[2])], 1);
    assert_eq!(again, heads[3..]);
}

#[test]
fn a_place_that_nobody_knows_any_more_is_a_change() {
    let site = Site::full();
    let head = site
        .here(|scope| scope.must_have_head("main"))
        .id()
        .to_string();
    let unknown = "ab".repeat(32);
    let path = format!("/r/main/events?branch=main&since={unknown}");
    assert_eq!(events(&site, &path, &[], 1), [head]);
}

#[test]
fn names_are_told_only_if_they_differ_from_what_the_page_had() {
    let site = Site::full();
    let page = http::get(site.address, "/r/main").text();
    let events_of = |page: &str| {
        let url = page
            .split("data-live=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        url.replace("&amp;", "&")
    };
    let url = events_of(&page);
    site.set("main", "docs/count", "1");
    let now = events_of(&http::get(site.address, "/r/main").text());
    let told = events(&site, &url, &[], 1);
    assert!(now.ends_with(&told[0]), "{now} {told:?}");
}
