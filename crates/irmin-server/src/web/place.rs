//! Addresses of pages: `/r/<repository>/<page>/<revision>/<path>`.
//!
//! A revision is one segment, with its slashes escaped; a path is as many segments as it has steps.
//! Both ways go through [`percent`](super::text::percent), so that names of any bytes have an address.

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use irminsule::Path;

use super::Web;
use super::failure::Failed;
use super::fields::Fields;
use super::text::{percent, percent_path, unpercent};
use crate::service::{ErrorKind, Result, ServiceError};

/// Where a page is.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// The repository.
    pub(super) repo: String,
    /// The revision; empty if the page has none.
    pub(super) rev: String,
    /// The path.
    pub(super) path: Path,
    /// What comes after the question mark.
    pub(super) query: Fields,
}

impl Place {
    fn parse(uri: &Uri) -> Result<Self> {
        // After "/r/": the repository, the name of the page, the revision, the path.
        let mut segments = uri.path().split('/').skip(2);
        let repo = text(segments.next())?;
        let rev = text(segments.nth(1))?;
        let steps: Vec<Vec<u8>> = segments.map(|step| unpercent(step.as_bytes())).collect();
        if steps.iter().any(|step| step.contains(&b'/')) {
            return Err(ServiceError::new(
                ErrorKind::Invalid,
                "a step of a path has no '/'",
            ));
        }
        Ok(Self {
            repo,
            rev,
            path: Path::parse(steps.join(&b'/'))?,
            query: Fields::parse(uri.query().unwrap_or_default().as_bytes()),
        })
    }

    /// Returns the place of another path in the same revision.
    pub(super) fn at(&self, path: &Path) -> Self {
        Self {
            path: path.clone(),
            query: Fields::default(),
            ..self.clone()
        }
    }

    /// Returns the address of a page about this place.
    pub(super) fn link(&self, page: &str) -> String {
        link(&self.repo, page, &self.rev, &self.path)
    }
}

fn text(segment: Option<&str>) -> Result<String> {
    let bytes = unpercent(segment.unwrap_or_default().as_bytes());
    let not_found = |_| {
        ServiceError::new(
            ErrorKind::NotFound,
            "names of repositories and revisions are text",
        )
    };
    String::from_utf8(bytes).map_err(not_found)
}

/// Returns the address of a repository.
pub(super) fn repo_link(repo: &str) -> String {
    format!("/r/{}", percent(repo.as_bytes()))
}

/// Returns the address of a page of a repository.
pub(super) fn page_link(repo: &str, page: &str) -> String {
    format!("/r/{}/{page}", percent(repo.as_bytes()))
}

/// Returns the address of a page about a revision and a path.
pub(super) fn link(repo: &str, page: &str, rev: &str, path: &Path) -> String {
    let link = format!("{}/{}", page_link(repo, page), percent(rev.as_bytes()));
    match path.is_root() {
        true => link,
        false => format!("{link}/{}", percent_path(path)),
    }
}

impl FromRequestParts<Web> for Place {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<Self, Failed> {
        Self::parse(&parts.uri).map_err(|error| Failed::new(parts, error))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_link_leads_back_to_its_place(
            rev in "[a-zä]{1,5}(/[a-z%?#+&=]{1,5}){0,2}",
            steps in prop::collection::vec(prop::collection::vec(1_u8..=255, 1..5), 0..4),
        ) {
            let steps: Vec<_> = steps.iter().filter_map(|step| irminsule::Step::new(step).ok()).collect();
            let path = Path::from_steps(steps).unwrap();
            let uri: Uri = link("main", "tree", &rev, &path).parse().unwrap();
            let place = Place::parse(&uri).unwrap();
            prop_assert_eq!((place.repo, place.rev, place.path), ("main".to_owned(), rev, path));
        }
    }

    #[test]
    fn what_is_no_address_of_ours_is_refused() {
        for bad in [
            "/r/main/tree/main/a%2Fb",
            "/r/%ff/tree/main",
            "/r/main/tree/main/..",
        ] {
            assert!(Place::parse(&bad.parse().unwrap()).is_err(), "{bad}");
        }
        let bare = Place::parse(&"/r/main".parse().unwrap()).unwrap();
        assert_eq!((bare.repo.as_str(), bare.rev.as_str()), ("main", ""));
    }
}
