//! The view: how JavaScript sees a state. Plain objects for the indexed levels; every property of theirs is parsed when it is
//! first read, and until then it is bytes.
//!
//! A property is a V8 *native data property*: to scripts a plain property, to us a getter, which puts what it has parsed into its own
//! place, so that it runs once. Each view object has a number in the table below, kept on the object under a private symbol; a
//! getter's data is the place of its property in the object's index. So all objects with the same keys can be copies of one
//! ([`crate::shape`]). V8's own *lazy* data properties, which are replaced when they are first read, know no such copies: each costs
//! the object two changes of its layout, 0.4 µs, and leaves it with one that no other has.
//!
//! Whether a property is still lazy can only be found out by reading it. So the encoder first *arms* the one property it is
//! about to read ([`Views::untouched`]): an armed getter answers a sentinel, and parses nothing. Only that property's own
//! getter disarms it, so user code that runs meanwhile (another getter, a Proxy) never sees the sentinel.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use deno_core::v8;
use fulgurite_state::path::Segment;
use fulgurite_state::quote::{unquote_lossy, unquote_utf16};
use fulgurite_state::{Object, Path, Span, State, array_chunks, object_chunks};

use crate::desk::gone;
use crate::live::{LiveValues, StreamFunctions, Values};
use crate::shape::{self, More, Shapes, Text};
use crate::text::{MAX_STRING, key_from, string_from};

/// A value that is too long for one V8 string is parsed in pieces of about this size.
const CHUNK: usize = 64 << 20;

/// Timing a parse shorter than this would cost a good part of the parse.
const TIMED_FROM: usize = 2048;

/// The view objects of one isolate, in its slot for this type.
pub(crate) struct Views {
    table: RefCell<Table>,
    armed: Cell<Option<u64>>,
    sentinel: v8::Global<v8::Object>,
    number: v8::Global<v8::Private>,
    /// What was read of an object that has been frozen meanwhile.
    read: v8::Global<v8::Private>,
    shapes: RefCell<Shapes>,
    pub(crate) live: LiveValues,
    pub(crate) streams: StreamFunctions,
    parsed: Cell<usize>,
    time: Cell<Duration>,
}

#[derive(Default)]
struct Table {
    views: Vec<Option<Rc<View>>>,
    free: Vec<u32>,
}

/// One object of a state that JavaScript has seen.
pub(crate) struct View {
    pub(crate) state: State,
    /// Where the object's `{` stands in the state's text.
    base: usize,
    pub(crate) object: Arc<Object>,
    /// How many objects it is in: 0 for the state itself.
    pub(crate) level: usize,
    /// From the root of `state`; kept only when the state has streams.
    path: Rc<[Segment]>,
    _weak: v8::Weak<v8::Object>,
}

impl View {
    /// The span of a property in the state's text.
    pub(crate) fn span(&self, property: usize) -> Span {
        State::span_of(self.base, &self.object.properties()[property])
    }

    /// A property's key as raw JSON text.
    pub(crate) fn raw_key(&self, property: usize) -> Bytes {
        let key = self.object.properties()[property].key();
        self.state.slice(self.base + key.start..self.base + key.end)
    }

    /// Whether a property has that key, given as JSON text.
    pub(crate) fn has_key(&self, property: usize, raw: &[u8]) -> bool {
        let key = self.object.properties()[property].key();
        self.state.with_text(self.base + key.start..self.base + key.end, |theirs| {
            theirs == raw || theirs.contains(&b'\\') && unquote_utf16(theirs) == unquote_utf16(raw)
        })
    }

    /// The path of a property in the state it comes from; known only when that state has streams.
    pub(crate) fn path_of(&self, property: usize) -> Vec<Segment> {
        let mut path = self.path.to_vec();
        path.push(Segment::Key(unquote_lossy(&self.raw_key(property))));
        path
    }
}

const PROPERTY_BITS: u32 = 20;

fn ticket(number: u32, property: usize) -> u64 {
    (number as u64) << PROPERTY_BITS | property as u64
}

impl Views {
    /// The table of an isolate that has none yet.
    pub(crate) fn install(scope: &mut v8::PinScope, streams: StreamFunctions) -> Rc<Views> {
        let sentinel = v8::Object::new(scope);
        let (number, read) = (v8::Private::new(scope, None), v8::Private::new(scope, None));
        let views = Rc::new(Views {
            table: RefCell::default(),
            armed: Cell::new(None),
            sentinel: v8::Global::new(scope, sentinel),
            number: v8::Global::new(scope, number),
            read: v8::Global::new(scope, read),
            shapes: RefCell::default(),
            live: LiveValues::default(),
            streams,
            parsed: Cell::new(0),
            time: Cell::new(Duration::ZERO),
        });
        scope.set_slot(views.clone());
        views
    }

    /// Bytes parsed and time spent on it since the last call.
    pub(crate) fn take_cost(&self) -> (usize, Duration) {
        (self.parsed.take(), self.time.take())
    }

    /// Lets go of every handle to an object of the isolate.
    pub(crate) fn clear(&self) {
        drop((self.table.take(), self.shapes.take()));
        self.live.clear();
    }

    /// How JavaScript sees `state`. `None` = an exception is pending (a string too long for V8).
    pub(crate) fn root<'s>(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'s, '_>,
        state: &State,
    ) -> Option<v8::Local<'s, v8::Value>> {
        self.root_beside(scope, state, None)
    }

    /// The same with a number as one more property, which is not lazy: for a number it would cost more.
    pub(crate) fn root_beside<'s>(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'s, '_>,
        state: &State,
        beside: Option<(&'static str, f64)>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        let value = match &state.root().object {
            // Nothing is read that could be a stream.
            Some(object) => {
                let object = self.object(scope, (state, state.root().range.start, object), beside, 0, Rc::default())?;
                object.into()
            }
            None => {
                let value = self.materialize(scope, state, state.root(), 0, Rc::default())?;
                if let (Some(beside), Ok(object)) = (beside, v8::Local::<v8::Object>::try_from(value)) {
                    put_number(scope, object, beside)?;
                }
                value
            }
        };
        if let Some(values) = state.live().and_then(|names| self.live.of(names))
            && let Ok(object) = v8::Local::<v8::Object>::try_from(value)
        {
            for (key, value) in &values.private {
                let key = v8::Local::new(scope, key);
                let value = v8::Local::new(scope, value);
                object.create_data_property(scope, key, value)?;
            }
        }
        Some(value)
    }

    fn materialize<'s>(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'s, '_>,
        state: &State,
        span: &Span,
        level: usize,
        path: Rc<[Segment]>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        let streams = state.live().filter(|names| !names.streams.is_empty()).and_then(|names| self.live.of(names));
        if let Some(values) = &streams
            && let Some(live) = values.streams.iter().find(|live| *live.path.0 == *path)
        {
            return self.streams.hand_over(scope, live);
        }
        match &span.object {
            Some(object) => self.object(scope, (state, span.range.start, object), None, level, path).map(Into::into),
            None => {
                let value = self.parse(scope, state.slice(span.range.clone()), &path)?;
                if let Some(values) = &streams {
                    self.put_streams(scope, value, values, &path)?;
                }
                Some(value)
            }
        }
    }

    fn object<'s>(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'s, '_>,
        text: Text<'_>,
        beside: Option<(&'static str, f64)>,
        level: usize,
        path: Rc<[Segment]>,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let private = v8::Local::new(scope, &self.number);
        let more = More { number: private, beside: beside.map(|(name, _)| name) };
        let template = self.shapes.borrow_mut().template(scope, text, more);
        let result = match template {
            Some(template) => template.new_instance(scope)?,
            None => {
                // One that V8 keeps as a table from the start: otherwise each property would change its layout, and copy all others.
                let prototype = v8::Object::new(scope).get_prototype(scope)?;
                let result = v8::Object::with_prototype_and_properties(scope, prototype, &[], &[]);
                for place in 0..text.2.properties().len() {
                    let (key, getter) = shape::property(scope, text, place)?;
                    result.set_accessor_with_configuration(scope, key, getter)?;
                }
                result
            }
        };
        let number = self.reserve();
        let value = v8::Number::new(scope, f64::from(number));
        result.set_private(scope, private, value.into())?;
        if let Some(beside) = beside {
            put_number(scope, result, beside)?;
        }
        let table = Rc::downgrade(self);
        let finalizer = Box::new(move |_: &mut v8::Isolate| {
            if let Some(views) = table.upgrade() {
                views.release(number);
            }
        });
        let weak = v8::Weak::with_finalizer(scope, result, finalizer);
        let (state, base, object) = text;
        let view = View { state: state.clone(), base, object: object.clone(), level, path, _weak: weak };
        self.table.borrow_mut().views[number as usize] = Some(Rc::new(view));
        Some(result)
    }

    fn reserve(&self) -> u32 {
        let mut table = self.table.borrow_mut();
        match table.free.pop() {
            Some(number) => number,
            None => {
                table.views.push(None);
                u32::try_from(table.views.len() - 1).expect("fewer than 2^32 view objects fit into a heap")
            }
        }
    }

    fn release(&self, number: u32) {
        // The view is dropped outside the borrow: dropping its state may free much.
        let view = {
            let mut table = self.table.borrow_mut();
            table.free.push(number);
            table.views[number as usize].take()
        };
        drop(view);
    }

    /// The number and the view behind an object, if it is one of ours.
    pub(crate) fn of(&self, scope: &mut v8::PinScope, object: v8::Local<v8::Object>) -> Option<(u32, Rc<View>)> {
        if object.is_proxy() {
            return None;
        }
        let private = v8::Local::new(scope, &self.number);
        let value = object.get_private(scope, private)?;
        if !value.is_number() {
            return None;
        }
        let number = value.number_value(scope)? as u32;
        let view = self.table.borrow().views.get(number as usize)?.clone()?;
        Some((number, view))
    }

    /// Reads a property of a view object. `Some(None)` = nobody has touched it, its bytes are as they were (and it stays
    /// lazy); `Some(Some(value))` = an ordinary property by now; `None` = an exception is pending.
    pub(crate) fn untouched<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<v8::Object>,
        key: v8::Local<'s, v8::Name>,
        number: u32,
        place: usize,
    ) -> Option<Option<v8::Local<'s, v8::Value>>> {
        self.armed.set(Some(ticket(number, place)));
        let value = object.get(scope, key.into());
        self.armed.set(None);
        let value = value?;
        let sentinel = v8::Local::new(scope, &self.sentinel);
        Some((!value.strict_equals(sentinel.into())).then_some(value))
    }

    /// Puts what was read into its place.
    fn settle<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        key: v8::Local<'s, v8::Name>,
        place: usize,
        value: v8::Local<'s, v8::Value>,
    ) -> Option<()> {
        if !object.get_property_attributes(scope, key.into())?.is_read_only() {
            // To set it takes the getter away, and is nothing that a job could notice.
            return object.set(scope, key.into(), value).map(|_| ());
        }
        // Nothing can be changed on an object that is frozen, but for what only we see: it must be the same value each time.
        let private = v8::Local::new(scope, &self.read);
        let read = object.get_private(scope, private)?;
        let read: v8::Local<v8::Array> = match read.try_into() {
            Ok(read) => read,
            Err(_) => {
                let read = v8::Array::new(scope, 0);
                object.set_private(scope, private, read.into())?;
                read
            }
        };
        let place = v8::Number::new(scope, place as f64).to_string(scope)?;
        read.create_data_property(scope, place.into(), value).map(|_| ())
    }

    /// What was read before of an object that is frozen.
    fn read_before<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        place: usize,
    ) -> Option<v8::Local<'s, v8::Value>> {
        let private = v8::Local::new(scope, &self.read);
        let read: v8::Local<v8::Array> = object.get_private(scope, private)?.try_into().ok()?;
        let place = v8::Number::new(scope, place as f64).to_string(scope)?;
        match read.has_own_property(scope, place.into())? {
            true => read.get(scope, place.into()),
            false => None,
        }
    }

    fn first_read<'s>(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'s, '_>,
        view: &View,
        place: usize,
    ) -> Option<v8::Local<'s, v8::Value>> {
        let has_streams = view.state.live().is_some_and(|names| !names.streams.is_empty());
        let path: Rc<[Segment]> = if has_streams { view.path_of(place).into() } else { Rc::default() };
        let span = view.span(place);
        if span.range.len() == GONE.len() && view.state.slice(span.range.clone()) == GONE {
            // A stream that is open is found below; this one is only a word.
            let is_open =
                has_streams && view.state.live().is_some_and(|names| names.streams.iter().any(|at| *at.0 == *path));
            if !is_open {
                let name = unquote_lossy(&view.raw_key(place));
                return self.streams.stand_in(scope, &gone(&name));
            }
        }
        self.materialize(scope, &view.state, &span, view.level + 1, path)
    }

    fn parse<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        text: Bytes,
        path: &[Segment],
    ) -> Option<v8::Local<'s, v8::Value>> {
        self.parsed.set(self.parsed.get() + text.len());
        if text.len() < TIMED_FROM {
            return parse_short(scope, &text);
        }
        let start = Instant::now();
        let value = self.parse_long(scope, text, path);
        self.time.set(self.time.get() + start.elapsed());
        value
    }

    fn parse_long<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        text: Bytes,
        path: &[Segment],
    ) -> Option<v8::Local<'s, v8::Value>> {
        if text.len() <= MAX_STRING {
            return parse_short(scope, &text);
        }
        match text[0] {
            b'[' => self.parse_array(scope, text, path),
            b'{' => self.parse_object(scope, text, path),
            _ => {
                // Escapes and multi-byte characters may still make it short enough; V8 decides.
                if let Some(string) = string_from(scope, &text) {
                    return v8::json::parse(scope, string);
                }
                let at = Path(path.to_vec());
                let message =
                    format!("{at} is a string of {} bytes, longer than V8 can hold ({MAX_STRING})", text.len());
                throw_range_error(scope, &message);
                None
            }
        }
    }

    /// An array that is too long for one string: parsed slice by slice and put together.
    fn parse_array<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        text: Bytes,
        path: &[Segment],
    ) -> Option<v8::Local<'s, v8::Value>> {
        // Collected here and not by `concat` or `push`, which a job can get its hands into.
        let mut elements: Vec<v8::Global<v8::Value>> = Vec::new();
        for range in array_chunks(&text, CHUNK) {
            v8::scope!(let scope, scope);
            let whole = wrapped(&text, &range, b'[', b']');
            if whole.len() <= MAX_STRING {
                let piece: v8::Local<v8::Array> = parse_short(scope, &whole)?.try_into().ok()?;
                for index in 0..piece.length() {
                    let element = piece.get_index(scope, index)?;
                    elements.push(v8::Global::new(scope, element));
                }
            } else {
                // One element in it is too long by itself.
                for element in array_chunks(&whole, 0) {
                    let element = self.parse_long(scope, trimmed(&whole, element), path)?;
                    elements.push(v8::Global::new(scope, element));
                }
            }
        }
        let locals: Vec<_> = elements.drain(..).map(|element| v8::Local::new(scope, element)).collect();
        Some(v8::Array::new_with_elements(scope, &locals).into())
    }

    /// An object that is too long for one string: parsed some properties at a time.
    fn parse_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        text: Bytes,
        path: &[Segment],
    ) -> Option<v8::Local<'s, v8::Value>> {
        let result = v8::Object::new(scope);
        for range in object_chunks(&text, 0) {
            let pair = wrapped(&text, &range, b'{', b'}');
            let index = fulgurite_state::properties(&pair)?;
            for property in index.properties() {
                let key = key_from(scope, &pair[property.key()])?;
                let value = self.parse_long(scope, pair.slice(property.value()), path)?;
                result.create_data_property(scope, key, value)?;
            }
        }
        Some(result.into())
    }

    /// Puts the live streams back that the text of a leaf only names.
    fn put_streams(
        &self,
        scope: &mut v8::PinScope,
        leaf: v8::Local<v8::Value>,
        values: &Values,
        path: &[Segment],
    ) -> Option<()> {
        for live in &values.streams {
            let Some(rest) = live.path.strip_prefix(path) else { continue };
            let Some((last, way)) = rest.split_last() else { continue };
            // Own properties of freshly parsed JSON only: nothing here may reach code of the job's.
            let mut holder = leaf;
            for segment in way {
                let object = v8::Local::<v8::Object>::try_from(holder).ok()?;
                let key = name_of(scope, segment)?;
                if !object.has_own_property(scope, key)? {
                    return Some(());
                }
                holder = object.get(scope, key.into())?;
            }
            let object = v8::Local::<v8::Object>::try_from(holder).ok()?;
            let key = name_of(scope, last)?;
            let stream = self.streams.hand_over(scope, live)?;
            object.create_data_property(scope, key, stream)?;
        }
        Some(())
    }
}

/// What a state says where a stream is.
const GONE: &str = "\"[stream]\"";

/// The getter of every lazy property.
pub(crate) fn read_lazy<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    key: v8::Local<'s, v8::Name>,
    args: v8::PropertyCallbackArguments<'s>,
    mut rv: v8::ReturnValue<v8::Value>,
) {
    let Some(views) = scope.get_slot::<Rc<Views>>().cloned() else { return };
    let Some(place) = args.data().uint32_value(scope) else { return };
    let (place, object) = (place as usize, args.holder());
    // Whoever inherits from it reads it, too.
    let Some((number, view)) = views.of(scope, object) else { return };
    if let Some(value) = views.read_before(scope, object, place) {
        return rv.set(value);
    }
    if views.armed.get() == Some(ticket(number, place)) {
        views.armed.set(None);
        rv.set(v8::Local::new(scope, &views.sentinel).into());
        return;
    }
    if let Some(value) = views.first_read(scope, &view, place)
        && views.settle(scope, object, key, place, value).is_some()
    {
        rv.set(value);
    }
}

fn parse_short<'s>(scope: &mut v8::PinScope<'s, '_>, text: &Bytes) -> Option<v8::Local<'s, v8::Value>> {
    let string = string_from(scope, text)?;
    v8::json::parse(scope, string)
}

fn put_number(scope: &mut v8::PinScope, object: v8::Local<v8::Object>, (name, value): (&str, f64)) -> Option<bool> {
    let name = v8::String::new_from_utf8(scope, name.as_bytes(), v8::NewStringType::Internalized)?;
    let value = v8::Number::new(scope, value);
    object.create_data_property(scope, name.into(), value.into())
}

fn wrapped(text: &Bytes, range: &Range<usize>, open: u8, close: u8) -> Bytes {
    let mut piece = Vec::with_capacity(range.len() + 2);
    piece.push(open);
    piece.extend_from_slice(&text[range.clone()]);
    piece.push(close);
    piece.into()
}

fn trimmed(text: &Bytes, range: Range<usize>) -> Bytes {
    text.slice_ref(text[range].trim_ascii())
}

fn name_of<'s>(scope: &mut v8::PinScope<'s, '_>, segment: &Segment) -> Option<v8::Local<'s, v8::Name>> {
    let text = match segment {
        Segment::Key(key) => v8::String::new(scope, key)?,
        Segment::Index(index) => v8::String::new(scope, &index.to_string())?,
    };
    Some(text.into())
}

pub(crate) fn throw_range_error(scope: &mut v8::PinScope, message: &str) {
    if let Some(message) = v8::String::new(scope, message) {
        let error = v8::Exception::range_error(scope, message);
        scope.throw_exception(error);
    }
}
