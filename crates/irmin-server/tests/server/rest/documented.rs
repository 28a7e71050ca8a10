//! `docs/rest.md` is true: its commands run in order, and say what it says.

use super::curl::{Served, bash};

/// Returns the blocks of a page that are in a language or another, with it.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("\n```") {
        let Some((language, after)) = after.split_once('\n') else {
            break;
        };
        let Some((text, after)) = after.split_once("```") else {
            break;
        };
        found.push((language, text));
        rest = after;
    }
    found
}

/// Replaces ids and times, which are others each time.
fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for letter in text.chars().chain(['\n']) {
        if letter.is_ascii_alphanumeric() || "-:".contains(letter) && is_time(&word) {
            word.push(letter);
            continue;
        }
        match word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            true => out.push('…'),
            false if is_time(&word) && word.ends_with('Z') => out.push('…'),
            false => out.push_str(&word),
        }
        word.clear();
        out.push(letter);
    }
    out.trim().to_owned()
}

/// Tells whether a word may be the beginning of a time.
fn is_time(word: &str) -> bool {
    word.len() >= 4 && word.bytes().take(4).all(|byte| byte.is_ascii_digit())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_page_say_what_it_says() {
    let page = include_str!("../../../../../docs/rest.md");
    let served = Served::open("tcp://127.0.0.1:0").await;
    let dir = tempfile::tempdir().expect("a directory");
    let mut last = String::new();
    let mut ran = 0;
    for (language, text) in blocks(page) {
        match language {
            "sh" => {
                let output = bash(text, &served.url, dir.path()).await;
                let err = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{text}\n{err}");
                last = String::from_utf8_lossy(&output.stdout).into_owned();
                ran += 1;
            }
            "text" => assert_eq!(masked(&last), masked(text)),
            _ => {}
        }
    }
    assert!(ran > 8, "{ran}");
    served.stop().await;
}
