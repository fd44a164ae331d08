//! Which form a value takes in JSON. Found out before its key is written, because some values have none.

use std::rc::Rc;

use deno_core::v8;

use super::calls::Fallible;
use super::{Error, Pass, SLICE};
use crate::text::lossy;
use crate::view::View;

/// Arrays of at most this many elements are looked into, for views and streams among their elements.
const SHORT_ARRAY: u32 = 64;

/// However shallow the index is: streams and errors right on the state are found.
const SHALLOWEST: usize = 2;

/// How a value is going to be written.
pub(super) enum Form<'s> {
    /// JSON leaves it out of objects and writes `null` in arrays.
    Omit,
    /// As it stands.
    Text(&'static str),
    /// An integer.
    Integer(i32),
    /// Digits in quotes.
    Digits(String),
    /// A string to be quoted.
    Quoted(v8::Local<'s, v8::String>),
    /// JSON text from V8.
    Json(v8::Local<'s, v8::String>),
    /// A property of a view that nobody touched.
    Splice(Rc<View>, usize),
    /// Property by property.
    Object(v8::Local<'s, v8::Object>, Option<(u32, Rc<View>)>),
    /// An error: name, message, and its own properties.
    Error(v8::Local<'s, v8::Object>),
    /// Element by element.
    Array(v8::Local<'s, v8::Array>),
    /// Slice by slice.
    LongArray(v8::Local<'s, v8::Array>),
    /// A live stream.
    Stream(v8::Local<'s, v8::Object>),
}

impl<'s> Pass<'_, 's> {
    /// The form of a value on the level at hand.
    pub(super) fn form(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        value: v8::Local<'s, v8::Value>,
    ) -> Fallible<Form<'s>> {
        if value.is_string() {
            return Ok(Form::Quoted(value.cast()));
        }
        if value.is_null() {
            return Ok(Form::Text("null"));
        }
        if value.is_boolean() {
            return Ok(Form::Text(if value.is_true() { "true" } else { "false" }));
        }
        if value.is_int32() {
            // -0 is a number that is no int32 to V8, so this is what `JSON.stringify` writes.
            return Ok(Form::Integer(value.int32_value(scope).unwrap_or_default()));
        }
        if value.is_undefined() || value.is_symbol() {
            return Ok(Form::Omit);
        }
        if value.is_big_int() {
            return self.big_int(scope, value);
        }
        let Ok(object) = v8::Local::<v8::Object>::try_from(value) else {
            return self.leaf(scope, value); // a number
        };
        self.object_form(scope, object)
    }

    fn object_form(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
    ) -> Fallible<Form<'s>> {
        if self.ancestors.iter().any(|ancestor| ancestor.strict_equals(object.into())) {
            self.warn("is circular, written as \"[Circular]\"");
            return Ok(Form::Text("\"[Circular]\""));
        }
        if let Some(view) = self.views.of(scope, object)
            && self.json_method(scope, object)?.is_none()
        {
            return Ok(Form::Object(object, Some(view)));
        }
        let value = object.into();
        let element = std::mem::take(&mut self.element);
        let looked_into = self.careful || element || self.level() < self.options.index.depth.max(SHALLOWEST);
        if object.is_array() {
            let array: v8::Local<v8::Array> = object.cast();
            return self.array_form(scope, array);
        }
        if object.is_function() || object.is_proxy() || !looked_into {
            return self.leaf(scope, value);
        }
        if self.is_stream(scope, object)? {
            return Ok(Form::Stream(object));
        }
        if let Some(to_json) = self.json_method(scope, object)? {
            if !self.careful {
                return self.leaf(scope, value);
            }
            let key = self.key_for_to_json(scope);
            let json = self.call(scope, to_json, value, &[key])?;
            // What `toJSON` answers is written as it is: it is not asked again.
            return self.form_without_to_json(scope, json);
        }
        self.plain_form(scope, object)
    }

    fn form_without_to_json(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        value: v8::Local<'s, v8::Value>,
    ) -> Fallible<Form<'s>> {
        match v8::Local::<v8::Object>::try_from(value) {
            Ok(object) if !object.is_function() && !object.is_array() => self.plain_form(scope, object),
            _ => self.form(scope, value),
        }
    }

    /// An object without `toJSON`, on a level that is looked into.
    fn plain_form(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
    ) -> Fallible<Form<'s>> {
        if object.is_native_error() {
            return Ok(Form::Error(object));
        }
        if object.is_big_int_object() {
            return self.big_int(scope, object.into());
        }
        let boxed = object.is_number_object()
            || object.is_string_object()
            || object.is_boolean_object()
            || object.is_symbol_object();
        if boxed || object.is_typed_array() {
            return self.leaf(scope, object.into());
        }
        Ok(Form::Object(object, None))
    }

    fn array_form(&mut self, scope: &mut v8::PinScope<'s, '_>, array: v8::Local<'s, v8::Array>) -> Fallible<Form<'s>> {
        if self.careful {
            return Ok(Form::Array(array));
        }
        let length = array.length();
        if length > SLICE {
            return Ok(if self.json_method(scope, array.into())?.is_some() {
                self.leaf(scope, array.into())?
            } else {
                Form::LongArray(array)
            });
        }
        if (1..=SHORT_ARRAY).contains(&length)
            && self.level() < self.options.index.depth.max(SHALLOWEST)
            && self.holds_special(scope, array)?
        {
            return Ok(Form::Array(array));
        }
        self.leaf(scope, array.into())
    }

    /// Is there a view, a stream or an error among the elements? Only then it pays to look into an array.
    fn holds_special(&mut self, scope: &mut v8::PinScope<'s, '_>, array: v8::Local<'s, v8::Array>) -> Fallible<bool> {
        for index in 0..array.length() {
            let element = self.get_index(scope, array, index)?;
            let Ok(object) = v8::Local::<v8::Object>::try_from(element) else { continue };
            if self.views.of(scope, object).is_some() || object.is_native_error() {
                return Ok(true);
            }
            if !object.is_array() && !object.is_function() && !object.is_proxy() && self.is_stream(scope, object)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One value, stringified by V8; the careful pass when V8 refuses.
    fn leaf(&mut self, scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Fallible<Form<'s>> {
        match self.stringified(scope, value)? {
            Ok(Some(json)) => Ok(Form::Json(json)),
            Ok(None) => Ok(Form::Omit),
            Err(exception) if !self.careful && value.is_object() => {
                let object: v8::Local<v8::Object> = value.cast();
                if value.is_array() {
                    if self.json_method(scope, object)?.is_some() {
                        return Err(self.threw(exception));
                    }
                    let array: v8::Local<v8::Array> = value.cast();
                    Ok(if array.length() > 1 { Form::LongArray(array) } else { Form::Array(array) })
                } else if self.json_method(scope, object)?.is_none() && !value.is_proxy() {
                    Ok(Form::Object(object, None))
                } else {
                    self.careful = true;
                    let form = self.object_form(scope, object);
                    self.careful = false;
                    form
                }
            }
            Err(exception) => Err(self.threw(exception)),
        }
    }

    /// `JSON.stringify(value)`; the inner `Err` is what it threw.
    pub(super) fn stringified(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        value: v8::Local<'s, v8::Value>,
    ) -> Fallible<Result<Option<v8::Local<'s, v8::String>>, v8::Global<v8::Value>>> {
        self.walks += usize::from(value.is_object());
        let undefined = v8::undefined(scope).into();
        v8::tc_scope!(let scope, scope);
        match self.stringify.call(scope, undefined, &[value]) {
            Some(json) => Ok(Ok(v8::Local::<v8::String>::try_from(json).ok())),
            None if scope.has_terminated() => Err(Error::Terminated),
            None => {
                let exception = scope.exception().unwrap_or(undefined);
                Ok(Err(v8::Global::new(scope, exception)))
            }
        }
    }

    fn big_int(&mut self, scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Fallible<Form<'s>> {
        // A job may have given BigInt a `toJSON`.
        if let Ok(Some(json)) = self.stringified(scope, value)? {
            return Ok(Form::Json(json));
        }
        if !std::mem::replace(&mut self.warned_big_int, true) {
            self.warn("is a BigInt, written as a string of digits (so are all others)");
        }
        let digits = value.to_string(scope).map(|digits| lossy(scope, digits)).unwrap_or_default();
        Ok(Form::Digits(digits))
    }
}
