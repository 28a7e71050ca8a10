//! `irmin token`.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use irmin_server::config::{Sources, parse_time};
use irmin_server::ops;
use irmin_server::service::{Principal, Token, Tokens};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};
use crate::paint::Style;

/// List who may come in with a token, or make or revoke one
///
/// Works on the data directory of a server, whether that runs or not; a running one takes changes over
/// at once. Only hashes of tokens are kept: a token is shown when it is made, and never again.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Make a token and print it
    Create {
        /// Who holds it: a name in rules, commits and the audit log
        #[arg(long, value_name = "NAME")]
        principal: String,
        /// For how long it is good: 12h, 90d, or 'never'
        #[arg(long, value_name = "TIME")]
        expires: String,
        #[command(flatten)]
        place: Place,
    },
    /// List the tokens, without their secrets
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Make a token worthless
    Revoke {
        /// The token's id, as the list has it
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

/// Where the tokens are.
#[derive(clap::Args)]
struct Place {
    /// The server's data directory [default: as 'irmin serve' would take it]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The server's file of settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Place {
    fn tokens(&self) -> Result<Tokens, Failure> {
        let data = self.data.iter();
        let flags = data.map(|dir| ("data".to_owned(), vec![dir.clone()]));
        let sources = Sources::of_process(self.config.clone(), flags.collect());
        Ok(ops::tokens(&sources)?)
    }
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    match &args.action {
        Action::Create {
            principal,
            expires,
            place,
        } => create(principal, expires, place, context),
        Action::List { place } => list(place, context),
        Action::Revoke { id, place } => revoke(id, place, context),
    }
}

fn create(principal: &str, expires: &str, place: &Place, context: &mut Context) -> Outcome {
    let principal = Principal::new(principal)?;
    let now = now();
    let expires = match expires {
        "never" => None,
        time => {
            let time = parse_time(time)
                .map_err(|error| Failure::from(error).at("--expires").hint("or 'never'"))?;
            Some(now.saturating_add(time.as_secs()))
        }
    };
    let (token, text) = place.tokens()?.create(&principal, now, expires)?;
    if context.ui.is_json() {
        let mut object = to_json(&token);
        if let Some(object) = object.as_object_mut() {
            object.insert("token".to_owned(), text.into());
        }
        context.ui.json(&object)?;
        return Ok(Verdict::Done);
    }
    context.ui.line(text)?;
    let (id, until) = (&token.id, until(&token, now));
    context.ui.say(format!(
        "made token {id} for {principal}, {until}; it is not shown again"
    ));
    Ok(Verdict::Done)
}

fn list(place: &Place, context: &mut Context) -> Outcome {
    let now = now();
    for token in place.tokens()?.list()?.iter() {
        if context.ui.is_json() {
            context.ui.json(&to_json(token))?;
            continue;
        }
        let id = context.ui.paint(Style::Id, &token.id);
        let name = context.ui.paint(Style::Name, &token.principal);
        context
            .ui
            .line(format!("{id}  {name}  {}", until(token, now)))?;
    }
    Ok(Verdict::Done)
}

fn revoke(id: &str, place: &Place, context: &mut Context) -> Outcome {
    if !place.tokens()?.revoke(id)? {
        context.ui.error(
            &format!("there is no token '{id}'"),
            &["'irmin token list' lists them by their ids".to_owned()],
        );
        return Ok(Verdict::No);
    }
    context
        .ui
        .say(format!("token {id} is worthless from now on"));
    Ok(Verdict::Done)
}

fn to_json(token: &Token) -> Value {
    json!({
        "id": token.id,
        "principal": token.principal,
        "created": token.created,
        "expires": token.expires,
    })
}

/// Says how long a token is good yet.
fn until(token: &Token, now: u64) -> String {
    let Some(expires) = token.expires else {
        return "good for ever".to_owned();
    };
    match expires.saturating_sub(now) {
        0 => "expired".to_owned(),
        left @ 0..3600 => format!("good for {} min", left.div_ceil(60)),
        left @ 3600..172_800 => format!("good for {} h", left / 3600),
        left => format!("good for {} days", left / 86_400),
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
