//! A module that can be loaded: what a job is compiled to.

use std::sync::Arc;

use fulgurite_compile::{Function, Operation, Wanted, function};
use fulgurite_plan::Source;

use crate::cache::Key;

/// The code of a module, and what leads from it back to what its author wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Executable {
    pub(crate) code: Arc<str>,
    /// A source map (ECMA-426) to the author's source; none where the code is what he wrote.
    pub(crate) map: Option<Arc<str>>,
    /// Where the elements of the default export come from, as far as that is known.
    pub(crate) operations: Vec<Operation>,
    /// The same as a function, where that can be: it is called for each execution, while a module would have to be loaded.
    pub(crate) function: Option<Arc<Function>>,
}

/// What the compiler and its maps call a source: whether it is TypeScript is all that its name says. Never the author's own
/// name: deno_core would take `Step: a.js` for a URL.
pub(crate) fn map_name(source: &str) -> &'static str {
    if source.ends_with(".ts") { "job.ts" } else { "job.js" }
}

/// What an entry of a store begins with. To be changed with the layout.
const MAGIC: &[u8; 8] = b"fgjob\0\0\x02";

impl Executable {
    /// Code that is run as it was written.
    pub(crate) fn plain(source: &Source) -> Executable {
        Executable { code: source.text.clone(), map: None, operations: Vec::new(), function: None }
    }

    /// With the function that does the same, if there is one.
    pub(crate) fn with_function(self) -> Executable {
        let function = function(&self.code).map(Arc::new);
        Executable { function, ..self }
    }

    /// Under what V8's bytecode of a module's code is kept.
    pub(crate) fn bytecode_key(code: &str) -> Key {
        Key::of("bytecode", [crate::v8_version(), code])
    }

    /// The same for a function.
    pub(crate) fn function_key(function: &Function) -> Key {
        let parameters = function.parameters.iter().map(|(name, _)| name.as_str());
        Key::of("function", [crate::v8_version(), &function.body].into_iter().chain(parameters))
    }

    pub(crate) fn size(&self) -> usize {
        let map = self.map.as_ref().map_or(0, |map| map.len());
        let function = self.function.as_ref().map_or(0, |function| function.body.len());
        self.code.len() + map + function + self.operations.len() * size_of::<Operation>()
    }

    /// For a store: see [`Executable::from_bytes`].
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size() + 64);
        bytes.extend(MAGIC);
        put(&mut bytes, Some(&self.code));
        put(&mut bytes, self.map.as_deref());
        bytes.extend((self.operations.len() as u32).to_le_bytes());
        for operation in &self.operations {
            put(&mut bytes, operation.name.as_deref());
            for number in [operation.line, operation.column, operation.order] {
                bytes.extend(number.to_le_bytes());
            }
        }
        put(&mut bytes, self.function.as_ref().map(|function| &*function.body));
        if let Some(Function { body: _, parameters, stars, through }) = self.function.as_deref() {
            for list in [parameters, through] {
                bytes.extend((list.len() as u32).to_le_bytes());
                for (name, wanted) in list {
                    put(&mut bytes, Some(name));
                    put(&mut bytes, Some(&wanted.specifier));
                    put(&mut bytes, wanted.name.as_deref());
                }
            }
            bytes.extend((stars.len() as u32).to_le_bytes());
            stars.iter().for_each(|star| put(&mut bytes, Some(star)));
        }
        bytes
    }

    /// What [`Executable::to_bytes`] wrote; `None` for anything else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Executable> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let code = text(&mut rest)??;
        let map = text(&mut rest)?;
        let count = number(&mut rest)? as usize;
        let mut operations = Vec::new();
        for _ in 0..count {
            let name = text(&mut rest)?.map(str::to_owned);
            let (line, column, order) = (number(&mut rest)?, number(&mut rest)?, number(&mut rest)?);
            operations.push(Operation { name, line, column, order });
        }
        let function = match text(&mut rest)? {
            None => None,
            Some(body) => {
                let parameters = wanted(&mut rest)?;
                let through = wanted(&mut rest)?;
                let stars = (0..number(&mut rest)?).map(|_| Some(text(&mut rest)??.to_owned()));
                let stars = stars.collect::<Option<_>>()?;
                Some(Arc::new(Function { body: body.to_owned(), parameters, stars, through }))
            }
        };
        rest.is_empty().then(|| Executable { code: code.into(), map: map.map(Into::into), operations, function })
    }
}

/// `u32::MAX` for nothing, else the length and the text.
fn put(bytes: &mut Vec<u8>, text: Option<&str>) {
    bytes.extend(text.map_or(u32::MAX, |text| text.len() as u32).to_le_bytes());
    bytes.extend(text.unwrap_or_default().as_bytes());
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u32::from_le_bytes(*number))
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a str>> {
    match number(rest)? {
        u32::MAX => Some(None),
        length => {
            let (text, after) = rest.split_at_checked(length as usize)?;
            *rest = after;
            Some(Some(std::str::from_utf8(text).ok()?))
        }
    }
}

fn wanted(rest: &mut &[u8]) -> Option<Vec<(String, Wanted)>> {
    let one = |rest: &mut &[u8]| {
        let name = text(rest)??.to_owned();
        let specifier = text(rest)??.to_owned();
        Some((name, Wanted { specifier, name: text(rest)?.map(str::to_owned) }))
    };
    (0..number(rest)?).map(|_| one(rest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_back() {
        let operation = |name: Option<&str>| Operation { name: name.map(str::to_owned), line: 1, column: 2, order: 3 };
        let operations = vec![operation(Some("get")), operation(None)];
        for map in [None, Some("{}".into())] {
            let code = "import { a } from 'b'; export * from 'c'; export { execute } from 'd'; export default []";
            let executable = Executable { code: code.into(), map, operations: operations.clone(), function: None };
            let executable = executable.with_function();
            assert!(executable.function.is_some());
            let bytes = executable.to_bytes();
            assert_eq!(Executable::from_bytes(&bytes), Some(executable));
            for end in 0..bytes.len() {
                assert_eq!(Executable::from_bytes(&bytes[..end]), None, "cut at {end}");
            }
            assert_eq!(Executable::from_bytes(&[&bytes[..], b"x"].concat()), None);
        }
    }
}
