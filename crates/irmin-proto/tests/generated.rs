//! The generated code is what the `.proto` files say.

use std::path::{Path, PathBuf};

/// Set to `overwrite`, the generated files are written instead of compared.
const VARIABLE: &str = "IRMIN_PROTO";

#[test]
fn generated_files_are_what_the_proto_files_say() {
    let fresh = tempfile::tempdir().expect("a temporary directory");
    generate(fresh.path());
    let kept = root().join("src/generated");
    for name in ["irmin.v1.rs", "irmin.v1.bin"] {
        let new = std::fs::read(fresh.path().join(name)).expect("it was generated");
        if std::env::var(VARIABLE).is_ok_and(|value| value == "overwrite") {
            std::fs::write(kept.join(name), &new).expect("it can be written");
            continue;
        }
        let old = std::fs::read(kept.join(name)).unwrap_or_default();
        assert!(
            old == new,
            "src/generated/{name} is stale: run {VARIABLE}=overwrite cargo test -p irmin-proto"
        );
    }
}

fn generate(to: &Path) {
    let protos = root().join("proto");
    let mut files: Vec<PathBuf> = std::fs::read_dir(protos.join("irmin/v1"))
        .expect("the protos are there")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let descriptors = protox::compile(&files, [&protos]).expect("the protos are right");
    tonic_prost_build::configure()
        .build_transport(false)
        .bytes(".")
        .out_dir(to)
        .compile_fds(descriptors.clone())
        .expect("code is generated");
    std::fs::write(to.join("irmin.v1.bin"), encode(descriptors)).expect("it can be written");
}

/// Encodes descriptors without comments and places, which nobody asks a server for.
fn encode(mut descriptors: tonic_prost_build::FileDescriptorSet) -> Vec<u8> {
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    prost::Message::encode_to_vec(&descriptors)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
