//! `irmin init`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use irminsule::Url;
use serde_json::json;

use crate::context::{Context, place};
use crate::failure::{Failure, Outcome, Verdict};

/// Make a repository
///
/// A directory gets it inside, in DIR/.irmin; a URL such as pack:DIR, and --repo, say exactly where.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where [default: as --repo says, or here]
    #[arg(value_name = "DIR|URL")]
    place: Option<OsString>,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    let url = match &args.place {
        Some(text) => place_of(text)?,
        None => match context.named()? {
            Some(url) => url,
            None => Url::Pack(place::DIRECTORY.into()),
        },
    };
    context.create(&url)?;
    if context.ui.is_json() {
        context.ui.json(&json!({"url": url.to_string()}))?;
    } else {
        context.ui.say(format!("made an empty repository at {url}"));
    }
    Ok(Verdict::Done)
}

/// Returns where a repository goes that belongs to a directory, or has a URL.
pub(super) fn place_of(text: &OsStr) -> Result<Url, Failure> {
    match is_url(text.as_encoded_bytes()) {
        true => place::parse(text),
        false => Ok(Url::Pack(Path::new(text).join(place::DIRECTORY))),
    }
}

/// Tells a URL from a directory: a scheme comes before any slash.
fn is_url(text: &[u8]) -> bool {
    let scheme = text.split(|&byte| byte == b'/').next();
    scheme.is_some_and(|scheme| scheme.contains(&b':'))
}
