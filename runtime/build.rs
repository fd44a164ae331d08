//! Makes the V8 startup snapshot: `js/` and the web APIs, compiled and evaluated once, here.

#![allow(clippy::disallowed_methods, reason = "a build script, not the library")]

use std::path::PathBuf;

use deno_core::{Extension, ExtensionFileSource, v8};

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
            extensions: with_their_own_classes(ops::extensions()),
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
    check_archive();
}

/// The archive that is linked may be any; only a heap shows whether its pointers are compressed, by where it has to end.
fn check_archive() {
    const CAGE: usize = 4 << 30;
    let isolate = &mut v8::Isolate::new(v8::CreateParams::default().heap_limits(0, 2 * CAGE));
    let compressed = isolate.get_heap_statistics().heap_size_limit() < 2 * CAGE;
    let wanted = std::env::var_os("CARGO_FEATURE_POINTER_COMPRESSION").is_some();
    let (is, should) = if compressed { ("has", "without") } else { ("has no", "with") };
    assert_eq!(
        compressed, wanted,
        "the V8 that is linked {is} pointer compression, and this is the build {should} it\n  \
         to do: unset RUSTY_V8_ARCHIVE and build with `cargo xtask build`"
    );
}

/// Where scripts of `deno_fetch` take a class from the globals, when they need it, and what they are given instead: a job may
/// have put something else there.
const CLASSES: [(&str, &str); 3] = [
    (
        "ext:deno_fetch/21_formdata.js",
        "const { Headers } = __bootstrap.core.loadExtScript('ext:deno_fetch/20_headers.js');",
    ),
    (
        "ext:deno_fetch/22_body.js",
        "const { Blob } = __bootstrap.core.loadExtScript('ext:deno_web/09_file.js'); \
         const { ReadableStream } = __bootstrap.core.loadExtScript('ext:deno_web/06_streams.js');",
    ),
    ("ext:deno_fetch/26_fetch.js", "const { URL } = __bootstrap.core.loadExtScript('ext:deno_web/00_url.js');"),
];

fn with_their_own_classes(mut extensions: Vec<Extension>) -> Vec<Extension> {
    const OPENING: &str = "(function () {";
    for (specifier, classes) in CLASSES {
        let mut files = extensions.iter_mut().flat_map(|extension| extension.lazy_loaded_js_files.to_mut());
        let file = files.find(|file| file.specifier == specifier).expect("deno_fetch has this script");
        let script = file.load().expect("cargo has unpacked it").as_str().to_owned();
        assert!(script.contains(OPENING), "{specifier} is written in another way");
        let script = script.replacen(OPENING, &format!("{OPENING} {classes}"), 1);
        *file = ExtensionFileSource::new_computed(specifier, script.into());
    }
    extensions
}
