//! What administrators ask of a repository: `irmin gc`, `irmin verify`, `irmin stats`.

use std::ops::ControlFlow;

use axum::response::Response;
use irminsule::{CollectOptions, KindStats, RetentionRule, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rest::api::Api;
use crate::rest::body::{JsonBody, json};
use crate::rest::operation::Operation;
use crate::rest::place::Call;
use crate::rest::problem::Result;
use crate::rest::shapes::Text;
use crate::service::ServiceError;

pub(super) fn add(api: Api) -> Api {
    let stats = Operation::new(
        "administration",
        "getStats",
        "Get figures about a repository",
    )
    .gives::<StatsShape>("The figures.");
    let collect = Operation::new(
        "administration",
        "postCollect",
        "Remove what no name leads to",
    )
    .json_body::<CollectBody>()
    .gives::<CollectedShape>("What was removed.");
    let verify = Operation::new("administration", "postVerify", "Check every byte")
        .about("Damage is a part of the answer.")
        .gives::<VerifiedShape>("What was checked, and what is wrong.");
    api.add("GET /repositories/{repo}/stats", stats, self::stats)
        .add("POST /repositories/{repo}/collect", collect, self::collect)
        .add("POST /repositories/{repo}/verify", verify, self::verify)
}

/// How many objects of a kind there are.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = KindStats)]
struct KindShape {
    objects: u64,
    /// The bytes of their encodings.
    bytes: u64,
}

impl KindShape {
    fn of(kind: KindStats) -> Self {
        Self {
            objects: kind.objects,
            bytes: kind.bytes,
        }
    }
}

/// Figures about a repository.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Stats)]
struct StatsShape {
    segments: u64,
    /// The bytes of all segments.
    bytes: u64,
    commits: KindShape,
    nodes: KindShape,
    values: KindShape,
    chunk_lists: KindShape,
    refs: u64,
    cache_bytes: u64,
}

async fn stats(call: Call) -> Result<Response> {
    let stats = call.run(|scope, _| scope.stats()).await?;
    Ok(json(&StatsShape {
        segments: stats.segments,
        bytes: stats.segment_bytes,
        commits: KindShape::of(stats.commits),
        nodes: KindShape::of(stats.nodes),
        values: KindShape::of(stats.blobs),
        chunk_lists: KindShape::of(stats.chunk_lists),
        refs: stats.refs,
        cache_bytes: stats.cache_bytes,
    }))
}

/// What to remove.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Collect)]
struct CollectBody {
    /// Only tell how much would be removed.
    #[serde(default)]
    dry_run: bool,
    /// Let go of old history by rules, such as `all 7d, hourly 30d, daily 1y`.
    #[serde(default)]
    keep: Vec<String>,
}

/// What was removed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Collected)]
struct CollectedShape {
    dry_run: bool,
    objects_kept: u64,
    objects_removed: u64,
    /// How many commits lost contents or parents.
    commits_cut: u64,
    bytes_before: u64,
    bytes_after: u64,
}

async fn collect(call: Call, body: JsonBody<CollectBody>) -> Result<Response> {
    let CollectBody { dry_run, keep } = body.value;
    let keep = keep.iter().map(|rule| {
        let rule = rule.parse::<RetentionRule>();
        rule.map_err(|error| ServiceError::invalid(error.to_string()))
    });
    let options = CollectOptions {
        keep: keep.collect::<Result<_, ServiceError>>()?,
        dry_run,
    };
    let run =
        call.run_long(move |scope, _| scope.collect(&options, &mut |_| ControlFlow::Continue(())));
    let report = run.await?;
    Ok(json(&CollectedShape {
        dry_run,
        objects_kept: report.objects_kept,
        objects_removed: report.objects_removed,
        commits_cut: report.commits_cut,
        bytes_before: report.bytes_before,
        bytes_after: report.bytes_after,
    }))
}

/// What was checked.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Verified)]
struct VerifiedShape {
    bytes: u64,
    objects: u64,
    refs: u64,
    commits: u64,
    /// The bytes of a tail that was never finished and was cut off.
    bytes_cut: u64,
    /// What is wrong; empty: nothing.
    problems: Vec<Damage>,
}

/// Something that is wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Damage {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    /// What was found instead, or all that there is to say.
    found: String,
}

impl Damage {
    fn of(problem: &StoreError) -> Self {
        match problem {
            StoreError::Corrupt {
                path,
                offset,
                expected,
                found,
            } => {
                // Where the server keeps its files is nothing for clients.
                let name = path.file_name().unwrap_or_default();
                let file = Text::of(name.as_encoded_bytes());
                Self {
                    file: file.text,
                    file_base64: file.base64,
                    offset: Some(*offset),
                    expected: Some(expected.to_string()),
                    found: found.to_string(),
                }
            }
            problem => Self {
                file: None,
                file_base64: None,
                offset: None,
                expected: None,
                found: problem.to_string(),
            },
        }
    }
}

async fn verify(call: Call) -> Result<Response> {
    let report = call.run_long(|scope, _| scope.verify(&mut |_| ())).await?;
    Ok(json(&VerifiedShape {
        bytes: report.bytes,
        objects: report.objects,
        refs: report.refs,
        commits: report.commits,
        bytes_cut: report.bytes_cut,
        problems: report.problems.iter().map(Damage::of).collect(),
    }))
}
