use std::sync::Arc;

use irmin_conformance::{Place, suite};
use irmin_core::Engine;
use irmin_pack::{Options, PackStore};
use tempfile::TempDir;

struct Pack(TempDir, Options);

impl Place for Pack {
    fn open(&self) -> Arc<dyn Engine> {
        let dir = self.0.path().join("repository");
        Arc::new(PackStore::open_or_create(&dir, self.1.clone()).unwrap())
    }
}

fn pack(options: Options) -> Box<dyn Place> {
    Box::new(Pack(TempDir::new().unwrap(), options))
}

#[test]
fn the_pack_passes_the_suite() {
    suite(&|| pack(Options::default()));
}

#[test]
fn a_pack_of_tiny_segments_passes_the_suite() {
    let options = Options {
        segment_bytes: 32 << 10,
        pending_bytes: 1 << 10,
        cache_bytes: 4 << 10,
        ..Options::default()
    };
    suite(&|| pack(options.clone()));
}

#[test]
fn a_pack_that_maps_nothing_passes_the_suite() {
    let options = Options {
        segment_bytes: 100 << 10,
        map: false,
        ..Options::default()
    };
    suite(&|| pack(options.clone()));
}
