use proptest::prelude::*;

use super::*;

fn signature(name: &str, seconds: i64, offset: i16) -> Signature {
    let time = Time::new(seconds, offset).unwrap();
    Signature::new(name.to_owned(), format!("{name}@example.org"), time).unwrap()
}

fn small() -> CommitData {
    CommitData {
        tree: Id::of(b"tree").into(),
        parents: vec![Id::of(b"one").into(), Id::of(b"two").into()],
        info: CommitInfo {
            author: signature("Ada", 1_793_523_600, 60),
            committer: signature("Bob", 1_793_523_660, -90),
            message: "Merge the engine\n\nWhy not.\n".into(),
            extra: vec![("gpgsig".into(), "line\nline".into())],
        },
    }
}

fn encode(commit: &CommitData) -> Vec<u8> {
    commit.encode().unwrap().bytes.to_vec()
}

fn decode(bytes: Vec<u8>) -> Result<CommitData, DecodeError> {
    CommitData::decode(&bytes.into())
}

/// Pins format version 1: a change of this id is a new format.
#[test]
fn the_encoding_is_pinned_to_the_byte() {
    let mut commit = small();
    let hex: String = encode(&commit).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex.len(), 2 * 219);
    assert!(
        hex.starts_with("0104dc9c5edb8b2d479e697b4b0b8ab874f32b325138598ce9e7b759eb8292110622")
    );
    let id = commit.encode().unwrap().id.to_string();
    assert_eq!(
        id,
        "5268c7d54d3efb3574e6ee808a57b189508d4b50fd14b9db72e9bd29e34e982e"
    );
    commit.info.committer = commit.info.author.clone();
    commit.info.extra.clear();
    commit.parents.clear();
    let id = commit.encode().unwrap().id.to_string();
    assert_eq!(
        id,
        "76c5c847a192fccd377abd2d8944bc9827e99ad96997bc3cf11f4a8e92aafe05"
    );
}

#[test]
fn links_are_the_tree_then_the_parents_and_locators_come_back() {
    let commit = small();
    let encoded = commit.encode().unwrap();
    let ids: Vec<Id> = encoded.links.iter().map(|key| key.id).collect();
    assert_eq!(ids, [Id::of(b"tree"), Id::of(b"one"), Id::of(b"two")]);
    let object = encoded.object(7);
    assert_eq!((object.kind, object.generation), (Kind::Commit, 7));

    let place = crate::Locator(std::num::NonZeroU64::MIN);
    let stored = Stored {
        region: None,
        cut: Cut::NONE,
        bytes: encoded.bytes,
        links: vec![None, Some(place), None],
        generation: 7,
    };
    let read = CommitData::from_stored(&stored).unwrap();
    assert_eq!(read.tree.locator, None);
    assert_eq!(read.parents[0].locator, Some(place));
    assert_eq!(read.parents[1], commit.parents[1]);
}

#[test]
fn every_truncation_and_every_trailing_byte_is_refused() {
    let bytes = encode(&small());
    for length in 0..bytes.len() {
        assert!(decode(bytes[..length].to_vec()).is_err(), "{length}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert_eq!(decode(longer).unwrap_err().offset, 219);
}

#[test]
fn a_committer_equal_to_the_author_has_one_encoding() {
    let mut commit = small();
    commit.parents.clear();
    commit.info.committer = commit.info.author.clone();
    let short = encode(&commit);
    let author = 2 + 32 + 2;
    let flag = author + (2 + 3) + (2 + 15) + 8 + 2;
    assert_eq!(short[flag], 0);
    let mut long = short[..flag].to_vec();
    long.push(1);
    long.extend_from_slice(&short[author..flag]);
    long.extend_from_slice(&short[flag + 1..]);
    let error = decode(long).unwrap_err();
    assert_eq!(error.offset, flag);
}

#[test]
fn what_breaks_a_rule_is_neither_written_nor_read() {
    for key in [
        "",
        "tree",
        "parent",
        "author",
        "committer",
        "a b",
        "a\nb",
        "a\0b",
    ] {
        let mut commit = small();
        commit.info.extra = vec![(key.as_bytes().to_vec().into(), Bytes::new())];
        let error = commit.encode().unwrap_err();
        assert!(matches!(error, CommitError::HeaderKey { .. }), "{error}");
    }
    let mut commit = small();
    commit.parents = vec![commit.tree; PARENTS_MAX + 1];
    assert!(matches!(commit.encode(), Err(CommitError::TooLarge { .. })));
    commit.parents.pop();
    assert_eq!(decode(encode(&commit)).unwrap(), commit);
    commit.info.message = vec![0; MESSAGE_BYTES_MAX + 1].into();
    assert!(commit.encode().is_err());

    for (bad, place) in [("Ad<", 102), ("A\0a", 102), ("a\nb", 102)] {
        let mut bytes = encode(&small());
        let at = 2 + 32 + 2 + 64;
        bytes[at + 2..at + 5].copy_from_slice(bad.as_bytes());
        assert_eq!(decode(bytes).unwrap_err().offset + 2, place);
    }
}

#[test]
fn the_subject_is_the_first_line() {
    let mut info = small().info;
    assert_eq!(info.subject(), "Merge the engine");
    info.message = Bytes::new();
    assert_eq!(info.subject(), "");
    info.message = Bytes::from_static(b"\xff \r\n");
    assert_eq!(info.subject(), "\u{fffd}");
}

prop_compose! {
    fn signatures()(
        name in "[^<>\n\0]{0,12}",
        email in "[^<>\n\0]{0,12}",
        seconds: i64,
        offset in -5999_i16..=5999,
    ) -> Signature {
        Signature::new(name, email, Time::new(seconds, offset).unwrap()).unwrap()
    }
}

prop_compose! {
    fn commits()(
        ids in prop::collection::vec(any::<[u8; 32]>(), 1..5),
        author in signatures(),
        committer in prop::option::of(signatures()),
        message in prop::collection::vec(any::<u8>(), 0..40),
        extra in prop::collection::vec(("[a-z]{1,3}[-_]", prop::collection::vec(any::<u8>(), 0..9)), 0..3),
    ) -> CommitData {
        let mut keys = ids.into_iter().map(|bytes| Key::from(Id::from_bytes(bytes)));
        CommitData {
            tree: keys.next().unwrap(),
            parents: keys.collect(),
            info: CommitInfo {
                committer: committer.unwrap_or_else(|| author.clone()),
                author,
                message: message.into(),
                extra: extra.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
            },
        }
    }
}

proptest! {
    #[test]
    fn a_commit_reads_back_as_it_was_written(commit in commits()) {
        let encoded = commit.encode().unwrap();
        prop_assert_eq!(encoded.id, Id::of(&encoded.bytes));
        prop_assert_eq!(CommitData::decode(&encoded.bytes).unwrap(), commit);
    }

    #[test]
    fn changed_bytes_are_refused_or_are_the_one_encoding_of_what_they_say(
        commit in commits(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encode(&commit);
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Ok(read) = decode(bytes.clone()) {
            prop_assert_eq!(encode(&read), bytes);
        }
    }

    #[test]
    fn random_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), head: bool) {
        if head && bytes.len() > 36 {
            bytes[..2].copy_from_slice(&[1, 4]);
            bytes[34..36].copy_from_slice(&[1, 0]);
        }
        if let Ok(read) = decode(bytes.clone()) {
            prop_assert_eq!(encode(&read), bytes);
        }
    }
}
