//! Wb: what streams of large values write and hold in memory.

use allocation_counter::measure;
use irmin_bench::Source;
use irminsule::{Blob, Durability, Path, Tree};

use crate::Result;
use crate::counted::{Counted, within};

const BYTES: u64 = 12 << 20;

fn store(counted: &Counted, value: &mut impl std::io::Read) -> Result {
    let objects = counted.repo.objects();
    let mut tree = Tree::empty();
    tree.set(&Path::parse("large")?, Blob::write(&objects, value)?)?;
    let main = counted.repo.branch("main")?;
    let head = main.head()?;
    main.commit(
        &tree,
        head.as_ref(),
        counted.repo.info("budget")?,
        Durability::None,
    )?;
    Ok(())
}

#[test]
fn a_large_value_streams_through_little_memory() -> Result {
    let source = Source::new();
    let counted = Counted::create()?;
    let mut outcome = Ok(());
    let work = counted.work(|| {
        let mut value = source.value("large".into(), 1, BYTES);
        let info = measure(|| outcome = store(&counted, &mut value));
        within(
            "Wb: bytes held in memory, in",
            info.bytes_max,
            1,
            5_300_000.0,
        );
        outcome
    })?;
    within("Wb: bytes written a byte", work.bytes_written, BYTES, 1.1);
    let counted = counted.reopened()?;
    let tree = counted.repo.branch("main")?.tree()?;
    let blob = tree
        .get_blob(&Path::parse("large")?)?
        .ok_or("it is there")?;
    let mut outcome = Ok(());
    let info = measure(|| outcome = blob.copy_to(&mut std::io::sink()));
    outcome?;
    within("Wb: bytes held in memory, out", info.bytes_max, 1, 20_000.0);
    Ok(())
}

#[test]
fn a_byte_inserted_in_a_large_value_writes_a_few_chunks() -> Result {
    let source = Source::new();
    let counted = Counted::create()?;
    let value = || source.value("large".into(), 1, BYTES);
    store(&counted, &mut value())?;
    let mut longer = value().with_byte_inserted_at(BYTES / 2);
    let work = counted.work(|| store(&counted, &mut longer))?;
    within(
        "Wb: bytes written for a byte",
        work.bytes_written,
        1,
        642_000.0,
    );
    Ok(())
}
