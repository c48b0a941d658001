//! The test kit tested: the memory store against the conformance suite, the simulator against itself.

use std::sync::Arc;

use bedplate_store::MemoryStore;
use bedplate_testkit::store_conformance;

#[test]
fn the_memory_store_conforms() {
    store_conformance(|| Arc::new(MemoryStore::new()));
}
