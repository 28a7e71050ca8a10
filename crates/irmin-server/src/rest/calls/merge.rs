//! Merging: `irmin merge`.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use irminsule::{Blob, Entry, Id, Isolation, Resolution};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rest::api::Api;
use crate::rest::body::{JsonBody, json};
use crate::rest::conditions::Conditions;
use crate::rest::operation::Operation;
use crate::rest::place::Call;
use crate::rest::problem::{Problem, ProblemDetails, Result};
use crate::rest::shapes::{ConflictShape, given, given_path};
use crate::rest::write::{CommitParams, key_of, request_key};
use crate::service::{ErrorKind, Expected, MergeAnswer, MergeRequest, ServiceError, Settlement};

pub(super) fn add(api: Api) -> Api {
    let operation = Operation::new("merges", "postMerge", "Merge a revision into a branch")
        .about("With conflicts, nothing changes and the answer is 409 with all of them in `details.conflicts`, and both sides in `details.ours` and `details.theirs`: ask again with `settle`, the head as `If-Match` and the other side as `expected_theirs`.")
        .json_body::<MergeBody>()
        .gives::<MergedShape>("What came of it.")
        .test_and_set_head()
        .commits();
    api.add("POST /repositories/{repo}/merges/{branch}", operation, post)
}

/// What to merge, and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Merge)]
struct MergeBody {
    /// The revision to merge.
    theirs: String,
    /// The id that this revision must mean.
    #[serde(default)]
    expected_theirs: Option<String>,
    /// How conflicts are settled.
    #[serde(default)]
    settle: Vec<Settle>,
    /// Make a merge commit even where the branch could move forward.
    #[serde(default)]
    always_commit: bool,
    /// Say what would come of it, and change nothing.
    #[serde(default)]
    dry_run: bool,
    /// The message of the commit; one is made up without it.
    #[serde(default)]
    message: Option<String>,
    /// Who made the commit, as `Name <address>`; without it: who asks.
    #[serde(default)]
    author: Option<String>,
}

/// How a conflict is settled: by one side, or by a value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Settle {
    /// Which conflict; neither this nor `path_base64`: all that are not named.
    #[serde(default)]
    path: Option<String>,
    /// Which conflict, in Base64.
    #[serde(default)]
    path_base64: Option<String>,
    /// Whose side to take.
    #[serde(default)]
    #[schema(inline)]
    take: Option<Side>,
    /// The value to put there.
    #[serde(default)]
    value: Option<String>,
    /// The value, in Base64.
    #[serde(default)]
    value_base64: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Side {
    /// What the branch has.
    Ours,
    /// What the other side has.
    Theirs,
    /// What both had before.
    Base,
    /// Neither: remove it.
    Nothing,
}

/// What came of a merge.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Merged)]
struct MergedShape {
    /// The branch.
    branch: String,
    /// `already-merged`, `fast-forward`, `merged`; of a dry run `clean`, too: it would be merged.
    outcome: String,
    /// The commit that the branch is at; absent if it is to be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
}

async fn post(call: Call, headers: HeaderMap, body: JsonBody<MergeBody>) -> Result<Response> {
    let conditions = Conditions::of(&headers)?;
    let expected_head = match conditions.expected()? {
        // Without a branch there is nothing to merge into, whatever is expected.
        Expected::Any | Expected::Present => None,
        Expected::At(Some(id)) => Some(id),
        Expected::At(None) => {
            return Err(Problem::invalid(
                "a merge needs a branch: give 'if-match', or nothing",
            ));
        }
    };
    let digest = format!("{conditions:?}");
    let parts: [&[u8]; 4] = [
        b"POST merge",
        call.place.name.as_bytes(),
        digest.as_bytes(),
        body.digest.as_bytes(),
    ];
    let request = request_key(key_of(&headers).as_deref(), &parts)?;
    let merge = body.value;
    let made_up = format!("Merge {} into {}", merge.theirs, call.place.name);
    let commit = CommitParams {
        message: merge.message,
        author: merge.author,
    };
    let options = commit.options(&call.server, made_up, Isolation::default())?;
    let settled = merge.settle.iter().map(settlement);
    let request = MergeRequest {
        settled: settled.collect::<Result<_, ServiceError>>()?,
        expected_head,
        expected_theirs: merge.expected_theirs.as_deref().map(id).transpose()?,
        always_commit: merge.always_commit,
        dry_run: merge.dry_run,
        ..MergeRequest::new(merge.theirs, options.request(request))
    };
    let answer = call.run(move |scope, place| scope.merge(&place.name, &request));
    said(&call.place.name, expected_head, answer.await?)
}

fn id(text: &str) -> Result<Id, ServiceError> {
    text.parse()
        .map_err(|_| ServiceError::invalid("'expected_theirs' is an id of 64 hexadecimal digits"))
}

fn settlement(settle: &Settle) -> Result<Settlement, ServiceError> {
    let is_named = settle.path.is_some() || settle.path_base64.is_some();
    let path = given_path(settle.path.as_ref(), settle.path_base64.as_ref())?;
    let value = given("value", settle.value.as_ref(), settle.value_base64.as_ref())?;
    let how = match (settle.take, value) {
        (Some(Side::Ours), None) => Resolution::Ours,
        (Some(Side::Theirs), None) => Resolution::Theirs,
        (Some(Side::Base), None) => Resolution::Base,
        (Some(Side::Nothing), None) => Resolution::Entry(None),
        (None, Some(value)) => Resolution::Entry(Some(Entry::Blob(Blob::new(value)))),
        _ => {
            return Err(ServiceError::invalid(
                "a conflict is settled by 'take' or by 'value'",
            ));
        }
    };
    Ok(Settlement {
        path: is_named.then_some(path),
        how,
    })
}

fn said(branch: &str, expected: Option<Id>, answer: MergeAnswer) -> Result<Response> {
    let outcome = |outcome: &str, commit: Option<Id>| {
        Ok(json(&MergedShape {
            branch: branch.to_owned(),
            outcome: outcome.to_owned(),
            commit: commit.map(|id| id.to_string()),
        }))
    };
    match answer {
        MergeAnswer::UpToDate(head) => outcome("already-merged", Some(head.id())),
        MergeAnswer::Forwarded(to) => outcome("fast-forward", Some(to.id())),
        MergeAnswer::Merged(made) => outcome("merged", Some(made.id())),
        MergeAnswer::Clean(_) => outcome("clean", None),
        MergeAnswer::Conflicts {
            ours,
            theirs,
            conflicts,
        } => {
            let message = format!(
                "{} conflicts are not settled; nothing was changed",
                conflicts.len()
            );
            let details = ProblemDetails {
                conflicts: Some(conflicts.iter().map(ConflictShape::of).collect()),
                ours: Some(ours.id().to_string()),
                theirs: Some(theirs.id().to_string()),
                ..ProblemDetails::default()
            };
            Err(Problem::new(ErrorKind::Conflict, message).with_details(details))
        }
        MergeAnswer::Moved { head, theirs } => {
            let message =
                "the branch, or the other side, is elsewhere than expected; nothing was changed";
            let details = ProblemDetails {
                current: head.map(|id| id.to_string()),
                theirs: Some(theirs.to_string()),
                ..ProblemDetails::default()
            };
            let problem = Problem::new(ErrorKind::Conflict, message).with_details(details);
            Err(match expected.is_some() && expected != head {
                true => problem.with_status(StatusCode::PRECONDITION_FAILED),
                false => problem,
            })
        }
    }
}
