use std::sync::Arc;

use irmin_conformance::{Place, suite};
use irmin_core::{Engine, MemoryStore};

/// Survives as long as the place does.
struct Memory(Arc<MemoryStore>);

impl Place for Memory {
    fn open(&self) -> Arc<dyn Engine> {
        Arc::clone(&self.0) as Arc<dyn Engine>
    }
}

#[test]
fn memory_passes_the_suite() {
    suite(&|| Box::new(Memory(Arc::default())));
}
