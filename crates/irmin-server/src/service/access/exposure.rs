//! Whether a server may start on the addresses that it is told.

use crate::service::error::ServiceError;

/// How one listener can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// What it is called in messages, such as `tcp://0.0.0.0:8080`.
    pub name: String,
    /// Only programs on this machine get here: a loopback address, a Unix socket, a pipe.
    pub is_local: bool,
    /// What is sent is encrypted.
    pub is_tls: bool,
}

/// Who may come in without saying who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Entry {
    /// All may, and do all: there are no rules, and only this machine gets here.
    Open,
    /// Nobody who does not say who it is; those who do, may do all: there are no rules.
    Known,
    /// The rules say it.
    #[default]
    Rules,
}

/// Decides who may come in, or that the server must not start.
///
/// Without rules, and when only this machine gets here, all is open. Else each door that others
/// reach needs TLS, and somebody must be able to say who it is: there is at least one token, or
/// certificates are mapped to principals. `insecure` overrides both.
///
/// # Errors
/// [`ServiceError`] of kind `Invalid` that names the door and what to do.
pub fn entry(
    doors: &[Door],
    has_rules: bool,
    has_principals: bool,
    insecure: bool,
) -> Result<Entry, ServiceError> {
    let reached: Vec<&Door> = doors.iter().filter(|door| !door.is_local).collect();
    let entry = match (has_rules, reached.is_empty()) {
        (true, _) => Entry::Rules,
        (false, true) => return Ok(Entry::Open),
        (false, false) if insecure => return Ok(Entry::Open),
        (false, false) => Entry::Known,
    };
    if insecure {
        return Ok(entry);
    }
    if let Some(plain) = reached.iter().find(|door| !door.is_tls) {
        return Err(ServiceError::invalid(format!(
            "'{}' can be reached from other machines without TLS; give a certificate, listen on \
             loopback or a Unix socket, or say --insecure",
            plain.name
        )));
    }
    match reached.first() {
        Some(door) if !has_principals => Err(ServiceError::invalid(format!(
            "'{}' can be reached from other machines and nobody could say who they are; make a \
             token (irmin token create), map certificates, or say --insecure",
            door.name
        ))),
        _ => Ok(entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(name: &str) -> Door {
        Door {
            name: name.to_owned(),
            is_local: !name.contains("0.0.0.0"),
            is_tls: name.starts_with("tls+"),
        }
    }

    const LOOPBACK: &str = "tcp://127.0.0.1:80";
    const PLAIN: &str = "tcp://0.0.0.0:80";
    const TLS: &str = "tls+tcp://0.0.0.0:80";

    /// What comes of each case; `None` refuses to start.
    fn expected(doors: &[&str], rules: bool, principals: bool, insecure: bool) -> Option<Entry> {
        let is_local = doors.iter().all(|door| *door == LOOPBACK);
        let is_safe = is_local || (principals && !doors.contains(&PLAIN));
        match (is_safe || insecure, rules) {
            (false, _) => None,
            (true, true) => Some(Entry::Rules),
            (true, false) if is_local || insecure => Some(Entry::Open),
            (true, false) => Some(Entry::Known),
        }
    }

    #[test]
    fn only_what_this_machine_alone_reaches_or_tls_with_principals_starts_without_insecure() {
        let sets: [&[&str]; 6] = [
            &[],
            &[LOOPBACK],
            &[PLAIN],
            &[TLS],
            &[LOOPBACK, PLAIN],
            &[LOOPBACK, TLS],
        ];
        for names in sets {
            let doors: Vec<Door> = names.iter().map(|name| door(name)).collect();
            for case in 0..8 {
                let [rules, principals, insecure] = [1, 2, 4].map(|bit| case & bit != 0);
                let found = entry(&doors, rules, principals, insecure).ok();
                let expected = expected(names, rules, principals, insecure);
                assert_eq!(found, expected, "{names:?} {rules} {principals} {insecure}");
            }
        }
    }

    #[test]
    fn whoever_is_refused_hears_which_door_and_what_to_do() {
        let error = entry(&[door(LOOPBACK), door(PLAIN)], false, true, false).unwrap_err();
        assert!(error.message.contains(PLAIN) && error.message.contains("--insecure"));
        let error = entry(&[door(TLS)], true, false, false).unwrap_err();
        assert!(error.message.contains("irmin token create"), "{error}");
    }
}
