//! Encode: the shallow pass that turns what a step returned into a state.
//!
//! It walks the top levels only. What nobody touched is spliced as the bytes it came in as; what was touched is stringified once,
//! by V8's own `JSON.stringify` with a single argument (anything else loses its fast path). Reading a property may run user code
//! (getters, Proxies, `toJSON`), so all of this happens inside the step's limits.

use std::fmt::Write as _;
use std::rc::Rc;

use deno_core::v8;
use fulgurite_state::path::Segment;
use fulgurite_state::{IndexOptions, MAX_DEPTH, Path, State, Writer, nests_deeper};

use crate::live::Values;
use crate::text::{append_quoted, append_utf8, lossy, utf8_bound};
use crate::view::{View, Views};

/// Arrays of at most this many elements are looked into, for views and streams among their elements.
const SHORT_ARRAY: u32 = 64;

/// However shallow the index is: streams and errors right on the state are found.
const SHALLOWEST: usize = 2;

/// Longer arrays are encoded slice by slice, so that neither V8's longest string nor a second copy of the whole text is in
/// the way.
const SLICE: u32 = 16 * 1024;

/// How deep the careful pass follows a value that `JSON.stringify` refused.
const CAREFUL_DEPTH: usize = 256;

const TOO_DEEP: &str = "nests deeper than 4096 levels, which nothing could read back";

/// What to do with the top level, and how far to look.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How far the walk goes, and the index of the new state.
    pub(crate) index: IndexOptions,
    /// Top-level keys that are left out.
    pub(crate) remove: Vec<String>,
    /// Bytes of the new state, at most.
    pub(crate) limit: usize,
}

/// The functions of the isolate that the pass needs, as they were before user code ran.
pub(crate) struct Pristine {
    pub(crate) stringify: v8::Global<v8::Function>,
    pub(crate) is_stream: v8::Global<v8::Function>,
}

/// What came out.
pub(crate) struct Encoded {
    /// `None` when the value was `undefined` (or a function or a symbol, which JSON does not know either).
    pub(crate) state: Option<State>,
    /// What was written otherwise than the author may expect.
    pub(crate) warnings: Vec<String>,
    /// Bytes that were spliced untouched.
    pub(crate) spliced: usize,
    /// Values that V8 stringified.
    pub(crate) walks: usize,
}

/// Why nothing came out.
pub(crate) enum Error {
    /// User code threw, or V8 could not go on; where, and what it threw.
    Threw { path: Path, exception: v8::Global<v8::Value> },
    /// A value that has no JSON form.
    Cannot { path: Path, why: &'static str },
    /// More than [`Options::limit`].
    TooLarge { limit: usize },
    /// The isolate is being terminated; the reason is stored by whoever did it.
    Terminated,
}

/// Encodes what a step returned.
pub(crate) fn encode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    views: &Rc<Views>,
    pristine: &Pristine,
    options: &Options,
    value: v8::Local<'s, v8::Value>,
) -> Result<Encoded, Error> {
    let mut pass = Pass {
        views,
        stringify: v8::Local::new(scope, &pristine.stringify),
        is_stream: v8::Local::new(scope, &pristine.is_stream),
        to_json: intern(scope, "toJSON"),
        options,
        writer: Writer::new(options.index),
        ancestors: Vec::new(),
        path: Vec::new(),
        private_names: Vec::new(),
        values: Values::default(),
        warnings: Vec::new(),
        warned_big_int: false,
        careful: false,
        element: false,
        walks: 0,
    };
    let form = pass.form(scope, value)?;
    let walked = !matches!(form, Form::Json(_));
    if let Form::Omit = form {
        return Ok(Encoded { state: None, warnings: pass.warnings, spliced: 0, walks: 0 });
    }
    pass.write(scope, form)?;
    let spliced = pass.writer.spliced();
    let live = views.live.keep(pass.private_names, pass.values);
    let state = pass.writer.finish(live);
    // A Proxy or an object with `toJSON` has gone through as a whole, with keys that no output has.
    let state = match walked {
        true => state,
        false => crate::assemble::stripped(&state, &options.remove, options.index),
    };
    Ok(Encoded { state: Some(state), warnings: pass.warnings, spliced, walks: pass.walks })
}

fn intern<'s>(scope: &mut v8::PinScope<'s, '_>, text: &'static str) -> v8::Local<'s, v8::Name> {
    v8::String::new_from_utf8(scope, text.as_bytes(), v8::NewStringType::Internalized)
        .expect("a short string fits")
        .into()
}

struct Pass<'a, 's> {
    views: &'a Rc<Views>,
    stringify: v8::Local<'s, v8::Function>,
    is_stream: v8::Local<'s, v8::Function>,
    to_json: v8::Local<'s, v8::Name>,
    options: &'a Options,
    writer: Writer,
    /// The objects and arrays that are being written, outermost first.
    ancestors: Vec<v8::Local<'s, v8::Object>>,
    path: Vec<Segment>,
    private_names: Vec<String>,
    values: Values,
    warnings: Vec<String>,
    warned_big_int: bool,
    /// Within a value that `JSON.stringify` refused: everything is walked.
    careful: bool,
    /// The value at hand is an element of an array that is looked into.
    element: bool,
    walks: usize,
}

/// How a value is going to be written. Found out before its key is written, because some have no JSON form.
enum Form<'s> {
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
    Splice(View, usize),
    /// Property by property.
    Object(v8::Local<'s, v8::Object>, Option<(u32, View)>),
    /// An error: name, message, and its own properties.
    Error(v8::Local<'s, v8::Object>),
    /// Element by element.
    Array(v8::Local<'s, v8::Array>),
    /// Slice by slice.
    LongArray(v8::Local<'s, v8::Array>),
    /// A live stream.
    Stream(v8::Local<'s, v8::Object>),
}

type Fallible<T> = Result<T, Error>;

impl<'s> Pass<'_, 's> {
    /// The level of the value at hand: 0 is the state itself.
    fn level(&self) -> usize {
        self.path.len()
    }

    fn form(&mut self, scope: &mut v8::PinScope<'s, '_>, value: v8::Local<'s, v8::Value>) -> Fallible<Form<'s>> {
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
    fn stringified(
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

    fn write(&mut self, scope: &mut v8::PinScope<'s, '_>, form: Form<'s>) -> Fallible<()> {
        match form {
            Form::Omit => self.writer.value(b"null"),
            Form::Text(text) => self.writer.value(text.as_bytes()),
            Form::Integer(integer) => self.writer.value_with(11, |out| {
                let mut text = String::with_capacity(11);
                let _ = write!(text, "{integer}");
                out.extend_from_slice(text.as_bytes());
            }),
            Form::Digits(digits) => self.writer.value(format!("\"{digits}\"").as_bytes()),
            Form::Quoted(string) => {
                let bound = utf8_bound(string) + 2;
                self.writer.value_with(bound, |out| append_quoted(scope, string, out));
            }
            Form::Json(json) => {
                let bound = utf8_bound(json);
                let room = MAX_DEPTH.saturating_sub(self.level());
                let fits = self.writer.value_with(bound, |out| {
                    let start = out.len();
                    append_utf8(scope, json, 0, 0, out);
                    !nests_deeper(&out[start..], room)
                });
                if !fits {
                    return Err(self.cannot(TOO_DEEP));
                }
            }
            Form::Splice(view, place) => self.splice(&view, place)?,
            Form::Stream(stream) => {
                let stream: v8::Local<v8::Value> = stream.into();
                // A path with a lone surrogate in it names no place for sure; such a stream stays what the text says.
                let named = |segment: &Segment| !matches!(segment, Segment::Key(key) if key.contains('\u{fffd}'));
                if self.path.iter().all(named) {
                    self.values.streams.push((Path(self.path.clone()), v8::Global::new(scope, stream)));
                }
                self.writer.value(b"\"[stream]\"");
            }
            Form::Object(object, view) => self.nested(scope, object, |pass, scope| pass.object(scope, object, view))?,
            Form::Error(error) => self.nested(scope, error, |pass, scope| pass.error(scope, error))?,
            Form::Array(array) => self.nested(scope, array.into(), |pass, scope| pass.array(scope, array))?,
            Form::LongArray(array) => self.nested(scope, array.into(), |pass, scope| pass.long_array(scope, array))?,
        }
        if self.writer.len() > self.options.limit {
            return Err(Error::TooLarge { limit: self.options.limit });
        }
        Ok(())
    }

    fn nested(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        inside: impl FnOnce(&mut Self, &mut v8::PinScope<'s, '_>) -> Fallible<()>,
    ) -> Fallible<()> {
        if self.ancestors.len() == CAREFUL_DEPTH {
            return Err(self.cannot("nests too deep to be written"));
        }
        self.ancestors.push(object);
        let result = inside(self, scope);
        self.ancestors.pop();
        result
    }

    fn splice(&mut self, view: &View, place: usize) -> Fallible<()> {
        let span = view.span(place);
        // Where it came from it was not too deep; only a value that moved down has to be looked at.
        if self.level() > view.level + 1
            && nests_deeper(&view.state.slice(span.range.clone()), MAX_DEPTH.saturating_sub(self.level()))
        {
            return Err(self.cannot(TOO_DEEP));
        }
        self.writer.splice(&view.state, &span);
        // Streams that are named inside go along.
        let Some(values) = view.state.live().and_then(|names| self.views.live.of(names)) else {
            return Ok(());
        };
        if values.streams.is_empty() {
            return Ok(());
        }
        let from = view.path_of(place);
        for (path, stream) in &values.streams {
            if let Some(rest) = path.strip_prefix(&from) {
                let at = self.path.iter().chain(rest).cloned().collect();
                self.values.streams.push((Path(at), stream.clone()));
            }
        }
        Ok(())
    }

    fn object(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        view: Option<(u32, View)>,
    ) -> Fallible<()> {
        let keys = self.own_keys(scope, object)?;
        let count = keys.length();
        self.writer.begin_object();
        // The keys of a view that nobody added to or deleted from come in the order of its index.
        let mut expected = 0;
        for index in 0..count {
            let Some(key) = keys.get_index(scope, index) else { continue };
            let key: v8::Local<v8::Name> = match v8::Local::<v8::String>::try_from(key) {
                Ok(key) => key.into(),
                Err(_) => continue,
            };
            self.property(scope, object, key, view.as_ref(), &mut expected)?;
        }
        self.writer.end();
        Ok(())
    }

    fn property(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        key: v8::Local<'s, v8::Name>,
        view: Option<&(u32, View)>,
        expected: &mut usize,
    ) -> Fallible<()> {
        let mut raw = Vec::with_capacity(32);
        append_quoted(scope, key.cast(), &mut raw);
        let top = self.level() == 0;
        if top && self.options.remove.iter().any(|name| raw[1..raw.len() - 1] == *name.as_bytes()) {
            return Ok(());
        }
        let private = top && raw[1] == b'_';
        let shown = fulgurite_state::quote::unquote_lossy(&raw);
        self.path.push(Segment::Key(shown));

        let mut form = None;
        if let Some((number, view)) = view
            && !private
            && let Some(place) = place_of(view, &raw, expected)
        {
            let views = self.views;
            form = Some(match self.catching(scope, |scope| views.untouched(scope, object, key, *number, place))? {
                None => Form::Splice(view.clone(), place),
                Some(value) => self.form(scope, value)?,
            });
        }
        let form = match form {
            Some(form) => form,
            None => {
                let value = self.get(scope, object, key)?;
                if private {
                    let Some(Segment::Key(name)) = self.path.pop() else { unreachable!("pushed above") };
                    self.private_names.push(name);
                    self.values.private.push((v8::Global::new(scope, key), v8::Global::new(scope, value)));
                    return Ok(());
                }
                self.form(scope, value)?
            }
        };
        if !matches!(form, Form::Omit) {
            self.writer.key(&raw);
            self.write(scope, form)?;
            self.writer.end_property();
        }
        self.path.pop();
        Ok(())
    }

    /// `{name, message, …own}`: `JSON.stringify` would give `{}`.
    fn error(&mut self, scope: &mut v8::PinScope<'s, '_>, error: v8::Local<'s, v8::Object>) -> Fallible<()> {
        self.writer.begin_object();
        for name in ["name", "message"] {
            let key = intern(scope, name);
            let value = self.get(scope, error, key)?;
            if let Ok(text) = v8::Local::<v8::String>::try_from(value) {
                self.writer.key(format!("\"{name}\"").as_bytes());
                self.write(scope, Form::Quoted(text))?;
                self.writer.end_property();
            }
        }
        let keys = self.own_keys(scope, error)?;
        for index in 0..keys.length() {
            let Some(key) = keys.get_index(scope, index) else { continue };
            let Ok(key) = v8::Local::<v8::String>::try_from(key) else { continue };
            if !matches!(lossy(scope, key).as_str(), "name" | "message") {
                self.property(scope, error, key.into(), None, &mut 0)?;
            }
        }
        self.writer.end();
        Ok(())
    }

    fn array(&mut self, scope: &mut v8::PinScope<'s, '_>, array: v8::Local<'s, v8::Array>) -> Fallible<()> {
        self.writer.begin_array();
        for index in 0..array.length() {
            self.path.push(Segment::Index(index as usize));
            let element = self.get_index(scope, array, index)?;
            self.element = true;
            let form = self.form(scope, element)?;
            self.element = false;
            self.writer.element();
            self.write(scope, form)?;
            self.path.pop();
        }
        self.writer.end();
        Ok(())
    }

    /// Slices are stringified one after the other; a slice that V8 refuses is halved, down to single elements, which are then
    /// walked with care.
    fn long_array(&mut self, scope: &mut v8::PinScope<'s, '_>, array: v8::Local<'s, v8::Array>) -> Fallible<()> {
        self.writer.begin_array();
        self.walks += 1;
        let length = array.length();
        let mut from = 0;
        let mut step = SLICE;
        while from < length {
            let to = from.saturating_add(step).min(length);
            let done = {
                v8::scope!(let scope, scope);
                self.one_slice(scope, array, from, to)?
            };
            match done {
                true => {
                    from = to;
                    step = step.saturating_mul(2).min(SLICE);
                }
                false if to - from > 1 => step = (to - from) / 2,
                false => {
                    self.path.push(Segment::Index(from as usize));
                    let element = self.get_index(scope, array, from)?;
                    let careful = std::mem::replace(&mut self.careful, true);
                    let form = self.form(scope, element)?;
                    self.writer.element();
                    self.write(scope, form)?;
                    self.careful = careful;
                    self.path.pop();
                    from = to;
                }
            }
        }
        self.writer.end();
        Ok(())
    }

    /// Writes `array[from..to]`; `false` = V8 refused and nothing was written.
    fn one_slice(
        &mut self,
        scope: &mut v8::PinScope<'_, '_>,
        array: v8::Local<v8::Array>,
        from: u32,
        to: u32,
    ) -> Fallible<bool> {
        let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
        v8::tc_scope!(let scope, scope);
        let json = (|| {
            // Made here: `Array.prototype.slice` asks the array for its constructor, which is the job's to choose.
            let elements: Option<Vec<_>> = (from..to).map(|index| array.get_index(scope, index)).collect();
            let slice = v8::Array::new_with_elements(scope, &elements?);
            let json = self.stringify.call(scope, undefined, &[slice.into()])?;
            v8::Local::<v8::String>::try_from(json).ok()
        })();
        if scope.has_terminated() {
            return Err(Error::Terminated);
        }
        // A `toJSON` that has come onto Array.prototype in the meantime may have made anything of it.
        let Some(json) = json.filter(|json| crate::text::is_bracketed(scope, *json)) else { return Ok(false) };
        self.writer.element();
        let bound = utf8_bound(json);
        // The elements without the brackets of the slice.
        let room = MAX_DEPTH.saturating_sub(self.level() + 1);
        let fits = self.writer.value_with(bound, |out| {
            let start = out.len();
            append_utf8(scope, json, 1, 1, out);
            !nests_deeper(&out[start..], room)
        });
        if !fits {
            return Err(self.cannot(TOO_DEEP));
        }
        if self.writer.len() > self.options.limit {
            return Err(Error::TooLarge { limit: self.options.limit });
        }
        Ok(true)
    }

    fn own_keys(
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

    fn get(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        key: v8::Local<'s, v8::Name>,
    ) -> Fallible<v8::Local<'s, v8::Value>> {
        self.catching(scope, |scope| object.get(scope, key.into()))
    }

    fn get_index(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        array: v8::Local<'s, v8::Array>,
        index: u32,
    ) -> Fallible<v8::Local<'s, v8::Value>> {
        self.catching(scope, |scope| array.get_index(scope, index))
    }

    fn call(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        function: v8::Local<'s, v8::Function>,
        this: v8::Local<'s, v8::Value>,
        arguments: &[v8::Local<'s, v8::Value>],
    ) -> Fallible<v8::Local<'s, v8::Value>> {
        self.catching(scope, |scope| function.call(scope, this, arguments))
    }

    fn json_method(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
    ) -> Fallible<Option<v8::Local<'s, v8::Function>>> {
        let key = self.to_json;
        let value = self.get(scope, object, key)?;
        Ok(v8::Local::<v8::Function>::try_from(value).ok())
    }

    fn is_stream(&mut self, scope: &mut v8::PinScope<'s, '_>, object: v8::Local<'s, v8::Object>) -> Fallible<bool> {
        if object.is_map() || object.is_set() || object.is_date() || object.is_reg_exp() || object.is_native_error() {
            return Ok(false);
        }
        let undefined = v8::undefined(scope).into();
        let answer = self.call(scope, self.is_stream, undefined, &[object.into()])?;
        Ok(answer.is_true())
    }

    fn key_for_to_json(&self, scope: &mut v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Value> {
        let text = match self.path.last() {
            Some(Segment::Key(key)) => key.clone(),
            Some(Segment::Index(index)) => index.to_string(),
            None => String::new(),
        };
        v8::String::new(scope, &text).unwrap_or_else(|| v8::String::empty(scope)).into()
    }

    fn catching<T>(
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

    fn threw(&self, exception: v8::Global<v8::Value>) -> Error {
        Error::Threw { path: Path(self.path.clone()), exception }
    }

    fn cannot(&self, why: &'static str) -> Error {
        Error::Cannot { path: Path(self.path.clone()), why }
    }

    fn warn(&mut self, what: &str) {
        self.warnings.push(format!("{} {what}", Path(self.path.clone())));
    }
}

/// The place of a key in a view's index. `expected` is where it most likely is.
fn place_of(view: &View, raw: &[u8], expected: &mut usize) -> Option<usize> {
    let count = view.object.properties().len();
    if *expected < count && same_key(&view.raw_key(*expected), raw) {
        *expected += 1;
        return Some(*expected - 1);
    }
    let place = (0..count).find(|&place| same_key(&view.raw_key(place), raw))?;
    *expected = place + 1;
    Some(place)
}

fn same_key(theirs: &[u8], ours: &[u8]) -> bool {
    theirs == ours
        || (theirs.contains(&b'\\') && {
            let (theirs, ours) =
                (fulgurite_state::quote::unquote_utf16(theirs), fulgurite_state::quote::unquote_utf16(ours));
            theirs == ours
        })
}
