use proptest::prelude::*;

use super::*;
use crate::{
    CommitData, CommitGraph, CommitInfo, Durability, Key, MemoryStore, ObjectStore, RefEdit,
    RefStore, Signature,
};

/// A store with commits, and what they are called.
struct Fixture {
    store: MemoryStore,
    graph: CommitGraph,
}

impl Fixture {
    fn new() -> Self {
        Self {
            store: MemoryStore::new(),
            graph: CommitGraph::new(),
        }
    }

    fn commit(&self, parents: &[Id], seconds: i64) -> Id {
        let generation = |id: &Id| self.store.get(&Key::from(*id)).unwrap().unwrap().generation;
        let generation = parents.iter().map(generation).max().unwrap_or(0) + 1;
        let author = Signature::new("A", "a@b", Time::utc(seconds)).unwrap();
        let commit = CommitData {
            tree: Id::of(b"tree").into(),
            parents: parents.iter().map(|&id| id.into()).collect(),
            info: CommitInfo::new(author, format!("{parents:?}")),
        };
        let encoded = commit.encode().unwrap();
        self.store.put_many(&[encoded.object(generation)]).unwrap();
        encoded.id
    }

    fn name(&self, name: impl Into<String>, id: Id) {
        let edit = RefEdit {
            name: name.into(),
            expected: None,
            new: Some(id),
        };
        self.store
            .compare_and_swap(&[edit], Durability::None)
            .unwrap();
    }

    fn resolve(&self, text: &str) -> Result<Id, RevisionError> {
        let current = BranchName::new("main").unwrap();
        text.parse::<Revision>()?
            .resolve(&self.store, &self.graph, &current)
    }

    fn error(&self, text: &str) -> String {
        self.resolve(text).unwrap_err().to_string()
    }
}

/// Five commits on `main`, the fourth a merge, made on the first five days of November 2026.
fn history() -> (Fixture, [Id; 6]) {
    let fixture = Fixture::new();
    let day = |number: i64| 1_793_491_200 + (number - 1) * 86_400;
    let one = fixture.commit(&[], day(1));
    let two = fixture.commit(&[one], day(2));
    let side = fixture.commit(&[one], day(2) + 3_600);
    let three = fixture.commit(&[two], day(3));
    let merge = fixture.commit(&[three, side], day(4));
    let five = fixture.commit(&[merge], day(5));
    fixture.name("heads/main", five);
    fixture.name("heads/feature/side", side);
    fixture.name("tags/v1", two);
    fixture.name("remotes/origin/main", three);
    (fixture, [one, two, side, three, merge, five])
}

#[test]
fn steps_lead_where_they_say() {
    let (fixture, [one, two, side, three, merge, five]) = history();
    for (text, id) in [
        ("@", five),
        ("HEAD", five),
        ("@~", merge),
        ("main", five),
        ("main~0", five),
        ("main^0", five),
        ("main~", merge),
        ("main^^", three),
        ("main~1^2", side),
        ("main^^2^", one),
        ("main~4", one),
        ("main~2~2", one),
        ("feature/side", side),
        ("heads/feature/side", side),
        ("refs/heads/feature/side~", one),
        ("v1", two),
        ("tags/v1", two),
        ("origin/main", three),
        ("remotes/origin/main^", two),
        ("main@2026-11-01", one),
        ("main@2026-11-02T00:00Z", two),
        ("main@2026-11-02T00:00:01+00:00", two),
        ("main@2026-11-02T00:59+01:00", one),
        ("main@2026-11-03T12:00Z~2", one),
        ("main~@2026-11-03", three),
        ("@2026-11-04", merge),
        ("@@2026-11-04^2", side),
        ("main@2026-11-04@2026-11-02", two),
    ] {
        assert_eq!(fixture.resolve(text).unwrap(), id, "{text}");
    }
}

#[test]
fn ids_are_found_by_their_start() {
    let (fixture, [one, .., five]) = history();
    let text = five.to_string();
    for digits in [8, 12, 63, 64] {
        assert_eq!(fixture.resolve(&text[..digits]).unwrap(), five);
    }
    assert_eq!(fixture.resolve(&text.to_uppercase()).unwrap(), five);
    assert_eq!(fixture.resolve(&format!("{}~4", &text[..10])).unwrap(), one);
    let nowhere = Id::of(b"nowhere").to_string();
    assert_eq!(
        fixture.error(&nowhere),
        format!("unknown revision '{nowhere}'")
    );
    assert!(fixture.error(&nowhere[..8]).starts_with("unknown revision"));
}

#[test]
fn a_branch_wins_over_a_tag_a_remote_and_the_start_of_an_id_but_not_over_a_whole_id() {
    let (fixture, [one, two, side, .., five]) = history();
    let start = &five.to_string()[..8];
    assert_eq!(fixture.resolve(start).unwrap(), five);
    fixture.name(format!("remotes/{start}"), side);
    assert_eq!(fixture.resolve(start).unwrap(), side);
    fixture.name(format!("tags/{start}"), two);
    assert_eq!(fixture.resolve(start).unwrap(), two);
    fixture.name(format!("heads/{start}"), one);
    assert_eq!(fixture.resolve(start).unwrap(), one);
    fixture.name(format!("heads/{five}"), one);
    assert_eq!(fixture.resolve(&five.to_string()).unwrap(), five);

    fixture.name("heads/tags/v1", one);
    assert_eq!(
        fixture.resolve("tags/v1").unwrap(),
        two,
        "a full name first"
    );
    assert_eq!(fixture.resolve("heads/tags/v1").unwrap(), one);
}

#[test]
fn an_ambiguous_start_lists_the_candidates() {
    let fixture = Fixture::new();
    // Among 1,000 commits some share their first four digits.
    let mut ids: Vec<String> = (0..1_000)
        .map(|second| fixture.commit(&[], second).to_string())
        .collect();
    ids.sort();
    let pair = ids
        .windows(2)
        .find(|pair| pair[0][..4] == pair[1][..4])
        .unwrap();
    let error = fixture.resolve(&pair[0][..4]).unwrap_err();
    assert!(matches!(&error, RevisionError::Ambiguous { candidates, .. } if candidates.len() >= 2));
    let text = error.to_string();
    assert!(text.starts_with(&format!(
        "'{}' is ambiguous: {}, ",
        &pair[0][..4],
        &pair[0][..12]
    )));
    assert!(text.contains(&pair[1][..12]), "{text}");
}

#[test]
fn a_name_that_looks_like_a_time_is_found_in_full() {
    let (fixture, [one, two, ..]) = history();
    fixture.name("heads/backup@2026-11-01", one);
    fixture.name("heads/joe@work", two);
    assert_eq!(
        fixture.resolve("refs/heads/backup@2026-11-01").unwrap(),
        one
    );
    assert_eq!(fixture.resolve("joe@work").unwrap(), two);
    assert_eq!(fixture.resolve("joe@work@2026-11-01T12:00Z").unwrap(), one);
    let error = fixture.error("backup@2026-11");
    assert!(error.contains("refs/heads/…"), "{error}");
}

#[test]
fn errors_say_what_there_is_instead() {
    let (fixture, [one, ..]) = history();
    for (text, error) in [
        ("mian", "unknown revision 'mian'; did you mean 'main'?"),
        ("Main", "unknown revision 'Main'; did you mean 'main'?"),
        (
            "heads/mani",
            "unknown revision 'heads/mani'; did you mean 'heads/main'?",
        ),
        ("v2", "unknown revision 'v2'; did you mean 'tags/v1'?"),
        ("nothing-like-it", "unknown revision 'nothing-like-it'"),
        (
            "main~9",
            "there is no 'main~9': 'main' has 4 ancestors on its first-parent line",
        ),
        (
            "main~2~3",
            "there is no 'main~2~3': 'main~2' has 2 ancestors on its first-parent line",
        ),
        (
            "v1~~",
            "there is no 'v1~~': 'v1~' has no ancestor on its first-parent line",
        ),
        ("main^2", "there is no 'main^2': 'main' has 1 parent"),
        ("main~^3~9", "there is no 'main~^3': 'main~' has 2 parents"),
        ("main~4^", "there is no 'main~4^': 'main~4' has no parent"),
        (
            "v1@2026-10-31",
            "'v1' has no commit at or before 2026-10-31T00:00:00Z",
        ),
    ] {
        assert_eq!(fixture.error(text), error, "{text}");
    }
    fixture
        .store
        .compare_and_swap(
            &[RefEdit {
                name: "heads/main".into(),
                expected: fixture.resolve("@").ok(),
                new: None,
            }],
            Durability::None,
        )
        .unwrap();
    assert_eq!(fixture.error("@~"), "branch 'main' has no commit yet");
    assert_eq!(fixture.resolve("v1~").unwrap(), one);
}

#[test]
fn bad_text_is_refused_with_the_place() {
    for (text, offset) in [
        ("", 0),
        ("~1", 0),
        ("^", 0),
        ("-x", 0),
        ("a b", 1),
        ("a..b", 0),
        ("main:x", 4),
        ("main~x", 5),
        ("main^-1", 5),
        ("main~99999999999", 5),
        ("main@{1}", 0),
        ("main@2026-13-01", 10),
        ("main@2026-11-01T25:00", 16),
        ("main~@yesterday", 6),
        ("main~2@", 7),
        ("@x~@", 4),
        ("refs/", 0),
        ("héads/é*", 9),
    ] {
        let error = text.parse::<Revision>().unwrap_err();
        let place = match &error {
            RevisionError::Syntax { offset, .. } | RevisionError::Time { offset, .. } => *offset,
            _ => panic!("{error}"),
        };
        assert_eq!(place, offset, "{text}: {error}");
    }
    assert!("x~".repeat(REVISION_BYTES_MAX).parse::<Revision>().is_err());
    let steps = format!("x{}", "~".repeat(REVISION_BYTES_MAX - 1));
    assert!(steps.parse::<Revision>().is_ok());
}

#[test]
fn names_and_ids_become_revisions_that_mean_nothing_else() {
    let name = RefName::new("heads/a@2026-11-01").unwrap();
    let revision = Revision::from(&name);
    assert_eq!(revision.to_string(), "refs/heads/a@2026-11-01");
    assert_eq!(revision.to_string().parse::<Revision>().unwrap(), revision);
    let revision = Revision::from(Id::of(b"x"));
    assert_eq!(revision.to_string().parse::<Revision>().unwrap(), revision);
    assert_eq!(
        Revision::current().to_string().parse::<Revision>().unwrap(),
        Revision::current()
    );
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<u32>().prop_map(Step::Back),
        (0_u32..3).prop_map(Step::Parent),
        (any::<i64>(), -5999_i16..=5999)
            .prop_map(|(seconds, offset)| Step::At(Time::new(seconds, offset).unwrap())),
    ]
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(
        name in prop::option::of("[a-z]{1,4}(/[a-z@0-9-]{1,3}x)?|refs/heads/a@2026-11-01"),
        steps in prop::collection::vec(steps(), 0..4),
    ) {
        // A time cannot follow a verbatim name at once: it would be part of the name.
        let is_verbatim = name.as_ref().is_some_and(|name| name.starts_with("refs/"));
        prop_assume!(!(is_verbatim && matches!(steps.first(), Some(Step::At(_)))));
        let base = name.map_or(Base::Current, Base::Name);
        let revision = Revision { base, steps };
        let text = revision.to_string();
        prop_assert_eq!(text.parse::<Revision>().unwrap(), revision, "{}", text);
    }

    #[test]
    fn text_that_is_read_prints_as_something_that_reads_the_same(
        text in "[@~^/:a-c0-9TZ+.-]{0,12}(@[0-9]{4}-1[0-2]-0[1-9](T1[0-9]:[0-5]0)?)?[~^]?",
    ) {
        if let Ok(revision) = text.parse::<Revision>() {
            let printed = revision.to_string();
            prop_assert_eq!(printed.parse::<Revision>().unwrap(), revision, "{}", printed);
        }
    }

    #[test]
    fn no_text_makes_reading_or_resolving_panic(text: String, known in "(main|v1|@)?[~^@0-9-]{0,8}") {
        let (fixture, _) = history();
        let _ = fixture.resolve(&text);
        let _ = fixture.resolve(&known);
    }
}
