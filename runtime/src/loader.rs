//! What an `import` in a job may bring in: so far nothing. A job is given as code; anything that it names is refused.

use std::cell::RefCell;

use deno_core::{
    ModuleLoadOptions, ModuleLoadReferrer, ModuleLoadResponse, ModuleLoader, ModuleResolveResponse, ModuleSpecifier,
    ResolutionKind, error::ModuleLoaderError,
};
use deno_error::JsErrorBox;

/// Remembers what was refused, so that the outcome need not be guessed from an error text.
#[derive(Default)]
pub(crate) struct Loader {
    refused: RefCell<Option<String>>,
    source_maps: RefCell<std::collections::HashMap<String, Vec<u8>>>,
}

impl Loader {
    /// The specifier that was refused since the last call, if any.
    pub(crate) fn take_refused(&self) -> Option<String> {
        self.refused.take()
    }

    /// Gives the module of that name a source map.
    pub(crate) fn add_source_map(&self, module: &str, map: &str) {
        self.source_maps.borrow_mut().insert(module.to_owned(), map.as_bytes().to_vec());
    }

    fn refuse(&self, specifier: &str) -> ModuleLoaderError {
        *self.refused.borrow_mut() = Some(specifier.to_owned());
        JsErrorBox::type_error(refusal(specifier))
    }
}

/// What a job reads when its import is refused.
pub(crate) fn refusal(specifier: &str) -> String {
    const SHOWN: usize = 200;
    let end = specifier.char_indices().nth(SHOWN).map_or(specifier.len(), |(end, _)| end);
    let specifier = &specifier[..end];
    format!("cannot import \"{specifier}\": a job cannot import anything")
}

impl ModuleLoader for Loader {
    fn resolve(&self, specifier: &str, referrer: &str, _kind: ResolutionKind) -> ModuleResolveResponse {
        // "." is how deno_core names the host itself; a module's referrer is its own URL.
        if referrer == "." {
            return ModuleSpecifier::parse(specifier).map_err(JsErrorBox::from_err);
        }
        Err(self.refuse(specifier))
    }

    fn load(
        &self,
        specifier: &ModuleSpecifier,
        _referrer: Option<&ModuleLoadReferrer>,
        _options: ModuleLoadOptions,
    ) -> ModuleLoadResponse {
        ModuleLoadResponse::Sync(Err(self.refuse(specifier.as_str())))
    }

    fn get_source_map(&self, file_name: &str) -> Option<std::borrow::Cow<'_, [u8]>> {
        self.source_maps.borrow().get(file_name).map(|map| map.clone().into())
    }
}
