//! The decoder: whatever a workflow, job or credentials file holds, it comes back as a plan or as a message, never as a panic.
//!
//! `host` links V8 and decoding does not need it, so the module is taken from its folder, as `plan/tests/decode.rs` does. A
//! text is read under every kind of name, so files of `tests/decode` are seeds as they are.
#![no_main]

use std::io;
use std::path::Path;

use libfuzzer_sys::fuzz_target;

#[path = "../../host/src"]
#[allow(dead_code, unused_imports, reason = "in `host` these are the public surface")]
mod host {
    pub mod decode;
}

use host::decode::{self, Credentials, Files};

fuzz_target!(|text: &str| {
    let same = |_: &Path| Ok(text.to_owned());
    let nothing = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let list = |_: &Path| vec!["a.js".to_owned(), "b.ts".to_owned(), "a.json".to_owned()];
    for name in ["w.json", "w.yaml", "w.js"] {
        let credentials = Credentials::parse(Path::new(name), text);
        if let Err(error) = &credentials {
            assert!(!error.to_string().is_empty());
        }
        // Once where every file that is named holds the same text, and once where there is none.
        let beside: [&dyn Fn(&Path) -> io::Result<String>; 2] = [&same, &nothing];
        for read in beside {
            let files = Files { read, list: &list, credentials: credentials.as_ref().ok() };
            match decode::text(Path::new(name), text, &files) {
                Ok(decoded) => {
                    assert!(!decoded.plan.steps().is_empty());
                    for warning in &decoded.warnings {
                        assert!(!warning.to_string().is_empty());
                    }
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
});
