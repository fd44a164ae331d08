//! `cargo xtask build`: the program as a release, in either variant.

use crate::{
    v8::{self, Request},
    variant::Variant,
    workspace,
};
use anyhow::{Context as _, Result, ensure};
use std::{ffi::OsString, path::Path};

/// Builds; `more` goes to cargo as it is. The last line says where the program is.
pub(crate) fn run(root: &Path, variant: Variant, more: &[OsString]) -> Result<()> {
    v8::ensure(root, &Request { variant, ..Request::default() })?;
    let target = variant.target(&workspace::target(root)?);
    let mut command = workspace::cargo(root);
    command.args(["build", "--release"]).args(variant.cargo_args()).arg("--target-dir").arg(&target).args(more);
    if let Some(bindings) = v8::bindings(root, variant)? {
        command.env(v8::BINDINGS, bindings);
    }
    let status = command.status().context("running cargo build")?;
    ensure!(status.success(), "the build failed ({status}); its message is above");
    if more.is_empty() {
        println!("{}", target.join("release").join(format!("fulgurite{}", std::env::consts::EXE_SUFFIX)).display());
    }
    Ok(())
}
