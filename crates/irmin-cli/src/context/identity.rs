//! Who commits, and when.

use std::env;
use std::ffi::OsString;
use std::sync::Arc;

use irminsule::{Env, Signature, Time, system_env};

use crate::failure::Failure;

/// Returns the user and the clock: the system's, unless `IRMIN_AUTHOR` and `IRMIN_DATE` say
/// otherwise.
pub(super) fn env() -> Result<Env, Failure> {
    let mut env = system_env();
    if let Some(author) = variable("IRMIN_AUTHOR")? {
        let (name, email) = split(&author, "IRMIN_AUTHOR")?;
        env.name = name.to_owned();
        env.email = email.to_owned();
    }
    if let Some(date) = variable("IRMIN_DATE")? {
        let time: Time = date
            .parse()
            .map_err(|error| Failure::from(error).at("IRMIN_DATE"))?;
        env.clock = Arc::new(move || time);
    }
    Ok(env)
}

fn variable(name: &str) -> Result<Option<String>, Failure> {
    let text = env::var_os(name)
        .filter(|text| !text.is_empty())
        .map(OsString::into_string)
        .transpose();
    text.map_err(|_| Failure::new(format!("{name} is not UTF-8")).hint("set it to plain text"))
}

/// Reads `Name <address>`.
pub(super) fn signature(text: &str, place: &str, time: Time) -> Result<Signature, Failure> {
    let (name, email) = split(text, place)?;
    Ok(Signature::new(name.to_owned(), email.to_owned(), time)?)
}

fn split<'a>(text: &'a str, place: &str) -> Result<(&'a str, &'a str), Failure> {
    text.split_once('<')
        .and_then(|(name, rest)| Some((name.trim(), rest.trim_end().strip_suffix('>')?)))
        .ok_or_else(|| {
            Failure::new(format!("{place}: {text:?} does not say who and where"))
                .hint("write it as 'Ada Lovelace <ada@example.org>'")
        })
}
