//! The V8 archive: which one this workspace links, what it is called, and where the `v8` crate looks for it.
//!
//! The crate's build script decides all of that; this file follows it, fed from cargo's own answer (`cargo metadata`,
//! which means `Cargo.lock`) so that moving to another V8 changes nothing here.

use crate::{variant::Variant, workspace};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Where the crate's releases are when `RUSTY_V8_MIRROR` names no other place.
const RELEASES: &str = "https://github.com/denoland/rusty_v8/releases/download";

/// Features that an archive's name shows, in this order.
const MARKS: [(&str, &str); 3] =
    [("v8_enable_pointer_compression", "_ptrcomp"), ("v8_enable_sandbox", "_sandbox"), ("simdutf", "_simdutf")];

/// The `v8` crate of this workspace as `Cargo.lock` fixes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archive {
    /// `150.4.0`.
    pub(crate) version: String,
    /// The target triple that cargo builds for.
    pub(crate) target: String,
    /// The crate's features as the workspace unifies them.
    pub(crate) features: Vec<String>,
    /// The unpacked crate, whole V8 source included.
    pub(crate) source: PathBuf,
    /// The place that archives are downloaded from, without a slash at the end.
    pub(crate) base: String,
}

impl Archive {
    /// Asks cargo. Downloads crates that the workspace needs and this machine does not have yet.
    pub(crate) fn of_workspace(root: &Path, variant: Variant) -> Result<Self> {
        let target = host_target()?;
        let metadata = workspace::metadata(root, &[&["--filter-platform", &target], variant.cargo_args()].concat())?;
        let base = env::var("RUSTY_V8_MIRROR").unwrap_or_else(|_| RELEASES.into());
        Self::from_metadata(&metadata, target, base)
    }

    fn from_metadata(metadata: &Value, target: String, base: String) -> Result<Self> {
        let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
        let mut found = packages.iter().filter(|p| p["name"] == "v8");
        let (Some(package), None) = (found.next(), found.next()) else {
            bail!("the workspace should depend on exactly one version of the `v8` crate; see `cargo tree -i v8`");
        };
        let nodes = metadata["resolve"]["nodes"].as_array().context("cargo metadata resolves nothing")?;
        let node = nodes.iter().find(|n| n["id"] == package["id"]).context("the `v8` crate is not resolved")?;
        let strings = |v: &Value| -> Vec<String> {
            v.as_array().into_iter().flatten().filter_map(|f| Some(f.as_str()?.to_owned())).collect()
        };
        let manifest = package["manifest_path"].as_str().context("the `v8` crate has no path")?;
        Ok(Self {
            version: package["version"].as_str().context("the `v8` crate has no version")?.to_owned(),
            target,
            features: strings(&node["features"]),
            source: Path::new(manifest).parent().context("the `v8` crate has no folder")?.to_owned(),
            base,
        })
    }

    /// Whether the workspace switches this feature of the `v8` crate on.
    pub(crate) fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|f| f == feature)
    }

    /// The archive's file name: `librusty_v8_simdutf_release_x86_64-unknown-linux-gnu.a.gz`.
    pub(crate) fn file_name(&self) -> String {
        let stem = format!("rusty_v8{}_release_{}", self.marks(&MARKS), self.target);
        if self.target.contains("windows") { format!("{stem}.lib.gz") } else { format!("lib{stem}.a.gz") }
    }

    /// How names show which features an archive was built with.
    fn marks(&self, marks: &[(&str, &str)]) -> String {
        marks.iter().filter(|(feature, _)| self.has(feature)).map(|(_, mark)| *mark).collect()
    }

    /// What is wrong with linking a file of this name, as far as a name says.
    pub(crate) fn objection_to(&self, name: &str) -> Option<String> {
        let (feature, mark) = MARKS[0];
        let is_archive = name.trim_start_matches("lib").starts_with("rusty_v8_");
        (is_archive && name.contains(mark) != self.has(feature)).then(|| {
            let its = if self.has(feature) { "without" } else { "with" };
            format!("{name} is V8 {its} pointer compression, and {} is what is to be linked", self.file_name())
        })
    }

    /// The crate's bindings that fit, where the crate would not find them itself: it looks for a file that is called like the
    /// archive, and does not have one for every archive. Those of an archive with and without simdutf are the same.
    pub(crate) fn bindings(&self) -> Option<PathBuf> {
        let file = |marks| {
            let name = format!("src_binding{}_release_{}.rs", self.marks(marks), self.target);
            self.source.join("gen").join(name)
        };
        (!file(&MARKS).exists()).then(|| file(&MARKS[..2])).filter(|file| file.exists())
    }

    /// Where the crate would download the archive.
    pub(crate) fn url(&self) -> String {
        format!("{}/v{}/{}", self.base, self.version, self.file_name())
    }

    /// Where the crate looks before it downloads.
    pub(crate) fn cached(&self, cargo_home: &Path) -> PathBuf {
        let name = self.url().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect::<String>();
        cargo_home.join(".rusty_v8").join(name)
    }
}

/// `$CARGO_HOME`, by default `~/.cargo`.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME").filter(|h| !h.is_empty()) {
        return std::path::absolute(home).context("CARGO_HOME");
    }
    Ok(env::home_dir().context("neither CARGO_HOME nor HOME is set")?.join(".cargo"))
}

fn host_target() -> Result<String> {
    let out = Command::new("rustc").arg("-vV").output().context("running rustc -vV")?;
    let text = String::from_utf8_lossy(&out.stdout);
    let host = text.lines().find_map(|l| l.strip_prefix("host: ")).context("rustc -vV names no host")?;
    Ok(host.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn archive(features: &[&str]) -> Archive {
        let id = "somewhere#v8@150.4.0";
        let metadata = json!({
            "packages": [
                {"id": "somewhere#serde@1.0.0", "name": "serde", "version": "1.0.0", "manifest_path": "s/Cargo.toml"},
                {"id": id, "name": "v8", "version": "150.4.0", "manifest_path": "registry/v8-150.4.0/Cargo.toml"},
            ],
            "resolve": {"nodes": [{"id": id, "features": features}]},
        });
        Archive::from_metadata(&metadata, "x86_64-unknown-linux-gnu".into(), RELEASES.into()).unwrap()
    }

    #[test]
    fn the_name_follows_the_features() {
        let check = |features: &[&str], name: &str| assert_eq!(archive(features).file_name(), name);
        check(&["use_custom_libcxx"], "librusty_v8_release_x86_64-unknown-linux-gnu.a.gz");
        check(&["simdutf", "use_custom_libcxx"], "librusty_v8_simdutf_release_x86_64-unknown-linux-gnu.a.gz");
        check(
            &["simdutf", "v8_enable_pointer_compression"],
            "librusty_v8_ptrcomp_simdutf_release_x86_64-unknown-linux-gnu.a.gz",
        );
    }

    #[test]
    fn a_named_archive_of_the_other_variant_is_objected_to() {
        let compressed = archive(&["simdutf", "v8_enable_pointer_compression"]);
        let usual = archive(&["simdutf"]);
        for (one, other) in [(&compressed, &usual), (&usual, &compressed)] {
            assert_eq!(one.objection_to(&one.file_name()), None);
            let objection = one.objection_to(&other.file_name()).unwrap();
            assert!(objection.contains(&one.file_name()), "{objection}");
            assert_eq!(one.objection_to("my-v8.a"), None, "a name that says nothing");
        }
    }

    #[test]
    fn bindings_are_named_where_the_crate_has_none_of_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("gen");
        std::fs::create_dir(&folder).unwrap();
        let source = dir.path().to_owned();
        let compressed = Archive { source, ..archive(&["simdutf", "v8_enable_pointer_compression"]) };
        assert_eq!(compressed.bindings(), None, "nothing fits");
        let fitting = folder.join("src_binding_ptrcomp_release_x86_64-unknown-linux-gnu.rs");
        std::fs::write(&fitting, "").unwrap();
        assert_eq!(compressed.bindings(), Some(fitting));
        std::fs::write(folder.join("src_binding_ptrcomp_simdutf_release_x86_64-unknown-linux-gnu.rs"), "").unwrap();
        assert_eq!(compressed.bindings(), None, "the crate finds them itself");
    }

    #[test]
    fn the_cache_name_is_the_url_without_punctuation() {
        assert_eq!(
            archive(&["simdutf"]).cached(Path::new("home")),
            Path::new("home/.rusty_v8").join(concat!(
                "https___github_com_denoland_rusty_v8_releases_download_v150_4_0_",
                "librusty_v8_simdutf_release_x86_64_unknown_linux_gnu_a_gz"
            ))
        );
    }

    #[test]
    fn the_source_is_beside_the_manifest() {
        assert_eq!(archive(&[]).source, Path::new("registry/v8-150.4.0"));
    }

    #[test]
    fn no_v8_or_two_of_them_is_an_error() {
        let none = json!({"packages": [], "resolve": {"nodes": []}});
        assert!(Archive::from_metadata(&none, "t".into(), "b".into()).is_err());
        let two = json!({"packages": [{"name": "v8"}, {"name": "v8"}], "resolve": {"nodes": []}});
        assert!(Archive::from_metadata(&two, "t".into(), "b".into()).is_err());
    }
}
