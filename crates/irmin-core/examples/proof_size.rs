//! How large a proof of one path is, by the size of its directory.
//! `cargo run --release -p irmin-core --example proof_size`

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use irmin_core::{Env, MemoryStore, Path, Proof, Repo, Tree};

fn main() -> irmin_core::Result<()> {
    for entries in [10, 1_000, 100_000, 1_000_000] {
        let repo = Repo::new(Arc::new(MemoryStore::new()), Env::fixed(0));
        let mut tree = Tree::empty();
        for number in 0..entries {
            let path = Path::parse(format!("dir/user-{:08x}", scramble(number)))?;
            tree.set(&path, number.to_string())?;
        }
        let commit = repo.create_commit(&tree, &[], repo.info("prove it")?)?;
        let commit = repo.must_load(commit.id())?;
        for (what, name) in [
            ("present", format!("dir/user-{:08x}", scramble(entries / 2))),
            ("absent", "dir/user-none".to_owned()),
        ] {
            let start = Instant::now();
            let proof = Proof::of_paths(&commit, &[Path::parse(&name)?], false)?;
            let bytes = proof.encode();
            let made = start.elapsed();
            let start = Instant::now();
            Proof::decode(&bytes)?.claims()?;
            let (objects, length) = (proof.objects(), bytes.len());
            println!(
                "{entries:>9} entries, {what:7}: {length:>5} bytes, {objects} objects, made in {made:.0?}, checked in {:.0?}",
                start.elapsed()
            );
        }
    }
    Ok(())
}

/// Spreads numbers over 32 bits, one to one.
const fn scramble(number: u32) -> u32 {
    number.wrapping_mul(0x9e37_79b1)
}
