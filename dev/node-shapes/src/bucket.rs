//! The radix tree's leaf: count, `{name_len u8, tag u8, value_len u8}` each, names, values.

use crate::log::{Child, Entry, Log, Owned, TREE, u16_at};
use std::ops::Range;

pub(crate) const KIND: u8 = 2;

/// Writes a bucket whose names lose their first `cut` bytes.
pub(crate) fn write(log: &mut Log, entries: &[Entry<'_>], cut: usize) -> Child {
    let mut body = Vec::with_capacity(3 + entries.len() * 128);
    body.push(KIND);
    body.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    for e in entries {
        body.extend_from_slice(&[(e.name.len() - cut) as u8, e.tag, e.value.len() as u8]);
    }
    for e in entries {
        body.extend_from_slice(&e.name[cut..]);
    }
    for e in entries {
        body.extend_from_slice(e.value);
    }
    log.put(&body, &locators(entries), entries.len() as u64)
}

/// One locator an entry, but only if a subdirectory is among them.
pub(crate) fn locators(entries: &[Entry<'_>]) -> Vec<u64> {
    if entries.iter().any(|e| e.tag == TREE) {
        entries.iter().map(|e| e.loc).collect()
    } else {
        Vec::new()
    }
}

/// The position and the value's range within the body.
pub(crate) fn find(body: &[u8], suffix: &[u8]) -> Option<(usize, Range<usize>)> {
    let n = u16_at(body, 1);
    let heads = &body[3..3 + 3 * n];
    let mut at = 3 + 3 * n;
    for (i, head) in heads.chunks_exact(3).enumerate() {
        let len = usize::from(head[0]);
        if len == suffix.len() && &body[at..at + len] == suffix {
            for later in heads[3 * i..].chunks_exact(3) {
                at += usize::from(later[0]);
            }
            for earlier in heads[..3 * i].chunks_exact(3) {
                at += usize::from(earlier[2]);
            }
            return Some((i, at..at + usize::from(head[2])));
        }
        at += len;
    }
    None
}

/// All entries, their names completed by `prefix`.
pub(crate) fn read(log: &Log, off: u64, prefix: &[u8]) -> Vec<Owned> {
    let body = log.body(off);
    let n = u16_at(body, 1);
    let mut at = 3 + 3 * n;
    let mut value_at = at + (0..n).map(|i| usize::from(body[3 + 3 * i])).sum::<usize>();
    let located = log.locators(off) > 0;
    (0..n)
        .map(|i| {
            let (len, value_len) = (usize::from(body[3 + 3 * i]), usize::from(body[5 + 3 * i]));
            let name = [prefix, &body[at..at + len]].concat();
            let value = body[value_at..value_at + value_len].to_vec();
            at += len;
            value_at += value_len;
            let loc = if located { log.locator(off, i) } else { 0 };
            Owned {
                name,
                tag: body[4 + 3 * i],
                value,
                loc,
            }
        })
        .collect()
}

/// The suffixes only.
pub(crate) fn names(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let n = u16_at(body, 1);
    let mut at = 3 + 3 * n;
    (0..n).map(move |i| {
        let start = at;
        at += usize::from(body[3 + 3 * i]);
        &body[start..at]
    })
}
