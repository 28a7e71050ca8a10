//! Text that people write: revisions, paths, names of refs, ids, signatures and times.

use irmin_core::{BranchName, Id, IdPrefix, Path, RefName, Revision, Time};

/// What is printed reads back as the same.
pub(crate) fn revision(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(revision) = text.parse::<Revision>() {
        let printed = revision.to_string();
        assert_eq!(
            printed.parse::<Revision>().ok(),
            Some(revision),
            "{printed}"
        );
    }
    if let Ok(time) = text.parse::<Time>() {
        assert_eq!(time.to_string().parse::<Time>(), Ok(time));
    }
    if let Ok(id) = text.parse::<Id>() {
        assert_eq!(id.to_string(), text.to_ascii_lowercase());
    }
    if let Ok(prefix) = text.parse::<IdPrefix>() {
        let (first, last) = prefix.range();
        assert!(prefix.matches(&first) && prefix.matches(&last) && first <= last);
    }
}

/// A path is the sequence of its steps, and no step has what a step must not have.
pub(crate) fn path(bytes: &[u8]) {
    let Ok(path) = Path::parse(bytes) else {
        return;
    };
    let steps: Vec<&[u8]> = path.steps().iter().map(|step| step.as_bytes()).collect();
    assert_eq!(Path::parse(steps.join(&b'/')), Ok(path.clone()));
    assert_eq!(Path::from_steps(path.steps().to_vec()), Ok(path.clone()));
    for step in steps {
        assert!(!step.is_empty() && !step.contains(&b'/') && !step.contains(&0));
        assert!(step != b"." && step != b"..");
    }
    if let Some((parent, last)) = path.parent() {
        assert!(path.starts_with(&parent));
        assert_eq!(parent.child(last.clone()), path);
    }
}

/// A branch's name is one half of a ref's name, and reads back.
pub(crate) fn ref_name(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(name) = RefName::new(text) {
        assert_eq!(RefName::new(name.to_string()), Ok(name.clone()));
        assert!(name.as_str().contains('/') && !name.as_str().contains(".."));
    }
    if let Ok(branch) = BranchName::new(text) {
        assert_eq!(branch.full().as_branch(), Some(branch.clone()));
    }
    if let Ok(tag) = RefName::tag(text) {
        assert_eq!(tag.as_tag(), Some(text));
    }
}
