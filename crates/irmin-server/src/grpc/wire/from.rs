//! From messages to the model. What makes no sense is an error of kind `Invalid`.

use bytes::Bytes;
use irmin_proto::v1;
use irminsule::{Cut, Durability, Id, Isolation, Mode, Path, RefEdit, Signature, Step, Time};

use crate::service::{
    CommitOptions, Precondition, RequestKey, Result, Scope, ServiceError, Snapshot, Write,
};

pub(crate) fn id_of(id: &v1::ObjectId) -> Result<Id> {
    let bytes = id.to_array();
    let bad = || ServiceError::invalid(format!("an id has 32 bytes, not {}", id.sha256.len()));
    bytes.map(Id::from_bytes).ok_or_else(bad)
}

/// Reads an id that must be there.
pub(crate) fn must_id(id: Option<&v1::ObjectId>, what: &str) -> Result<Id> {
    id_of(id.ok_or_else(|| ServiceError::invalid(format!("{what} is missing")))?)
}

pub(crate) fn maybe_id(id: Option<&v1::ObjectId>) -> Result<Option<Id>> {
    id.map(id_of).transpose()
}

pub(crate) fn ids(ids: &[v1::ObjectId]) -> Result<Vec<Id>> {
    ids.iter().map(id_of).collect()
}

pub(crate) fn path_of(bytes: &Bytes) -> Result<Path> {
    Ok(Path::parse(bytes)?)
}

pub(crate) fn paths(paths: &[Bytes]) -> Result<Vec<Path>> {
    paths.iter().map(path_of).collect()
}

pub(crate) fn step_of(bytes: &Bytes) -> Result<Step> {
    Ok(Step::new(bytes)?)
}

pub(crate) fn cut_of(cut: Option<v1::Cut>) -> Cut {
    let cut = cut.unwrap_or_default();
    Cut {
        contents: cut.contents,
        parents: cut.parents,
    }
}

/// Reads a number that stands for a value of an enumeration.
fn choice<T: TryFrom<i32>>(number: i32, what: &str) -> Result<T> {
    let unknown = |_| ServiceError::invalid(format!("{number} is no {what} that is known here"));
    T::try_from(number).map_err(unknown)
}

pub(crate) fn mode_of(mode: i32) -> Result<Mode> {
    Ok(match choice::<v1::Mode>(mode, "mode")? {
        v1::Mode::Unspecified | v1::Mode::Normal => Mode::Normal,
        v1::Mode::Executable => Mode::Executable,
        v1::Mode::Link => Mode::Link,
    })
}

pub(crate) fn isolation_of(isolation: i32) -> Result<Isolation> {
    Ok(match choice::<v1::Isolation>(isolation, "isolation")? {
        v1::Isolation::Unspecified | v1::Isolation::Serializable => Isolation::Serializable,
        v1::Isolation::Snapshot => Isolation::Snapshot,
        v1::Isolation::Overwrite => Isolation::Overwrite,
    })
}

pub(crate) fn durability_of(durability: i32) -> Result<Durability> {
    Ok(match choice::<v1::Durability>(durability, "durability")? {
        v1::Durability::Unspecified | v1::Durability::Sync => Durability::Sync,
        v1::Durability::Deferred => Durability::Deferred,
        v1::Durability::None => Durability::None,
    })
}

/// Reads what a commit shall say.
pub(crate) fn commit_options(
    scope: &Scope,
    info: Option<v1::CommitInfo>,
    durability: i32,
    request: Option<RequestKey>,
) -> Result<CommitOptions> {
    let info = info.unwrap_or_default();
    let mut options = CommitOptions::new(info.message.clone()).request(request);
    options.durability = durability_of(durability)?;
    if info.author_name.is_some() || info.author_email.is_some() || info.author_time.is_some() {
        let default = scope.info(&options)?.author;
        let time = info
            .author_time
            .map_or(Ok(default.time()), |time| time_of(&time))?;
        let name = info
            .author_name
            .map_or_else(|| default.name().clone(), Bytes::from);
        let email = info
            .author_email
            .map_or_else(|| default.email().clone(), Bytes::from);
        let author = Signature::new(name, email, time).map_err(irminsule::Error::from)?;
        options.author = Some(author);
    }
    Ok(options)
}

fn time_of(time: &v1::Time) -> Result<Time> {
    let bad = || ServiceError::invalid("the time zone is beyond a day");
    let zone = i16::try_from(time.zone_minutes).map_err(|_| bad())?;
    Time::new(time.seconds, zone).map_err(|error| ServiceError::invalid(error.to_string()))
}

pub(crate) fn write_of(write: v1::Write) -> Result<Write> {
    use v1::write::What;
    let path = path_of(&write.path)?;
    Ok(match write.what {
        Some(What::Set(set)) => Write::Set {
            path,
            mode: mode_of(set.mode)?,
            bytes: set.data,
        },
        Some(What::Graft(graft)) => Write::Graft {
            path,
            from: path_of(&graft.path)?,
            revision: graft.revision,
        },
        Some(What::Remove(v1::Remove {})) => Write::Remove(path),
        None => {
            let message = format!("the write at '{path}' does not say what to do");
            return Err(ServiceError::invalid(message));
        }
    })
}

pub(crate) fn precondition_of(precondition: v1::Precondition) -> Result<Precondition> {
    use v1::precondition::{What, content::Is};
    let content = match precondition.what {
        Some(What::Head(head)) => {
            return Ok(Precondition::Head(maybe_id(head.commit.as_ref())?));
        }
        Some(What::Content(content)) => content,
        None => {
            return Err(ServiceError::invalid(
                "a precondition does not say what must be so",
            ));
        }
    };
    let path = path_of(&content.path)?;
    Ok(match content.is {
        Some(Is::Absent(_)) => Precondition::Absent(path),
        Some(Is::Present(_)) => Precondition::Present(path),
        Some(Is::Id(id)) => Precondition::Id(path, id_of(&id)?),
        Some(Is::Data(data)) => Precondition::Bytes(path, data.to_vec()),
        None => {
            let message = format!("the precondition on '{path}' does not say what must be there");
            return Err(ServiceError::invalid(message));
        }
    })
}

pub(crate) fn ref_edits(edits: Vec<v1::RefEdit>) -> Result<Vec<RefEdit>> {
    let edits = edits.into_iter().map(|edit| {
        Ok(RefEdit {
            expected: maybe_id(edit.expected.as_ref())?,
            new: maybe_id(edit.new.as_ref())?,
            name: edit.name,
        })
    });
    edits.collect()
}

/// Finds the commit that is meant; `None` where none is named and `main` has none yet.
pub(crate) fn snapshot(scope: &Scope, revision: &str) -> Result<Option<Snapshot>> {
    match revision {
        "" => scope.head("main"),
        revision => scope.resolve(revision).map(Some),
    }
}

/// Finds the commit that is meant.
pub(crate) fn must_snapshot(scope: &Scope, revision: &str) -> Result<Snapshot> {
    match revision {
        "" => scope.must_have_head("main"),
        revision => scope.resolve(revision),
    }
}

/// Reads the length of a page or the like.
pub(crate) fn limit_of(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
