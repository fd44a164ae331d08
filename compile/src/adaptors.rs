//! The adaptors of a plan's steps, as linked ES modules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Adaptor, Shape};

/// ES modules, and which of them each step may import.
///
/// Whoever reads the modules (from files, from a store) adds them here; nobody downstream asks again what a specifier
/// means.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Adaptors {
    modules: Vec<Module>,
    steps: Vec<Vec<StepAdaptor>>,
}

/// One ES module of an adaptor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Module {
    /// What stack traces call it.
    pub name: String,
    /// The code. Not serialized: it is large, and has ways of its own.
    #[serde(skip)]
    pub source: Arc<str>,
    /// What it exports and imports.
    pub shape: Shape,
    /// Which module each of its specifiers means.
    pub imports: BTreeMap<String, ModuleIndex>,
}

/// The place of a module among the [`Adaptors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModuleIndex(pub usize);

/// An adaptor of a step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepAdaptor {
    /// What the step's job imports it by, such as `@openfn/language-http`.
    pub specifier: String,
    /// What else it may be imported by.
    pub aliases: Vec<String>,
    /// Its entry.
    pub module: ModuleIndex,
}

impl StepAdaptor {
    /// Whether a job means this one.
    pub fn is_called(&self, specifier: &str) -> bool {
        self.specifier == specifier || self.aliases.iter().any(|alias| alias == specifier)
    }
}

impl Adaptors {
    /// Adds a module.
    pub fn add(&mut self, module: Module) -> ModuleIndex {
        self.modules.push(module);
        ModuleIndex(self.modules.len() - 1)
    }

    /// Says which module a specifier in `importer` means.
    pub fn link(&mut self, importer: ModuleIndex, specifier: &str, module: ModuleIndex) {
        self.modules[importer.0].imports.insert(specifier.to_owned(), module);
    }

    /// Gives a step (by its place in the plan) another adaptor, after those that it has.
    pub fn give(&mut self, step: usize, adaptor: StepAdaptor) {
        if self.steps.len() <= step {
            self.steps.resize_with(step + 1, Vec::new);
        }
        self.steps[step].push(adaptor);
    }

    /// Gives the modules their code, in their order, where it came another way than they.
    pub fn with_sources(mut self, sources: impl IntoIterator<Item = Arc<str>>) -> Adaptors {
        for (module, source) in self.modules.iter_mut().zip(sources) {
            module.source = source;
        }
        self
    }

    /// All modules, by their index.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// A module, if there is one at that place.
    pub fn module(&self, index: ModuleIndex) -> Option<&Module> {
        self.modules.get(index.0)
    }

    /// The adaptors of a step, in its order.
    pub fn of_step(&self, step: usize) -> &[StepAdaptor] {
        self.steps.get(step).map_or(&[], Vec::as_slice)
    }

    /// What a step's job is compiled with.
    pub fn for_compiling(&self, step: usize) -> Vec<Adaptor> {
        let adaptor = |adaptor: &StepAdaptor| Adaptor {
            specifier: adaptor.specifier.clone(),
            exports: Some(self.exports(adaptor.module)),
        };
        self.of_step(step).iter().map(adaptor).collect()
    }

    /// The names that a module exports, through `export *` too, sorted; without `default`. A name that two modules give it
    /// is left out, as in JavaScript, unless both mean the same one.
    pub fn exports(&self, module: ModuleIndex) -> Vec<String> {
        let mut names = BTreeMap::new();
        self.collect(module, &mut BTreeSet::new(), &mut names);
        names.into_iter().filter_map(|(name, origin)| origin.map(|_| name)).collect()
    }

    fn collect(
        &self,
        index: ModuleIndex,
        seen: &mut BTreeSet<ModuleIndex>,
        names: &mut BTreeMap<String, Option<Origin>>,
    ) {
        let Some(module) = self.module(index).filter(|_| seen.insert(index)) else { return };
        for name in module.shape.exports.iter().filter(|name| *name != "default") {
            names.insert(name.clone(), Some(self.origin(index, name)));
        }
        let mut through: BTreeMap<String, Option<Origin>> = BTreeMap::new();
        for star in module.shape.stars.iter().filter_map(|star| module.imports.get(star)) {
            let mut below = BTreeMap::new();
            self.collect(*star, seen, &mut below);
            for (name, from) in below {
                let slot = through.entry(name).or_insert_with(|| from.clone());
                if *slot != from {
                    *slot = None;
                }
            }
        }
        for (name, from) in through {
            names.entry(name).or_insert(from);
        }
    }

    /// Where an export of a module is declared: it may come through many.
    fn origin(&self, index: ModuleIndex, name: &str) -> Origin {
        let mut found = (index, name.to_owned());
        // A circle of exports declares nothing; V8 says so.
        for _ in 0..self.modules.len() {
            let next = self.module(found.0).and_then(|module| {
                let (_, specifier, there) = module.shape.through.iter().find(|(name, ..)| *name == found.1)?;
                Some((*module.imports.get(specifier)?, there.clone()))
            });
            match next {
                Some(next) => found = next,
                None => break,
            }
        }
        found
    }
}

/// A module and a name in it.
type Origin = (ModuleIndex, String);

#[cfg(test)]
mod tests {
    use super::*;

    /// Modules by name; a module's specifiers are the names of others.
    fn linked(sources: &[(&str, &str)]) -> Adaptors {
        let mut adaptors = Adaptors::default();
        for (name, source) in sources {
            let shape = crate::shape(source).unwrap();
            let (name, source) = ((*name).to_owned(), (*source).into());
            adaptors.add(Module { name, source, shape, imports: BTreeMap::new() });
        }
        for index in 0..sources.len() {
            for import in adaptors.modules[index].shape.imports.clone() {
                let target = sources.iter().position(|(name, _)| *name == import.specifier).unwrap();
                adaptors.link(ModuleIndex(index), &import.specifier, ModuleIndex(target));
            }
        }
        adaptors
    }

    #[track_caller]
    fn check(sources: &[(&str, &str)], expected: &[&str]) {
        assert_eq!(linked(sources).exports(ModuleIndex(0)), expected, "{sources:?}");
    }

    #[test]
    fn exports_go_through_stars() {
        check(&[("a", "export const x = 1; export default 2")], &["x"]);
        check(&[("a", "export * from 'b'; export const x = 1"), ("b", "export const y = 1, x = 2")], &["x", "y"]);
        check(
            &[("a", "export * from 'b'; export * from 'c'"), ("b", "export const y = 1"), ("c", "export let y, z")],
            &["z"],
        );
        check(&[("a", "export * from 'b'"), ("b", "export * from 'a'; export let b")], &["b"]);
        let helper = ("h", "export let helper");
        check(
            &[
                ("a", "export * from 'b'; export * from 'c'"),
                ("b", "export { helper } from 'h'"),
                ("c", "import { helper as x } from 'h'; export { x as helper }"),
                helper,
            ],
            &["helper"],
        );
        check(&[("a", "export * as n from 'b'"), ("b", "export let b")], &["n"]);
    }
}
