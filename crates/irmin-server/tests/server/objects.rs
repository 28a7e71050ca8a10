//! `Objects` and `Admin`: copies of a repository, hostile ones too, and its care.

use irmin_proto::v1;
use irmin_proto::v1::update_refs_response::Outcome;
use irmin_server::service::Right;
use irminsule::{CommitData, CommitInfo, Id, Key, Signature, Time};
use proptest::prelude::*;
use tonic::{Code, Status};

use super::support::{Served, Wire, all, bytes, commit, path, set};

async fn fetch(wire: &Wire, want: &v1::Commit, have: &[&v1::Commit]) -> Vec<v1::StoredObject> {
    let request = v1::FetchRequest {
        want: want.id.clone().into_iter().collect(),
        have: have.iter().filter_map(|have| have.id.clone()).collect(),
        ..v1::FetchRequest::default()
    };
    let answer = wire.objects().fetch(request).await.expect("it begins");
    let messages = all(answer).await.expect("it ends");
    messages
        .into_iter()
        .flat_map(|message| message.objects)
        .collect()
}

fn push(objects: Vec<v1::StoredObject>, new: Option<v1::ObjectId>) -> v1::PutAndUpdateRequest {
    v1::PutAndUpdateRequest {
        objects,
        edits: vec![v1::RefEdit {
            name: "heads/pushed".to_owned(),
            expected: None,
            new,
        }],
        ..v1::PutAndUpdateRequest::default()
    }
}

async fn pushed(wire: &Wire, request: v1::PutAndUpdateRequest) -> Result<Outcome, Status> {
    let answer = wire.objects().put_and_update(request).await?;
    Ok(answer.into_inner().outcome.expect("one"))
}

/// Fills a repository with some history.
async fn filled(wire: &Wire) -> (v1::Commit, v1::Commit) {
    let writes = (0..200)
        .map(|number| set(&format!("d{}/{number}", number % 3), "v"))
        .collect();
    wire.transactions()
        .commit(commit("main", writes))
        .await
        .expect("it commits");
    let first = wire.set("large", &"x".repeat(3 << 20)).await;
    let second = wire.set("d1/1", "changed").await;
    (first, second)
}

#[tokio::test]
async fn what_is_fetched_here_can_be_pushed_there_and_only_what_is_missing_is_sent() {
    let (here, there) = (Served::open().await, Served::open().await);
    let (wire, target) = (here.wire().await, there.wire().await);
    let (first, second) = filled(&wire).await;
    let whole = fetch(&wire, &first, &[]).await;
    assert!(whole.len() > 10);
    let done = pushed(&target, push(whole.clone(), first.id.clone()))
        .await
        .expect("it is taken");
    assert!(matches!(done, Outcome::Applied(_)));
    let rest = fetch(&wire, &second, &[&first]).await;
    assert!(rest.len() < 8, "{}", rest.len());
    let message = v1::PutRequest {
        repository: String::new(),
        objects: rest,
    };
    target
        .objects()
        .put(tokio_stream::iter([message]))
        .await
        .expect("it is taken");
    let mut request = push(Vec::new(), second.id.clone());
    request.edits[0].expected = first.id.clone();
    let done = pushed(&target, request).await.expect("it moves");
    assert!(matches!(done, Outcome::Applied(_)));
    let scope_head = there.server.repos().get("main").expect("it is there");
    assert_eq!(scope_head.name(), "main");
    let verified = target
        .admin()
        .verify(v1::VerifyRequest::default())
        .await
        .expect("it begins");
    let report = all(verified)
        .await
        .expect("it ends")
        .pop()
        .expect("a report");
    let Some(v1::verify_response::Is::Report(report)) = report.is else {
        panic!("{report:?}")
    };
    assert_eq!(report.problems, Vec::<String>::new());
}

#[tokio::test]
async fn objects_are_sent_with_what_lies_around_them() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let (first, second) = filled(&wire).await;
    let get = async |depth, generations| {
        let request = v1::GetObjectsRequest {
            ids: vec![second.id.clone().expect("one"), [9; 32].into()],
            depth,
            generations,
            ..v1::GetObjectsRequest::default()
        };
        let sent = all(wire.objects().get(request).await.expect("it begins")).await;
        let sent = sent.expect("it ends");
        let absent: usize = sent.iter().map(|message| message.absent.len()).sum();
        assert_eq!(absent, 1);
        sent.iter()
            .map(|message| message.objects.len())
            .sum::<usize>()
    };
    assert_eq!(get(0, 0).await, 1);
    assert_eq!(get(1, 0).await, 2);
    assert_eq!(get(0, 9).await, 3);
    assert!(get(3, 0).await > 4);
    let request = v1::ContainsRequest {
        ids: vec![first.id.clone().expect("one"), [9; 32].into()],
        ..v1::ContainsRequest::default()
    };
    let present = wire
        .objects()
        .contains(request)
        .await
        .expect("it answers")
        .into_inner();
    assert_eq!(present.present, vec![1, 0]);
    let id = first.id.and_then(|id| id.to_array()).expect("one");
    let request = v1::CommitsWithPrefixRequest {
        prefix: Id::from_bytes(id).to_string()[..8].to_owned(),
        ..v1::CommitsWithPrefixRequest::default()
    };
    let found = wire
        .objects()
        .commits_with_prefix(request)
        .await
        .expect("it answers");
    assert_eq!(found.into_inner().commits, [id.into()]);
}

#[tokio::test]
async fn objects_that_point_to_nothing_are_refused_and_say_what_is_missing() {
    let (here, there) = (Served::open().await, Served::open().await);
    let (wire, target) = (here.wire().await, there.wire().await);
    let (first, _) = filled(&wire).await;
    let mut objects = fetch(&wire, &first, &[]).await;
    let last = objects.pop().expect("the commit");
    let status = pushed(&target, push(vec![last], first.id.clone()))
        .await
        .expect_err("it dangles");
    assert_eq!(status.code(), Code::InvalidArgument);
    let failure = irmin_proto::Failure::of(&status).expect("ours");
    assert!(failure.facts.contains_key("missing"), "{failure:?}");
    let status = pushed(&target, push(Vec::new(), first.id))
        .await
        .expect_err("nothing there");
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn nobody_brings_a_commit_of_another_principal() {
    let dir = tempfile::tempdir().expect("a directory");
    let names = [
        ("ada", Right::Write),
        ("bob", Right::Write),
        ("root", Right::Admin),
    ];
    let (served, tokens) = Served::with_principals(dir.path(), &names).await;
    let ada = served.wire().await.token(&tokens[0]);
    let bob = served.wire().await.token(&tokens[1]);
    let root = served.wire().await.token(&tokens[2]);
    let base = ada.set("a", "1").await;
    let tree = base
        .tree
        .clone()
        .and_then(|tree| tree.to_array())
        .expect("one");
    let forged = |name: &str| {
        let signature = Signature::new("Ada", "", Time::utc(0)).expect("good");
        let mut info = CommitInfo::new(signature, "forged");
        info.extra.push((bytes("principal"), bytes(name)));
        let data = CommitData {
            tree: Key::from(Id::from_bytes(tree)),
            parents: Vec::new(),
            info,
        };
        let encoded = data.encode().expect("it is a commit");
        let object = v1::StoredObject {
            encoding: encoded.bytes,
            ..v1::StoredObject::default()
        };
        push(vec![object], Some((*encoded.id.as_bytes()).into()))
    };
    let status = pushed(&bob, forged("ada"))
        .await
        .expect_err("he is not Ada");
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(pushed(&bob, forged("bob")).await.is_ok(), "his own");
    assert!(
        pushed(&root, forged("ada")).await.is_ok(),
        "an administrator may restore"
    );
    let again = pushed(&bob, forged("ada")).await;
    assert!(again.is_ok(), "what is there already says nothing new");
}

#[tokio::test]
async fn who_may_only_read_brings_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (served, tokens) = Served::with_principals(dir.path(), &[("bob", Right::Read)]).await;
    let bob = served.wire().await.token(&tokens[0]);
    let blob = v1::StoredObject {
        encoding: vec![1, 1, b'x'].into(),
        ..v1::StoredObject::default()
    };
    let message = v1::PutRequest {
        repository: String::new(),
        objects: vec![blob],
    };
    let status = bob
        .objects()
        .put(tokio_stream::iter([message]))
        .await
        .expect_err("he may not");
    assert_eq!(status.code(), Code::PermissionDenied);
}

/// What a hostile client does to what it pushes.
#[derive(Clone, Debug)]
enum Harm {
    Flip {
        object: prop::sample::Index,
        at: prop::sample::Index,
        bit: u8,
    },
    Cut {
        object: prop::sample::Index,
        at: prop::sample::Index,
    },
    Drop {
        object: prop::sample::Index,
    },
    Swap {
        one: prop::sample::Index,
        other: prop::sample::Index,
    },
    Insert {
        bytes: Vec<u8>,
    },
}

fn harm() -> impl Strategy<Value = Harm> {
    use any as index;
    prop_oneof![
        (
            index::<prop::sample::Index>(),
            index::<prop::sample::Index>(),
            0..8_u8
        )
            .prop_map(|(object, at, bit)| Harm::Flip { object, at, bit }),
        (
            index::<prop::sample::Index>(),
            index::<prop::sample::Index>()
        )
            .prop_map(|(object, at)| Harm::Cut { object, at }),
        index::<prop::sample::Index>().prop_map(|object| Harm::Drop { object }),
        (
            index::<prop::sample::Index>(),
            index::<prop::sample::Index>()
        )
            .prop_map(|(one, other)| Harm::Swap { one, other }),
        prop::collection::vec(index::<u8>(), 0..40).prop_map(|bytes| Harm::Insert { bytes }),
    ]
}

fn do_harm(objects: &mut Vec<v1::StoredObject>, harm: &Harm) {
    match harm {
        Harm::Flip { object, at, bit } => {
            let count = objects.len();
            let object = &mut objects[object.index(count)];
            let mut bytes = object.encoding.to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            object.encoding = bytes.into();
        }
        Harm::Cut { object, at } => {
            let count = objects.len();
            let object = &mut objects[object.index(count)];
            let at = at.index(object.encoding.len());
            object.encoding.truncate(at);
        }
        Harm::Drop { object } => drop(objects.remove(object.index(objects.len()))),
        Harm::Swap { one, other } => {
            let (one, other) = (one.index(objects.len()), other.index(objects.len()));
            objects.swap(one, other);
        }
        Harm::Insert { bytes } => objects.insert(
            0,
            v1::StoredObject {
                encoding: bytes.clone().into(),
                ..v1::StoredObject::default()
            },
        ),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is pushed, what the server has afterwards is whole: all that names lead to is there
    /// and hashes, and every directory can be read to its end.
    #[test]
    fn a_push_of_harmed_objects_leaves_a_repository_whole(harms in prop::collection::vec(harm(), 1..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
        runtime.block_on(async {
            let (here, there) = (Served::open().await, Served::open().await);
            let (wire, target) = (here.wire().await, there.wire().await);
            let writes = (0..40).map(|number| set(&format!("d{}/{number}", number % 3), "some value")).collect();
            let done = wire.transactions().commit(commit("main", writes)).await.expect("it commits");
            let head = super::support::committed(done.into_inner());
            let mut objects = fetch(&wire, &head, &[]).await;
            for harm in &harms {
                if !objects.is_empty() {
                    do_harm(&mut objects, harm);
                }
            }
            let done = pushed(&target, push(objects, head.id.clone())).await;
            if matches!(done, Ok(Outcome::Applied(_))) {
                let caller = irmin_server::service::Caller::local();
                let scope = there.server.scope(&caller, "main").expect("it is there");
                let seen = scope.resolve("pushed").expect("it is there");
                let tree = seen.tree().expect("it is read");
                let names = tree.walk(irminsule::WalkOptions::default());
                let names: Result<Vec<_>, _> = names.collect();
                let count = names.expect("each is read").len();
                assert!(count >= 40);
                assert!(tree.get(&path("d1/1")).expect("it is read").is_some());
            }
            let verified = target.admin().verify(v1::VerifyRequest::default()).await.expect("it begins");
            let report = all(verified).await.expect("it ends").pop().expect("a report");
            assert!(matches!(report.is, Some(v1::verify_response::Is::Report(report)) if report.problems.is_empty()));
        });
    }
}

#[tokio::test]
async fn what_is_held_is_kept_while_the_call_lasts_and_the_rest_collected() {
    let dir = tempfile::tempdir().expect("a directory");
    let (served, tokens) = Served::with_principals(dir.path(), &[("root", Right::Admin)]).await;
    let root = served.wire().await.token(&tokens[0]);
    root.set("kept", "1").await;
    let head = root.set_on("draft", "d", &"x".repeat(200_000)).await;
    let (hold, held) = tokio::sync::mpsc::channel(4);
    let request = v1::HoldRequest {
        repository: String::new(),
        commits: head.id.clone().into_iter().collect(),
    };
    hold.send(request).await.expect("it is heard");
    let held = tokio_stream::wrappers::ReceiverStream::new(held);
    let mut answers = root
        .objects()
        .hold(held)
        .await
        .expect("it holds")
        .into_inner();
    answers.message().await.expect("it says so").expect("one");
    let edit = v1::RefEdit {
        name: "heads/draft".to_owned(),
        expected: head.id.clone(),
        new: None,
    };
    let request = v1::UpdateRefsRequest {
        edits: vec![edit],
        ..v1::UpdateRefsRequest::default()
    };
    root.repositories()
        .update_refs(request)
        .await
        .expect("it is removed");
    let removed = collect(&root).await;
    assert_eq!(removed, 0, "it is held");
    drop(hold);
    assert!(answers.message().await.expect("it ends well").is_none());
    assert!(collect(&root).await > 0);
    let stats = root
        .admin()
        .stats(v1::StatsRequest::default())
        .await
        .expect("figures");
    assert!(stats.into_inner().commits.expect("some").objects >= 1);
    root.admin()
        .sync(v1::SyncRequest::default())
        .await
        .expect("it syncs");
}

async fn collect(wire: &Wire) -> u64 {
    let collected = wire
        .admin()
        .collect(v1::CollectRequest::default())
        .await
        .expect("it begins");
    let report = all(collected)
        .await
        .expect("it ends")
        .pop()
        .expect("a report");
    match report.is {
        Some(v1::collect_response::Is::Report(report)) => report.objects_removed,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_backup_is_a_bundle_with_all_names() {
    let served = Served::open().await;
    let wire = served.wire().await;
    let (_, head) = filled(&wire).await;
    let pieces = all(wire
        .admin()
        .backup(v1::BackupRequest::default())
        .await
        .expect("it begins"));
    let pieces = pieces.await.expect("it ends");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("b.bundle");
    let bundle: Vec<u8> = pieces
        .iter()
        .flat_map(|piece| piece.bundle.to_vec())
        .collect();
    std::fs::write(&file, bundle).expect("it is written");
    let repo = irminsule::open(&format!("bundle:{}", file.display())).expect("it is whole");
    let found = repo
        .branch("main")
        .and_then(|main| main.head_id())
        .expect("it is read");
    assert_eq!(found.map(|id| (*id.as_bytes()).into()), head.id);
}
