//! The adaptor that is part of the program, so that jobs run with nothing installed: `adaptors/common`.

use std::io;
use std::path::Path;

/// An adaptor that is part of the program.
pub(super) struct BuiltIn {
    /// What people call it.
    pub(super) name: &'static str,
    /// The npm package that it stands in for.
    pub(super) package: &'static str,
    pub(super) entry: &'static str,
    /// For people.
    pub(super) exports: &'static str,
}

const COMMON: BuiltIn = BuiltIn {
    name: "common",
    package: "@openfn/language-common",
    entry: "common/index.js",
    exports: "fn, fnIf, each, combine, dataPath, dataValue, lastReferenceValue, field, fields, merge, sourceValue, as, map, \
              cursor",
};

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../adaptors/", $path)))),*]
    };
}

const FILES: &[(&str, &str)] =
    files!["common/dates.js", "common/filter.js", "common/index.js", "common/path.js", "common/references.js",];

/// The built-in adaptor of that name, or in place of that package.
pub(super) fn find(name: &str) -> Option<&'static BuiltIn> {
    [&COMMON].into_iter().find(|builtin| name == builtin.name || name == builtin.package)
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    [COMMON.name, COMMON.package].into_iter()
}

pub(super) fn read(path: &Path) -> io::Result<String> {
    let file = FILES.iter().find(|(file, _)| Path::new(file) == path);
    file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
}
