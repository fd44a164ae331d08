//! Encode: the shallow pass that turns what a step returned into a state.
//!
//! It walks the top levels only. What nobody touched is spliced as the bytes it came in as; what was touched is stringified once,
//! by V8's own `JSON.stringify` with a single argument (anything else loses its fast path). Reading a property may run user code
//! (getters, Proxies, `toJSON`), so all of this happens inside the step's limits.

mod calls;
mod form;
mod way;

use std::io::Write as _;
use std::rc::Rc;

use deno_core::v8;
use fulgurite_state::path::Segment;
use fulgurite_state::{IndexOptions, MAX_DEPTH, Path, State, Writer, nests_deeper};

use self::calls::Fallible;
use self::form::Form;
use self::way::Way;
use crate::live::Values;
use crate::text::{append_quoted, append_utf8, lossy, utf8_bound};
use crate::view::{View, Views};

/// Longer arrays are encoded slice by slice, so that neither V8's longest string nor a second copy of the whole text is in
/// the way.
const SLICE: u32 = 16 * 1024;

/// An object that has more keys, and nothing but numbers, strings and the like, is stringified as a whole.
const MANY_KEYS: u32 = 64;

/// How deep the careful pass follows a value that `JSON.stringify` refused.
const CAREFUL_DEPTH: usize = 256;

/// Each keeps what it reads from alive until the run ends.
const MOST_STREAMS: usize = 1000;

const TOO_MANY_STREAMS: &str = "is one stream more than the thousand that may be open on a state";

const TOO_DEEP: &str = "nests deeper than 4096 levels, which nothing could read back";

/// What to do with the top level, and how far to look.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How far the walk goes, and the index of the new state.
    pub(crate) index: IndexOptions,
    /// Top-level keys that are left out.
    pub(crate) remove: Vec<String>,
    /// The only top-level keys that anybody wants; all if there is none.
    pub(crate) only: &'static [&'static str],
    /// Whether it is a state, whose top-level keys that start with `_` are private. To any other value they are data.
    pub(crate) is_state: bool,
    /// Bytes of the new state, at most.
    pub(crate) limit: usize,
}

/// The functions of the isolate that the pass needs, as they were before user code ran.
pub(crate) struct Pristine {
    pub(crate) stringify: v8::Global<v8::Function>,
    pub(crate) is_stream: v8::Global<v8::Function>,
    pub(crate) is_source: v8::Global<v8::Function>,
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
    /// The text that the step may have put there, as [`Writer::fresh`] has it.
    pub(crate) fresh: Vec<bytes::Bytes>,
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

impl Error {
    /// For whoever has no words of his own.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Error::Threw { path, .. } => format!("{path} throws when it is read"),
            Error::Cannot { path, why } => format!("{path} {why}"),
            Error::TooLarge { limit } => format!("the state exceeds {limit} bytes"),
            Error::Terminated => "the run is being stopped".into(),
        }
    }
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
        way: Way::default(),
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
        return Ok(Encoded { state: None, warnings: pass.warnings, spliced: 0, walks: 0, fresh: Vec::new() });
    }
    pass.write(scope, form)?;
    let spliced = pass.writer.spliced();
    let live = views.live.keep(pass.private_names, pass.values);
    let fresh = pass.writer.fresh();
    let state = pass.writer.finish(live);
    // A Proxy or an object with `toJSON` has gone through as a whole, with keys that no output has.
    let state = match walked || !options.is_state {
        true => state,
        false => crate::assemble::stripped(&state, &options.remove, options.index),
    };
    Ok(Encoded { state: Some(state), warnings: pass.warnings, spliced, walks: pass.walks, fresh })
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
    way: Way,
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

impl<'s> Pass<'_, 's> {
    /// The level of the value at hand: 0 is the state itself.
    fn level(&self) -> usize {
        self.way.len()
    }

    fn write(&mut self, scope: &mut v8::PinScope<'s, '_>, form: Form<'s>) -> Fallible<()> {
        match form {
            Form::Omit => self.writer.value(b"null"),
            Form::Text(text) => self.writer.value(text.as_bytes()),
            Form::Integer(integer) => self.writer.value_with(11, |out| {
                // Into memory, which does not fail.
                let _ = write!(out, "{integer}");
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
                if self.values.streams.len() >= MOST_STREAMS {
                    return Err(self.cannot(TOO_MANY_STREAMS));
                }
                let path = self.way.path();
                if path.0.iter().all(named) {
                    let views = self.views;
                    let live = self.catching(scope, |scope| views.streams.keep(scope, path, stream))?;
                    self.values.streams.push(live);
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
        let (from, here) = (view.path_of(place), self.way.path());
        for live in &values.streams {
            if let Some(rest) = live.path.strip_prefix(&from) {
                let at = here.0.iter().chain(rest).cloned().collect();
                self.values.streams.push(live.moved(Path(at)));
            }
        }
        Ok(())
    }

    fn object(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        view: Option<(u32, Rc<View>)>,
    ) -> Fallible<()> {
        let keys = self.own_keys(scope, object)?;
        let count = keys.length();
        if count > MANY_KEYS
            && view.is_none()
            && !self.careful
            && self.level() > 0
            && self.has_no_objects(scope, object, keys)?
            && let Ok(Some(json)) = self.stringified(scope, object.into())?
        {
            return self.write(scope, Form::Json(json));
        }
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

    /// Whether there is nothing below an object that could be anything else than JSON has it.
    fn has_no_objects(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        keys: v8::Local<'s, v8::Array>,
    ) -> Fallible<bool> {
        for index in 0..keys.length() {
            let Some(key) = keys.get_index(scope, index) else { continue };
            let Ok(key) = v8::Local::<v8::String>::try_from(key) else { return Ok(false) };
            match self.get(scope, object, key.into()) {
                Ok(value) if !value.is_object() => {}
                Err(Error::Terminated) => return Err(Error::Terminated),
                // Who writes it property by property knows which one throws.
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    fn property(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        key: v8::Local<'s, v8::Name>,
        view: Option<&(u32, Rc<View>)>,
        expected: &mut usize,
    ) -> Fallible<()> {
        let top = self.level() == 0 && self.options.is_state;
        self.way.enter_key(|out| append_quoted(scope, key.cast(), out));
        let raw = self.way.key();
        if top {
            let is = |name: &str| raw[1..raw.len() - 1] == *name.as_bytes();
            let only = self.options.only;
            if self.options.remove.iter().any(|name| is(name)) || !only.is_empty() && !only.iter().any(|name| is(name))
            {
                self.way.leave();
                return Ok(());
            }
        }
        let private = top && raw[1] == b'_';

        let mut form = None;
        if let Some((number, view)) = view
            && !private
            && let Some(place) = place_of(view, raw, expected)
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
                    self.private_names.push(fulgurite_state::quote::unquote_lossy(self.way.key()));
                    self.way.leave();
                    self.values.private.push((v8::Global::new(scope, key), v8::Global::new(scope, value)));
                    return Ok(());
                }
                self.form(scope, value)?
            }
        };
        if !matches!(form, Form::Omit) {
            self.writer.key(self.way.key());
            self.write(scope, form)?;
            self.writer.end_property();
        }
        self.way.leave();
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
            self.way.enter_index(index as usize);
            let element = self.get_index(scope, array, index)?;
            self.element = true;
            let form = self.form(scope, element)?;
            self.element = false;
            self.writer.element();
            self.write(scope, form)?;
            self.way.leave();
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
                    self.way.enter_index(from as usize);
                    let element = self.get_index(scope, array, from)?;
                    let careful = std::mem::replace(&mut self.careful, true);
                    let form = self.form(scope, element)?;
                    self.writer.element();
                    self.write(scope, form)?;
                    self.careful = careful;
                    self.way.leave();
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
}

/// The place of a key in a view's index. `expected` is where it most likely is.
fn place_of(view: &View, raw: &[u8], expected: &mut usize) -> Option<usize> {
    let count = view.object.properties().len();
    if *expected < count && view.has_key(*expected, raw) {
        *expected += 1;
        return Some(*expected - 1);
    }
    let place = (0..count).find(|&place| view.has_key(place, raw))?;
    *expected = place + 1;
    Some(place)
}
