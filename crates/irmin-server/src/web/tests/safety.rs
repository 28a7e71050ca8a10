//! What a page of another site, or a value, cannot do.

use super::browser::Browser;
use super::{Site, http};

#[test]
fn every_answer_has_the_policy_and_no_page_has_anything_inline() {
    let site = Site::full();
    for path in [
        "/",
        "/repositories",
        "/r/main",
        "/r/main/tree/main",
        "/r/main/tree/main/data/page.html",
        "/login",
        "/r/main/log/main",
        "/r/main/stats",
        "/r/main/merge?into=main&from=draft",
        "/r/none",
        "/none",
        "/r/main/raw/main/data/page.html",
        "/r/main/compare?from=main&to=draft",
    ] {
        let answer = http::get(site.address, path);
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        if answer.header("content-type").starts_with("text/html") {
            let page = answer.text();
            let tags = page
                .split('<')
                .skip(1)
                .filter_map(|tag| tag.split_once('>'));
            for (tag, _) in tags {
                let mut attributes = tag.split(' ').filter_map(|part| part.split_once('='));
                let is_inline =
                    attributes.any(|(name, _)| name == "style" || name.starts_with("on"));
                assert!(!is_inline, "{path}: <{tag}>");
                assert!(
                    !tag.starts_with("script") || tag.contains("src=\"/assets/"),
                    "{path}: <{tag}>"
                );
                assert!(
                    !tag.contains("\"http"),
                    "{path} loads from elsewhere: <{tag}>"
                );
            }
        }
    }
}

#[test]
fn bytes_of_values_are_downloads_and_images_only_where_they_are_images() {
    let site = Site::full();
    for (path, media_type) in [
        ("data/page.html", "application/octet-stream"),
        ("data/drawing.svg?image", "application/octet-stream"),
        ("images/dot.png", "application/octet-stream"),
        ("images/dot.png?image", "image/png"),
    ] {
        let answer = http::get(site.address, &format!("/r/main/raw/main/{path}"));
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, media_type),
            "{path}"
        );
        assert!(
            answer
                .header("content-disposition")
                .starts_with("attachment;"),
            "{path}"
        );
        assert!(
            answer.header("content-security-policy").contains("sandbox"),
            "{path}"
        );
    }
    let answer = http::get(site.address, "/r/main/raw/main/docs/readme.txt");
    assert!(answer.text().contains("a great pillar"));
    assert_eq!(http::get(site.address, "/r/main/raw/main/docs").status, 400);
}

#[test]
fn a_page_kept_as_a_value_never_runs_here() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let site = Site::full();
    for name in ["page.html", "drawing.svg"] {
        browser.open(&site.url(&format!("/r/main/tree/main/data/{name}")));
        browser.see("it ran");
        assert_ne!(browser.title(), "it ran");
        // A download leaves the browser where it is.
        browser.press("Download");
        browser.run(&format!("location.href = '/r/main/raw/main/data/{name}'"));
        browser.see("it ran");
        assert!(browser.url().contains("/tree/") && browser.title() != "it ran");
    }
    browser.check_console();
}

#[test]
fn forms_need_our_origin_and_the_token_of_the_browser() {
    let site = Site::full();
    let mut client = http::Client::new(site.address);
    client.get("/r/main");
    let fields = "name=made&from=main";
    assert_eq!(client.ask("POST", "/r/main/branches", fields).status, 403);
    let mut other = http::Client::new(site.address);
    let page = other.get("/r/main").text();
    let token = page
        .split("name=\"form_token\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let stolen = format!("{fields}&form_token={token}");
    assert_eq!(client.ask("POST", "/r/main/branches", &stolen).status, 403);
    let cookies = other.cookies.join("; ");
    for bad in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let headers = [("cookie", cookies.as_str()), bad];
        let answer = http::request(
            site.address,
            "POST",
            "/r/main/branches",
            &headers,
            stolen.as_bytes(),
        );
        assert_eq!(answer.status, 403, "{bad:?}");
    }
    assert!(site.here(|scope| scope.head("made")).is_none());
    assert_eq!(
        client.post("/r/main", "/r/main/branches", fields).status,
        303
    );
    assert!(site.here(|scope| scope.head("made")).is_some());
}

#[test]
fn names_that_look_like_markup_are_names() {
    let site = Site::full();
    site.set("main", "<img src=x onerror=alert(1)>/\"&'", "x");
    let page = http::get(site.address, "/r/main/tree/main").text();
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;") && !page.contains("<img src=x"));
    let found = http::get(site.address, "/r/main/search/main?q=%3Cimg%20src%3Dx%3E").text();
    assert!(!found.contains("<img src=x"));
}
