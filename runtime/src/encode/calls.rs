//! Every call of the pass into V8 that may run user code: what it throws becomes the pass's error, with the path.

use deno_core::v8;
use fulgurite_state::path::Segment;

use super::{Error, Pass};

/// What the pass answers.
pub(super) type Fallible<T> = Result<T, Error>;

impl<'s> Pass<'_, 's> {
    pub(super) fn own_keys(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
    ) -> Fallible<v8::Local<'s, v8::Array>> {
        let args = v8::GetPropertyNamesArgsBuilder::new()
            .mode(v8::KeyCollectionMode::OwnOnly)
            .property_filter(v8::PropertyFilter::ONLY_ENUMERABLE | v8::PropertyFilter::SKIP_SYMBOLS)
            .index_filter(v8::IndexFilter::IncludeIndices)
            .key_conversion(v8::KeyConversionMode::ConvertToString)
            .build();
        self.catching(scope, |scope| object.get_own_property_names(scope, args))
    }

    pub(super) fn get(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        key: v8::Local<'s, v8::Name>,
    ) -> Fallible<v8::Local<'s, v8::Value>> {
        self.catching(scope, |scope| object.get(scope, key.into()))
    }

    pub(super) fn get_index(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        array: v8::Local<'s, v8::Array>,
        index: u32,
    ) -> Fallible<v8::Local<'s, v8::Value>> {
        self.catching(scope, |scope| array.get_index(scope, index))
    }

    pub(super) fn call(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        function: v8::Local<'s, v8::Function>,
        this: v8::Local<'s, v8::Value>,
        arguments: &[v8::Local<'s, v8::Value>],
    ) -> Fallible<v8::Local<'s, v8::Value>> {
        self.catching(scope, |scope| function.call(scope, this, arguments))
    }

    pub(super) fn json_method(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
    ) -> Fallible<Option<v8::Local<'s, v8::Function>>> {
        let key = self.to_json;
        let value = self.get(scope, object, key)?;
        Ok(v8::Local::<v8::Function>::try_from(value).ok())
    }

    pub(super) fn is_stream(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
    ) -> Fallible<bool> {
        if object.is_map() || object.is_set() || object.is_date() || object.is_reg_exp() || object.is_native_error() {
            return Ok(false);
        }
        let undefined = v8::undefined(scope).into();
        let answer = self.call(scope, self.is_stream, undefined, &[object.into()])?;
        Ok(answer.is_true())
    }

    pub(super) fn key_for_to_json(&self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let text = match self.way.last() {
            Some(Segment::Key(key)) => key,
            Some(Segment::Index(index)) => index.to_string(),
            None => String::new(),
        };
        v8::String::new(scope, &text).unwrap_or_else(|| v8::String::empty(scope)).into()
    }

    pub(super) fn catching<T>(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        action: impl FnOnce(&mut v8::PinScope<'s, '_>) -> Option<T>,
    ) -> Fallible<T> {
        v8::tc_scope!(let scope, scope);
        match action(scope) {
            Some(value) => Ok(value),
            None if scope.has_terminated() => Err(Error::Terminated),
            None => {
                let exception = scope.exception().unwrap_or_else(|| v8::undefined(scope).into());
                let exception = v8::Global::new(scope, exception);
                Err(self.threw(exception))
            }
        }
    }

    pub(super) fn threw(&self, exception: v8::Global<v8::Value>) -> Error {
        Error::Threw { path: self.way.path(), exception }
    }

    pub(super) fn cannot(&self, why: &'static str) -> Error {
        Error::Cannot { path: self.way.path(), why }
    }

    pub(super) fn warn(&mut self, what: &str) {
        const MOST: usize = 20;
        match self.warnings.len() {
            MOST => self.warnings.push("there are more warnings about this output, which are left out".to_owned()),
            told if told < MOST => self.warnings.push(format!("{} {what}", self.way.path())),
            _ => {}
        }
    }
}
