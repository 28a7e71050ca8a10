//! Every page, in every dress.

use super::browser::Browser;
use super::{Site, http};

/// The pages, with names for pictures and what each must say.
const PAGES: [(&str, &str, &str); 17] = [
    ("repositories", "/repositories", "Repositories"),
    ("overview", "/r/main", "feature/lists"),
    ("tree", "/r/main/tree/main", "docs/"),
    (
        "text",
        "/r/main/tree/main/docs/readme.txt",
        "a great pillar",
    ),
    ("json", "/r/main/tree/main/config/server.json", "\"ports\""),
    ("image", "/r/main/tree/main/images/dot.png", "Download"),
    ("hex", "/r/main/tree/main/data/noise", "00000010"),
    ("markup", "/r/main/tree/main/data/page.html", "<script>"),
    (
        "edit",
        "/r/main/edit/main/docs/readme.txt",
        "Commit to main",
    ),
    ("remove", "/r/main/remove/main/docs", "stays in the history"),
    ("history", "/r/main/log/main", "Merge the lists"),
    ("path-history", "/r/main/log/main/docs", "Call it great"),
    ("commit", "/r/main/commit/main", "Call it great"),
    (
        "compare",
        "/r/main/compare?from=main&to=draft",
        "only on draft",
    ),
    (
        "merge",
        "/r/main/merge?into=main&from=draft",
        "docs/readme.txt",
    ),
    ("search", "/r/main/search/main?q=READ", "docs/readme.txt"),
    ("stats", "/r/main/stats", "Commits over time"),
];

#[test]
fn every_page_is_shown_light_dark_and_narrow_without_a_complaint_of_the_console() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let site = Site::full();
    for (name, path, says) in PAGES {
        browser.open(&site.url(path));
        browser.see(says);
        for (dress, width, scheme) in [
            ("light", 1200, "light"),
            ("dark", 1200, "dark"),
            ("narrow", 420, "light"),
        ] {
            browser.show_as(width, scheme);
            browser.picture(&format!("{name}-{dress}"));
            let spills = browser.run(
                "return document.documentElement.scrollWidth > document.documentElement.clientWidth",
            );
            assert_eq!(spills, false, "{name} {dress} is wider than its window");
        }
        let unnamed = browser.run(
            "return [...document.querySelectorAll('input:not([type=hidden]), select, textarea, img, svg[role], button, a')] \
               .filter(e => !(e.labels?.length || e.hasAttribute('alt') || e.getAttribute('aria-label') || e.textContent.trim())) \
               .map(e => e.outerHTML)",
        );
        assert_eq!(
            unnamed,
            serde_json::json!([]),
            "{name} has things without a name"
        );
        assert_eq!(
            browser.run("return document.querySelectorAll('h1').length == 1"),
            true,
            "{name}"
        );
    }
    browser.check_console();
}

#[test]
fn an_image_is_drawn_and_the_graph_has_a_line_for_each_parent() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let site = Site::full();
    browser.open(&site.url("/r/main/tree/main/images/dot.png"));
    browser.find(".value img");
    assert_eq!(
        browser.run("return document.querySelector('.value img').naturalWidth"),
        1
    );
    browser.open(&site.url("/r/main/log/main"));
    browser.see("merge of 2");
    let paths = browser.run("return document.querySelectorAll('.log .graph').length");
    assert_eq!(
        paths,
        browser.run("return document.querySelectorAll('.log li').length")
    );
    assert!(browser.run("return document.querySelectorAll('.graph circle.hollow').length") == 1);
    browser.check_console();
}

#[test]
fn what_is_not_there_is_said_to_be_not_there() {
    let site = Site::full();
    for path in [
        "/r/none",
        "/r/main/tree/none",
        "/r/main/tree/main/none",
        "/r/main/commit/0123456789",
        "/r/main/compare?from=x&to=y",
        "/r/main/edit/v1~1/x",
        "/r/main/tree/main/..",
        "/r/%ff",
        "/r/main/merge?into=none",
        "/none",
    ] {
        let answer = http::get(site.address, path);
        assert!(
            (400..500).contains(&answer.status),
            "{path}: {}",
            answer.status
        );
    }
}

#[test]
fn a_page_of_history_is_small_and_older_ones_stay_while_the_branch_goes_on() {
    let site = Site::empty();
    for number in 0..70 {
        site.set("main", "count", &number.to_string());
    }
    let first = http::get(site.address, "/r/main/log/main").text();
    assert_eq!(first.matches("<circle").count(), 60);
    assert!(first.len() < 48 << 10, "{} bytes", first.len());
    let link = first
        .split("rel=\"next\"")
        .next()
        .unwrap()
        .rsplit("href=\"")
        .next()
        .unwrap();
    let link = link.split('"').next().unwrap();
    site.set("main", "count", "more");
    let second = http::get(site.address, link).text();
    assert_eq!(second.matches("<circle").count(), 10);
    println!("{} bytes for 60 commits", first.len());
}
