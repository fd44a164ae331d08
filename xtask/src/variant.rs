//! The two builds of the program: V8 as usual, and V8 with compressed pointers (`docs/pointer-compression.md`).

use std::path::{Path, PathBuf};

/// Which V8 is linked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Pointers as they are.
    #[default]
    Usual,
    /// Pointers within the heap in four bytes.
    PointerCompression,
}

impl Variant {
    /// What tells cargo of it.
    pub(crate) fn cargo_args(self) -> &'static [&'static str] {
        match self {
            Variant::Usual => &[],
            Variant::PointerCompression => &["--features", "fulgurite/pointer-compression"],
        }
    }

    /// Where it is built: each has a folder of its own, so that neither throws away what the other has compiled.
    pub(crate) fn target(self, usual: &Path) -> PathBuf {
        match self {
            Variant::Usual => usual.to_owned(),
            Variant::PointerCompression => usual.join("pointer-compression"),
        }
    }
}
