//! Makes the V8 startup snapshot: `js/` and the web APIs, compiled and evaluated once, here.

#![allow(clippy::disallowed_methods, reason = "a build script, not the library")]

use std::path::PathBuf;

#[path = "src/ops.rs"]
mod ops;

fn main() {
    println!("cargo:rerun-if-changed=src/ops.rs");
    println!("cargo:rerun-if-changed=../js");
    let snapshot = deno_core::snapshot::create_snapshot(
        deno_core::snapshot::CreateSnapshotOptions {
            cargo_manifest_dir: env!("CARGO_MANIFEST_DIR"),
            startup_snapshot: None,
            skip_op_registration: false,
            extensions: ops::extensions(),
            extension_transpiler: None,
            with_runtime_cb: None,
        },
        None,
    )
    .expect("the bootstrap scripts run");
    for file in &snapshot.files_loaded_during_snapshot {
        println!("cargo:rerun-if-changed={}", file.display());
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("snapshot.bin");
    std::fs::write(out, snapshot.output).expect("OUT_DIR can be written");
}
