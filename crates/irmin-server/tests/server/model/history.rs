//! The branch's history, as it is when all is done.

use irmin_proto::v1;

use super::client::DidAll;
use super::grpc::{id_of, read_at};
use crate::faulty::Line;
use crate::support::at;

/// A commit.
pub(super) struct Past {
    pub(super) id: Vec<u8>,
    /// The key of the request that made it, if that had one.
    pub(super) key: Option<String>,
    /// What the registers held.
    pub(super) state: DidAll,
}

/// Reads it, oldest first.
pub(super) async fn read(line: &mut Line) -> Vec<Past> {
    let mut all = Vec::new();
    let mut request = v1::LogRequest {
        at: at("main"),
        ..v1::LogRequest::default()
    };
    loop {
        let page = line
            .call(async |wire| wire.contents().log(request.clone()).await)
            .await
            .expect("a page");
        for commit in page.commits {
            assert!(commit.parents.len() < 2);
            let key = key_of(&commit);
            let id = id_of(commit);
            let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            let (state, _) = read_at(line, &hex).await;
            all.push(Past { id, key, state });
        }
        if page.next_page.is_empty() {
            break;
        }
        request.page = page.next_page;
    }
    all.reverse();
    all
}

fn key_of(commit: &v1::Commit) -> Option<String> {
    let mut headers = commit.headers.iter();
    let header = headers.find(|header| header.key == "request")?;
    let key = String::from_utf8(header.value.to_vec()).expect("text");
    Some(key.split(' ').next().expect("a key").to_owned())
}
