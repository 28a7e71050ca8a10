//! The system's clock and user.

use std::sync::Arc;

use irmin_core::{Env, Time};
use jiff::Zoned;

/// Returns who is at work and a clock, from the environment: `IRMIN_AUTHOR` (`Name <address>`), or
/// the user and host names. The clock is the system's, with its time zone.
#[must_use]
pub fn system_env() -> Env {
    let (name, email) = author();
    Env {
        name,
        email,
        clock: Arc::new(now),
    }
}

fn author() -> (String, String) {
    if let Ok(text) = std::env::var("IRMIN_AUTHOR")
        && let Some((name, rest)) = text.split_once('<')
        && let Some(email) = rest.trim().strip_suffix('>')
    {
        return (name.trim().to_owned(), email.to_owned());
    }
    let user = std::env::var("USER").unwrap_or_else(|_| "irmin".to_owned());
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".to_owned());
    (user.clone(), format!("{user}@{host}"))
}

fn now() -> Time {
    let now = Zoned::now();
    let seconds = now.timestamp().as_second();
    let minutes = now.offset().seconds() / 60;
    let minutes = i16::try_from(minutes).unwrap_or(0);
    Time::new(seconds, minutes).unwrap_or_else(|_| Time::utc(seconds))
}
