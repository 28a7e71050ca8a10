//! Operating a server: starting and stopping it, what it tells about itself, signals.

mod doors;
mod health;
mod lock;
mod log;
mod metrics;
mod notify;
mod reload;
mod run;
mod welcome;

pub use run::{End, Started, run};

use crate::config::Sources;
use crate::service::{Result, ServiceError, Tokens};

/// Returns the tokens of the data directory that `sources` name, which is made if it is not there:
/// tokens come before a server that needs some. Works beside a server, which sees each change at once.
///
/// # Errors
/// [`ServiceError`] when the settings are wrong, or the directory cannot be made.
pub fn tokens(sources: &Sources) -> Result<Tokens> {
    let dir = sources.read()?.path("data");
    let dir =
        dir.ok_or_else(|| ServiceError::invalid("'data' is empty; name the data directory"))?;
    lock::make(&dir).map_err(|error| lock::unusable(&dir, &error))?;
    Ok(Tokens::new(dir.join("tokens.json")))
}
