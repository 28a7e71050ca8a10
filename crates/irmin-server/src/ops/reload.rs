//! Taking over changed rules and certificates while serving.

use std::collections::BTreeMap;
use std::fs;

use conduit::TlsServer;

use super::doors;
use crate::config::{Settings, Sources, Values};
use crate::service::{AccessConfig, Door, Result, Rules, Server, ServiceError, Tokens, entry};

/// What takes effect without a new start; all else waits for one.
const LIVE: [&str; 7] = [
    "rules",
    "principals",
    "certificate",
    "key",
    "client-ca",
    "client-certificates",
    "insecure",
];

/// What is needed to read everything again.
pub(super) struct Reloader {
    pub(super) sources: Sources,
    /// What held at the start.
    pub(super) values: Values,
    pub(super) reach: Vec<Door>,
    pub(super) tls: Option<TlsServer>,
    pub(super) server: Server,
}

impl Reloader {
    /// Reads everything again, and takes it over if all of it is good: else all stays as it was. Says
    /// in the log what came of it. Blocks.
    pub(super) fn reload(&self) {
        match self.try_reload() {
            Ok(waiting) if waiting.is_empty() => tracing::info!("took over the settings"),
            Ok(waiting) => tracing::warn!(
                "took over rules and certificates; a change of {} takes effect with the next start",
                waiting.join(", ")
            ),
            Err(error) => tracing::error!("kept the settings as they were: {error}"),
        }
    }

    fn try_reload(&self) -> Result<Vec<&'static str>> {
        let values = self.sources.read()?;
        let settings = Settings::new(&values)?;
        let access = access(&settings, &self.reach)?;
        match (&self.tls, &settings.tls) {
            (Some(tls), Some(files)) => {
                let (identity, clients) = doors::read_tls(files)?;
                tls.reload(&identity, &clients).map_err(doors::unusable)?;
            }
            (None, None) => {}
            _ => {
                let message = "TLS begins and ends with a new start only";
                return Err(ServiceError::invalid(message));
            }
        }
        self.server.access().reload(access);
        let mut waiting = values.changed(&self.values);
        waiting.retain(|name| !LIVE.contains(name));
        Ok(waiting)
    }
}

/// Reads who may come in and do what, and refuses what [`entry`] refuses.
pub(super) fn access(settings: &Settings, reach: &[Door]) -> Result<AccessConfig> {
    let rules = match &settings.rules {
        None => Rules::default(),
        Some(path) => {
            let named = |error: &dyn std::fmt::Display| {
                ServiceError::invalid(format!("the rules in '{}': {error}", path.display()))
            };
            let text = fs::read_to_string(path).map_err(|error| named(&error))?;
            Rules::parse(&text).map_err(|error| named(&error))?
        }
    };
    let certificates: BTreeMap<_, _> = settings.principals.clone();
    let tokens = Tokens::new(settings.data.join("tokens.json")).list()?;
    let has_principals = !tokens.is_empty() || !certificates.is_empty();
    // A file of rules with no rule in it grants nothing; no file means that there are no rules.
    let has_rules = settings.rules.is_some();
    let entry = entry(reach, has_rules, has_principals, settings.insecure)?;
    Ok(AccessConfig {
        rules,
        certificates,
        entry,
        any_name: settings.insecure,
    })
}
