//! Wb: values of 1 KiB, 1 MiB and 256 MiB, written and read as streams; and the largest one again
//! with a byte more in its middle.

use std::path::Path;

use crate::large::{Expected, LargeValue, Source};
use crate::measure::{Phase, add_memory, drop_page_cache, time, time_writes};
use crate::peers::{Peer, Store};
use crate::report::whole;
use crate::{Result, data};

/// So many values of one size, put there in one commit.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) name: &'static str,
    pub(super) count: u64,
    pub(super) bytes: u64,
    /// Whether a byte is inserted in the first value afterwards.
    pub(super) inserts: bool,
}

pub(super) fn run(peer: Peer, dir: &Path, load: Load) -> Result<Vec<Phase>> {
    let source = Source::new();
    let mut store = peer.create(dir)?;
    let mut phases = Vec::new();
    let mut values = (0..load.count).map(|number| load.value(&source, number));
    phases.push(load.put("in", store.as_mut(), &mut values)?);
    if peer.has_files() {
        drop(store);
        drop_page_cache(dir)?;
        store = peer.open(dir)?;
    }
    for pass in ["out cold", "out again"] {
        phases.push(load.read(pass, store.as_ref(), &source)?);
    }
    if load.inserts {
        let middle = load.bytes / 2;
        let longer = || load.value(&source, 0).with_byte_inserted_at(middle);
        phases.push(load.put("+ 1 byte", store.as_mut(), &mut std::iter::once(longer()))?);
        read(store.as_ref(), longer())?;
    }
    Ok(phases)
}

impl Load {
    fn value(&self, source: &Source, number: u64) -> LargeValue {
        let key = format!("{}/{}", number / 1000, number % 1000);
        source.value(key, 100 + number, self.bytes)
    }

    fn put(
        &self,
        what: &str,
        store: &mut dyn Store,
        values: &mut dyn Iterator<Item = LargeValue>,
    ) -> Result<Phase> {
        let mut count = 0;
        let mut counted = values.inspect(|_| count += 1);
        let name = format!("Wb {} {what}", self.name);
        let mut phase = time_writes(&name, 1, store, |store| store.put_blobs(&mut counted))?;
        phase.sample.operations = count;
        self.add_rate(&mut phase);
        add_memory(&mut phase)?;
        Ok(phase)
    }

    /// Reads all values in an order that is not the one in which they were written.
    fn read(&self, pass: &str, store: &dyn Store, source: &Source) -> Result<Phase> {
        let name = format!("Wb {} {pass}", self.name);
        let mut phase = time(&name, self.count, || {
            let mut reader = store.reader("main")?;
            for number in data::indices(100, self.count).take(usize::try_from(self.count)?) {
                let value = self.value(source, number);
                let key = value.key().to_owned();
                let mut expected = Expected::new(value);
                reader.copy_to(&key, &mut expected)?;
                expected.end()?;
            }
            Ok(())
        })?;
        self.add_rate(&mut phase);
        add_memory(&mut phase)?;
        Ok(phase)
    }

    fn add_rate(&self, phase: &mut Phase) {
        let bytes = whole(phase.sample.operations * self.bytes);
        phase.add("MB/s", bytes / 1e6 / phase.sample.wall_seconds);
    }
}

fn read(store: &dyn Store, value: LargeValue) -> Result<()> {
    let key = value.key().to_owned();
    let mut expected = Expected::new(value);
    store.reader("main")?.copy_to(&key, &mut expected)?;
    expected.end()
}
