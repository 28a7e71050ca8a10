//! `irmin serve`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, value_parser};
use irmin_server::config::{KEYS, Key, Kind, Settings, Sources};
use irmin_server::ops::{self, End, Started};
use irmin_server::service::{Entry, ServiceError};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Failure, Outcome, Verdict};
use crate::paint::Style;
use crate::ui::Ui;

const ABOUT: &str = "Serve repositories to browsers and programs";

const LONG_ABOUT: &str = "\
Serve repositories to browsers and programs

Without any option, opens the store in ./irmin-data or makes it there, listens on this machine only, and lets \
everybody on it do everything. SIGTERM and Ctrl-C answer what is under way and stop; a second one stops at once. \
SIGHUP has rules and certificates read again.

Each option is also a key in FILE (drain = \"30s\") and in the environment (IRMIN_SERVE_DRAIN=30s). An option goes \
before the environment, and that before FILE.";

/// The options, which are made of the keys of the settings.
#[derive(Debug)]
pub(crate) struct Args {
    config: Option<PathBuf>,
    prints: bool,
    flags: BTreeMap<String, Vec<String>>,
}

impl clap::Args for Args {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("The file of settings, as TOML [default: IRMIN_SERVE_CONFIG, or none]");
        let prints = Arg::new("print-config")
            .long("print-config")
            .action(ArgAction::SetTrue)
            .help(
                "Print what holds, as a file of settings, and where it comes from; do nothing else",
            );
        let command = command.about(ABOUT).long_about(LONG_ABOUT);
        command.args([config, prints]).args(KEYS.iter().map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn arg(key: &Key) -> Arg {
    let help = match (key.default, key.kind) {
        ("", _) | (_, Kind::Switch) => key.help.to_owned(),
        (default, Kind::Choice(words)) => {
            format!("{}: {} [default: {default}]", key.help, words.join(" | "))
        }
        (default, _) => format!("{} [default: {default}]", key.help),
    };
    let arg = Arg::new(key.name).long(key.name).help(help);
    let arg = match key.is_limit() {
        true => arg.help_heading("Limits").hide_short_help(true),
        false => arg,
    };
    match key.kind {
        Kind::Switch => arg.action(ArgAction::SetTrue),
        Kind::List => arg.value_name(key.value).action(ArgAction::Append),
        _ => arg.value_name(key.value).allow_hyphen_values(true),
    }
}

impl FromArgMatches for Args {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flags = KEYS.iter().filter_map(|key| {
            let texts: Vec<String> = match key.kind {
                Kind::Switch if matches.get_flag(key.name) => vec!["true".to_owned()],
                Kind::Switch => return None,
                _ => matches.get_many::<String>(key.name)?.cloned().collect(),
            };
            Some((key.name.to_owned(), texts))
        });
        Ok(Self {
            config: matches.get_one::<PathBuf>("config").cloned(),
            prints: matches.get_flag("print-config"),
            flags: flags.collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::new(error.message)
    }
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Outcome {
    if context.is_told_where() {
        return Err(Failure::new(
            "a server has all repositories of a directory, with all their branches",
        )
        .hint("'--data DIR' names the directory"));
    }
    let sources = Sources::of_process(args.config.clone(), args.flags.clone());
    if args.prints {
        let values = sources.read()?;
        // What cannot be is not printed as what holds.
        Settings::new(&values)?;
        context.ui.text(values.to_toml())?;
        return Ok(Verdict::Done);
    }
    let mut told = Ok(());
    let ui = &mut context.ui;
    let end = ops::run(&sources, |started| told = tell(ui, started))?;
    told?;
    match end {
        End::Drained => {
            context
                .ui
                .say("stopped; all that was acknowledged is durable");
            Ok(Verdict::Done)
        }
        End::AtOnce => {
            context
                .ui
                .say("stopped at once; what was not acknowledged may be lost");
            Ok(Verdict::No)
        }
    }
}

/// Says where it is, and what can be done there.
fn tell(ui: &mut Ui, started: &Started) -> Result<(), Failure> {
    let endpoints: Vec<String> = started.endpoints.iter().map(ToString::to_string).collect();
    let metrics: Vec<String> = started.metrics.iter().map(ToString::to_string).collect();
    if ui.is_json() {
        ui.json(&json!({
            "listening": endpoints,
            "metrics": metrics,
            "data": started.data.to_string_lossy(),
            "repositories": started.repositories,
            "entry": entry_name(started.entry),
        }))?;
        return ui.finish();
    }
    let data = started.data.canonicalize();
    let data = data.unwrap_or_else(|_| started.data.clone());
    ui.line(format!("Irminsule serves {}", data.display()))?;
    let repository = started.repositories.first().map_or("main", String::as_str);
    for (label, place) in places(&endpoints, repository) {
        let place = ui.paint(Style::Name, place);
        ui.line(format!("  {label:<8} {place}"))?;
    }
    for place in metrics.iter().filter_map(|endpoint| http(endpoint)) {
        ui.line(format!("  {:<8} {place}/metrics", "figures"))?;
    }
    ui.line(who(started.entry))?;
    let remote = places(&endpoints, repository).into_iter();
    let mut remote = remote.filter(|(label, _)| *label == "gRPC");
    if let (true, Some((_, url))) = (started.is_trial, remote.next()) {
        ui.line(format!(
            "Pages show at once what changes, such as by: irmin --repo {url} set welcome hello"
        ))?;
    }
    ui.line("Ctrl-C stops it.")?;
    ui.finish()
}

/// Returns what is found where, at the first address of each kind; of others only where they are.
fn places(endpoints: &[String], repository: &str) -> Vec<(&'static str, String)> {
    let mut places = Vec::new();
    for endpoint in endpoints {
        let Some(http) = http(endpoint) else {
            places.push(("gRPC", unix(endpoint, repository)));
            continue;
        };
        if places.iter().any(|(label, _)| *label == "pages") {
            places.push(("also at", http));
            continue;
        }
        let irmin = http
            .replacen("https:", "irmin+tls:", 1)
            .replacen("http:", "irmin:", 1);
        places.push(("pages", format!("{http}/")));
        places.push(("API", format!("{http}/api/v1/")));
        places.push(("gRPC", format!("{irmin}/{repository}")));
        places.push(("figures", format!("{http}/metrics")));
    }
    places
}

/// Returns the beginning of URLs at an endpoint that a browser reaches.
fn http(endpoint: &str) -> Option<String> {
    let tls = endpoint.strip_prefix("tls+tcp://");
    let tls = tls.map(|host| format!("https://{}", host.split('?').next().unwrap_or(host)));
    tls.or_else(|| Some(format!("http://{}", endpoint.strip_prefix("tcp://")?)))
}

fn unix(endpoint: &str, repository: &str) -> String {
    match endpoint.strip_prefix("unix://") {
        Some(path) => format!("irmin+unix://{path} ({repository})"),
        None => endpoint.to_owned(),
    }
}

fn entry_name(entry: Entry) -> &'static str {
    match entry {
        Entry::Open => "open",
        Entry::Known => "known",
        Entry::Rules => "rules",
    }
}

fn who(entry: Entry) -> &'static str {
    match entry {
        Entry::Open => "Everybody who gets there may do everything.",
        Entry::Known => {
            "Who shows a token or a certificate may do everything, nobody else anything."
        }
        Entry::Rules => "The rules say who may do what.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_told_as_what_a_browser_or_a_program_takes() {
        let endpoints = [
            "tls+tcp://[::1]:7464",
            "tcp://127.0.0.1:80",
            "unix:///run/irmin.sock",
        ];
        let told = places(&endpoints.map(str::to_owned), "main");
        let expected = [
            ("pages", "https://[::1]:7464/"),
            ("API", "https://[::1]:7464/api/v1/"),
            ("gRPC", "irmin+tls://[::1]:7464/main"),
            ("figures", "https://[::1]:7464/metrics"),
            ("also at", "http://127.0.0.1:80"),
            ("gRPC", "irmin+unix:///run/irmin.sock (main)"),
        ];
        let told: Vec<(&str, &str)> = told
            .iter()
            .map(|(label, place)| (*label, place.as_str()))
            .collect();
        assert_eq!(told, expected);
    }
}
