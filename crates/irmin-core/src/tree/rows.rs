//! Reading a bucket's entries where they lie.

use bytes::Bytes;

use super::Mode;
use super::bucket::{Class, HEAD_BYTES, ROW_BYTES, Sub, Value, tag_parts};

/// A bucket seen in place: checked bytes, and what they point to.
#[derive(Clone, Copy, Debug)]
pub(super) struct BucketRef<'a> {
    bytes: &'a [u8],
    /// The same bytes, if they can be shared.
    shared: Option<&'a Bytes>,
    subs: &'a [Sub],
}

/// An entry seen in place.
#[derive(Clone, Copy)]
pub(crate) struct Slot<'a> {
    /// The part of the name that the bucket keeps.
    pub(super) suffix: &'a [u8],
    pub(super) class: Class,
    pub(super) mode: Mode,
    /// The value's encoding, and where in the bucket's bytes it lies.
    value: &'a [u8],
    pub(super) value_at: usize,
    /// Of an entry that points elsewhere.
    sub: Option<&'a Sub>,
    /// The bucket's bytes, if they can be shared.
    shared: Option<&'a Bytes>,
}

impl<'a> BucketRef<'a> {
    #[inline]
    pub(super) const fn new(bytes: &'a [u8], shared: Option<&'a Bytes>, subs: &'a [Sub]) -> Self {
        Self {
            bytes,
            shared,
            subs,
        }
    }

    pub(super) const fn subs(self) -> &'a [Sub] {
        self.subs
    }

    #[inline]
    pub(super) fn len(self) -> usize {
        usize::from(self.bytes[HEAD_BYTES - 1])
    }

    #[inline]
    pub(super) fn rows(self) -> &'a [[u8; ROW_BYTES]] {
        let end = HEAD_BYTES + self.len() * ROW_BYTES;
        self.bytes[HEAD_BYTES..end].as_chunks().0
    }

    /// Visits the entries in order.
    pub(super) fn slots(self) -> Slots<'a> {
        let rows = self.rows();
        let name_at = HEAD_BYTES + size_of_val(rows);
        Slots {
            bucket: self,
            rows,
            name_at,
            value_at: name_at + names_len(rows),
            sub: 0,
        }
    }

    /// Finds the entry whose name ends with `suffix`.
    #[inline]
    pub(super) fn find(self, suffix: &[u8]) -> Option<Slot<'a>> {
        let rows = self.rows();
        let names = self.bytes.get(HEAD_BYTES + size_of_val(rows)..)?;
        let (index, name) = position(rows, names, suffix)?;
        // From the end: the lengths of the names behind this one need not be looked at.
        let from_here: usize = rows[index..].iter().map(|row| usize::from(row[2])).sum();
        let value_at = self.bytes.len() - from_here;
        Some(self.slot(name, rows[index], value_at, self.sub_index(rows, index)))
    }

    /// Returns which of the subs the directory or large value is that a name leads to.
    pub(super) fn find_sub(self, suffix: &[u8]) -> Option<usize> {
        let rows = self.rows();
        let names = self.bytes.get(HEAD_BYTES + size_of_val(rows)..)?;
        let (index, _) = position(rows, names, suffix)?;
        is_sub(&rows[index]).then(|| self.sub_index(rows, index))
    }

    /// Returns how many subs come before an entry.
    #[inline]
    fn sub_index(self, rows: &[[u8; ROW_BYTES]], index: usize) -> usize {
        match self.subs.len() {
            0 => 0,
            len if len == rows.len() => index,
            _ => rows[..index].iter().filter(|row| is_sub(row)).count(),
        }
    }

    #[inline]
    fn slot(self, suffix: &'a [u8], row: [u8; ROW_BYTES], value_at: usize, sub: usize) -> Slot<'a> {
        let [_, tag, value_len] = row;
        // Tags were checked when the bucket was decoded.
        let (class, mode) = tag_parts(tag).unwrap_or((Class::Inline, Mode::Normal));
        Slot {
            suffix,
            class,
            mode,
            value: &self.bytes[value_at..value_at + usize::from(value_len)],
            value_at,
            sub: is_sub(&row).then(|| self.subs.get(sub)).flatten(),
            shared: self.shared,
        }
    }
}

/// Tells whether an entry points elsewhere.
#[inline]
const fn is_sub(row: &[u8; ROW_BYTES]) -> bool {
    row[1] >> 4 != Class::Inline as u8
}

/// Finds the row of a name in the names that lie one after the other.
#[inline]
fn position<'a>(
    rows: &[[u8; ROW_BYTES]],
    names: &'a [u8],
    sought: &[u8],
) -> Option<(usize, &'a [u8])> {
    let last = sought.last().copied().unwrap_or_default();
    let mut end = 0;
    for (index, row) in rows.iter().enumerate() {
        let len = usize::from(row[0]);
        end += len;
        // Names that lie together differ at their ends: this spares most comparisons.
        let is_like = len == sought.len() && names.get(end.wrapping_sub(1)) == Some(&last);
        if (is_like || sought.is_empty())
            && let Some(name) = names.get(end - len..end).filter(|name| *name == sought)
        {
            return Some((index, name));
        }
    }
    None
}

fn names_len(rows: &[[u8; ROW_BYTES]]) -> usize {
    rows.iter().map(|row| usize::from(row[0])).sum()
}

impl<'a> Slot<'a> {
    /// Returns the bytes of an inline value, shared with the bucket where that is possible.
    pub(super) fn inline(&self) -> Bytes {
        match self.shared {
            Some(bytes) => bytes.slice_ref(self.value),
            None => Bytes::copy_from_slice(self.value),
        }
    }

    /// Returns the value's encoding without sharing.
    pub(super) const fn raw(&self) -> &'a [u8] {
        self.value
    }

    #[inline]
    pub(super) const fn sub(&self) -> Option<&'a Sub> {
        self.sub
    }

    pub(super) fn to_value(self) -> Value {
        match self.sub().cloned() {
            None => Value::Inline(self.mode, self.inline()),
            Some(Sub::Blob(cell)) => Value::Blob(self.mode, cell),
            Some(Sub::Dir(link)) => Value::Dir(link),
        }
    }
}

/// The entries of a bucket in order.
pub(super) struct Slots<'a> {
    bucket: BucketRef<'a>,
    rows: &'a [[u8; ROW_BYTES]],
    pub(super) name_at: usize,
    pub(super) value_at: usize,
    sub: usize,
}

impl<'a> Iterator for Slots<'a> {
    type Item = Slot<'a>;

    fn next(&mut self) -> Option<Slot<'a>> {
        let (row, rest) = self.rows.split_first()?;
        let name_end = self.name_at + usize::from(row[0]);
        let name = &self.bucket.bytes[self.name_at..name_end];
        let slot = self.bucket.slot(name, *row, self.value_at, self.sub);
        self.rows = rest;
        self.name_at = name_end;
        self.value_at += slot.value.len();
        self.sub += usize::from(is_sub(row));
        Some(slot)
    }
}
