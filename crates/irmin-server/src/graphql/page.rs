//! Pages: `first` and `after`, beside the predecessor's fields that gave all or nothing.

use crate::service::{Result, Scope, ServiceError};

/// Checks how many are asked for. Nothing said: all, as far as an answer may hold them.
pub(crate) fn first(scope: &Scope, first: Option<i32>) -> Result<Option<usize>> {
    let Some(first) = first else {
        return Ok(None);
    };
    let max = scope.limits().page;
    match usize::try_from(first) {
        Ok(first) if (1..=max).contains(&first) => Ok(Some(first)),
        _ => Err(ServiceError::invalid(format!(
            "'first' is {first}; a page has 1 to {max}"
        ))),
    }
}
