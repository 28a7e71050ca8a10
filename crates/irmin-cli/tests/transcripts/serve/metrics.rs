//! `/metrics`, `/healthz`, `/readyz`, and for whom.

use std::collections::{BTreeMap, HashSet};

use super::support::{Served, get, run};

/// Reads the text format strictly, as its specification says, and returns the samples.
fn parse(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'));
    let (mut samples, mut seen) = (BTreeMap::new(), HashSet::new());
    let (mut family, mut kind) = (String::new(), String::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(!help.is_empty() && is_name(name), "{line}");
            assert!(seen.insert(name.to_owned()), "{name} comes twice");
            let declared = lines.next().unwrap();
            let declared = declared.strip_prefix("# TYPE ").unwrap();
            let (again, declared) = declared.split_once(' ').unwrap();
            assert_eq!(again, name);
            assert!(["counter", "gauge", "histogram"].contains(&declared));
            assert_eq!(declared == "counter", name.ends_with("_total"), "{name}");
            (family, kind) = (name.to_owned(), declared.to_owned());
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
            None => (series, ""),
        };
        check_labels(labels);
        let suffixes = ["_bucket", "_sum", "_count"];
        let of_family = match kind.as_str() {
            "histogram" => suffixes
                .iter()
                .any(|suffix| name.strip_suffix(suffix) == Some(family.as_str())),
            _ => name == family,
        };
        assert!(of_family, "{name} is not of {family}");
        let value: f64 = value.parse().unwrap();
        assert!(value >= 0.0);
        assert!(
            samples.insert(series.to_owned(), value).is_none(),
            "{series} comes twice"
        );
    }
    check_histograms(&samples);
    samples
}

fn is_name(name: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    !name.is_empty() && name.bytes().all(is_good)
}

fn check_labels(labels: &str) {
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once('=').unwrap();
        assert!(is_name(name), "{label}");
        assert!(
            value.len() >= 2 && value.starts_with('"') && value.ends_with('"'),
            "{label}"
        );
    }
}

/// Each histogram's counts grow to that of all.
fn check_histograms(samples: &BTreeMap<String, f64>) {
    let all = samples
        .iter()
        .filter(|(series, _)| series.contains("le=\"+Inf\""));
    let mut found = 0;
    for (series, &count) in all {
        found += 1;
        let labels = series.split_once('{').unwrap().1;
        let labels = labels
            .replace(",le=\"+Inf\"}", "")
            .replace("le=\"+Inf\"}", "");
        let name = series.split_once("_bucket").unwrap().0;
        let of_all = match labels.as_str() {
            "" => format!("{name}_count"),
            labels => format!("{name}_count{{{labels}}}"),
        };
        assert_eq!(samples[&of_all], count, "{series}");
        let start = series.split_once("le=").unwrap().0;
        let mut buckets: Vec<(f64, f64)> = samples
            .iter()
            .filter_map(|(series, &count)| {
                let bound = series
                    .strip_prefix(start)?
                    .strip_prefix("le=\"")?
                    .strip_suffix("\"}")?;
                Some((bound.parse().unwrap_or(f64::INFINITY), count))
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{buckets:?}");
        assert_eq!(buckets.len(), 17);
    }
    assert!(found > 0);
}

#[test]
fn the_figures_are_in_the_format_of_prometheus_and_count_what_was_done() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::new(dir.path(), &[]);
    let client = served.client();
    for number in 0..3 {
        assert!(client.set("a", &number.to_string()));
    }
    assert!(client.value("a").is_some());
    let answer = served.get("/metrics");
    assert!(
        answer.headers.contains("text/plain; version=0.0.4"),
        "{}",
        answer.headers
    );
    let samples = parse(&answer.body);
    assert_eq!(samples["irmin_ready"], 1.0);
    assert_eq!(samples["irmin_commits_total"], 3.0);
    assert_eq!(samples["irmin_repositories_open"], 1.0);
    assert_eq!(
        samples["irmin_requests_total{verb=\"commit\",transport=\"grpc\",outcome=\"ok\"}"],
        3.0
    );
    assert_eq!(samples["irmin_request_seconds_count{verb=\"commit\"}"], 3.0);
    assert!(samples["irmin_store_syncs_total{repository=\"main\"}"] >= 3.0);
    assert!(samples.contains_key("irmin_store_cache_hits_total{repository=\"main\"}"));
    assert!(
        samples
            .keys()
            .any(|series| series.starts_with("irmin_build_info{version="))
    );
    assert!(samples["process_resident_memory_bytes"] > 1e6);
}

#[test]
fn metrics_are_for_this_machine_or_administrators_and_elsewhere_for_whom_the_settings_say() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    let token = |name| {
        let args = [
            "token",
            "create",
            "--principal",
            name,
            "--expires",
            "1h",
            "--data",
            data,
        ];
        format!("Authorization: Bearer {}\r\n", run(&args).trim())
    };
    let (root, ada) = (token("root"), token("ada"));
    let rules = dir.path().join("rules.toml");
    let text = "[[rule]]\nprincipal = 'root'\nright = 'admin'\n[[rule]]\nprincipal = 'ada'\nright = 'write'\n";
    std::fs::write(&rules, text).unwrap();
    let args = [
        "--rules",
        rules.to_str().unwrap(),
        "--metrics-listen",
        "tcp://127.0.0.1:0",
        "--metrics-for",
    ];
    for (audience, of_nobody, of_ada, of_root) in [
        ("nobody", 404, 404, 404),
        ("admin", 403, 403, 200),
        ("local", 200, 200, 200),
        ("everybody", 200, 200, 200),
    ] {
        let served = Served::new(dir.path(), &[&args[..], &[audience]].concat());
        let address = served.address("listening", 0);
        for (headers, status) in [("", of_nobody), (&*ada, of_ada), (&*root, of_root)] {
            let answer = get(&address, "/metrics", headers);
            assert_eq!(answer.status, status, "{audience} {}", answer.body);
        }
        let own = served.address("metrics", 0);
        parse(&get(&own, "/metrics", "").body);
        assert_eq!(get(&own, "/readyz", "").status, 200);
        assert_eq!(
            get(&own, "/api/v1/", "").status,
            404,
            "nothing else is there"
        );
    }
}
