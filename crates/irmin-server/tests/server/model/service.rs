//! The service itself, without a transport.

use irmin_server::service::{
    Caller, CommitOptions, Deadline, Details, ErrorKind, Precondition, Result, Scope, Server,
    Transaction, Write,
};

use super::client::{Ask, Told};
use super::doors::{all_read, nothing_read};
use super::{REGISTERS, number, register, text};
use crate::linear::Did;
use crate::support::path;

pub(super) async fn ask(server: &Server, ask: &Ask, key: &str) -> Told {
    let caller = Caller::local();
    let (ask, key) = (ask.clone(), key.to_owned());
    let run = server.run(&caller, "main", Deadline::never(), move |scope| match ask {
        Ask::Read => read(scope),
        Ask::Write(register, value) => write(scope, register, None, value, &key),
        Ask::Swap(register, expected, value) => write(scope, register, Some(expected), value, &key),
        Ask::Session(_, to, value) => write(scope, to, None, value, &key),
    });
    run.await.expect("it answers")
}

fn read(scope: &Scope) -> Result<Told> {
    let Some(head) = scope.head("main")? else {
        return Ok(Told::Done(nothing_read(), None));
    };
    let mut seen = [None; REGISTERS];
    for (each, seen) in seen.iter_mut().enumerate() {
        let entry = scope.get(&head, &path(&register(each)))?;
        let blob = entry.and_then(|entry| entry.into_blob());
        let bytes = blob.map(|blob| blob.bytes()).transpose()?;
        *seen = bytes.map(|bytes| number(&bytes));
    }
    let id = head.id().as_bytes().to_vec();
    Ok(Told::Done(all_read(seen), Some(id)))
}

fn write(
    scope: &Scope,
    register_of: usize,
    expected: Option<Option<u64>>,
    value: u64,
    key: &str,
) -> Result<Told> {
    let place = path(&register(register_of));
    let precondition = expected.map(|expected| match expected {
        None => Precondition::Absent(place.clone()),
        Some(value) => Precondition::Bytes(place.clone(), text(value).into_bytes()),
    });
    let transaction = Transaction {
        preconditions: precondition.into_iter().collect(),
        writes: vec![Write::Set {
            path: place,
            bytes: text(value).into(),
            mode: irminsule::Mode::Normal,
        }],
    };
    let key = transaction.key(key, "main", "test")?;
    let options = CommitOptions::new("test").request(Some(key));
    let done = match scope.apply("main", &transaction, &options) {
        Ok(done) => done,
        Err(error) if matches!(error.details, Details::Precondition { .. }) => {
            assert_eq!(error.kind, ErrorKind::Conflict);
            let did = Did::Refused(expected.expect("only these fail"));
            return Ok(Told::Done(vec![(register_of, did)], None));
        }
        Err(error) => return Err(error),
    };
    let did = match expected {
        None => Did::Write(value),
        Some(expected) => Did::Swap(expected, value),
    };
    let commit = done.commit.expect("a new value changes something");
    let id = commit.id().as_bytes().to_vec();
    Ok(Told::Done(vec![(register_of, did)], Some(id)))
}
