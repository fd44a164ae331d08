//! The skipping scanner: one pass that checks the whole text and keeps the spans of the top levels only.
//!
//! Strings are skipped 64 bytes at a time (`block`); what remains are tokens, about one per six bytes, and each moves a small
//! table-driven machine. Nothing is decoded and nothing is allocated below the indexed levels. The scanner says only whether
//! the text is JSON (RFC 8259, UTF-8); where and why it is not is found by the slow and careful [`crate::syntax::diagnose`].

mod block;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use crate::index::{IndexOptions, Object, Property};
use crate::quote::unquote_utf16;
use block::{Classify, Portable};

/// Arrays and objects may nest this deep; a text that nests deeper is refused, because V8's recursive walks could not follow.
pub const MAX_DEPTH: usize = 4096;

/// What the scanner itself can follow.
const DEEPEST: usize = 2 * MAX_DEPTH;

/// Which way the blocks are classified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The fastest that this processor has.
    Best,
    /// Plain code.
    Portable,
}

/// The text is not JSON; ask [`crate::syntax::diagnose`] for the place and the reason.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused;

/// What a scan found.
#[derive(Debug)]
pub struct Scanned {
    /// The value without the white space around it.
    pub span: Range<usize>,
    /// The index, when the value is an indexed object.
    pub object: Option<Arc<Object>>,
}

/// Checks `text` and indexes its top levels, with the best engine.
pub(crate) fn scan(text: &[u8], options: &IndexOptions) -> Result<Scanned, Refused> {
    scan_with(Engine::Best, text, options)
}

/// Checks `text` and indexes its top levels, with a given engine.
pub fn scan_with(engine: Engine, text: &[u8], options: &IndexOptions) -> Result<Scanned, Refused> {
    scan_down_to(MAX_DEPTH, engine, text, options)
}

/// The same for a text that is a state already: put into another object, it may nest a little deeper than what comes in.
pub(crate) fn scan_again(text: &[u8], options: &IndexOptions) -> Result<Scanned, Refused> {
    scan_down_to(DEEPEST, Engine::Best, text, options)
}

fn scan_down_to(limit: usize, engine: Engine, text: &[u8], options: &IndexOptions) -> Result<Scanned, Refused> {
    let mut machine = Machine::new(text, *options, limit);
    let non_ascii = each_token(engine, text, true, &mut machine)?;
    let scanned = machine.finish()?;
    // A second pass, but only for texts that are not plain ASCII.
    if non_ascii && simdutf8::basic::from_utf8(text).is_err() {
        return Err(Refused);
    }
    Ok(scanned)
}

/// Do the brackets of a valid text (or of a row of valid values) nest deeper than `limit`? Much faster than a scan: blocks whose
/// brackets could not reach the limit are only counted.
pub fn nests_deeper(text: &[u8], limit: usize) -> bool {
    #[cfg(target_arch = "x86_64")]
    if block::available() {
        // SAFETY: `available` has just found every feature that the function names.
        return unsafe { nests_deeper_avx2(text, limit) };
    }
    // SAFETY: the portable classification needs no feature.
    unsafe { nests::<Portable>(text, limit) }
}

/// # Safety
/// The processor must have the features named here.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2,popcnt")]
unsafe fn nests_deeper_avx2(text: &[u8], limit: usize) -> bool {
    // SAFETY: this function has the features that the classification needs.
    unsafe { nests::<block::Avx2>(text, limit) }
}

/// # Safety
/// The processor must have what `C` names.
#[inline(always)]
unsafe fn nests<C: Classify>(text: &[u8], limit: usize) -> bool {
    let mut strings = Strings::default();
    let mut depth = 0usize;
    let (blocks, tail) = text.as_chunks::<64>();
    let mut padded = [b' '; 64];
    padded[..tail.len()].copy_from_slice(tail);
    for block in blocks.iter().chain((!tail.is_empty()).then_some(&padded)) {
        // SAFETY: the caller vouches for the features of `C`.
        let (masks, (open, close)) = unsafe { (C::masks(block), C::brackets(block)) };
        // SAFETY: as above.
        let (_, _, inside) = unsafe { strings.next::<C>(&masks) };
        let (open, close) = (open & !inside, close & !inside);
        if depth + open.count_ones() as usize > limit {
            let mut at = depth;
            for place in bits(open | close) {
                if open >> place & 1 == 1 {
                    at += 1;
                    if at > limit {
                        return true;
                    }
                } else {
                    at = at.saturating_sub(1);
                }
            }
        }
        depth = (depth + open.count_ones() as usize).saturating_sub(close.count_ones() as usize);
    }
    false
}

/// Cuts a valid array into ranges of whole elements (commas between the ranges left out), each about `target` bytes.
///
/// `text` must be an array that passed the scanner, without white space around it.
pub fn array_chunks(text: &[u8], target: usize) -> Vec<Range<usize>> {
    chunks(text, target)
}

/// Cuts a valid object into ranges of whole `"key": value` pairs, each about `target` bytes.
///
/// `text` must be an object that passed the scanner, without white space around it.
pub fn object_chunks(text: &[u8], target: usize) -> Vec<Range<usize>> {
    chunks(text, target)
}

fn chunks(text: &[u8], target: usize) -> Vec<Range<usize>> {
    let mut cutter = Cutter { depth: 0, start: 1, target, ranges: Vec::new() };
    // The text is valid, so neither the walk nor the cutter can refuse.
    let _ = each_token(Engine::Best, text, false, &mut cutter);
    let end = text.len().saturating_sub(1);
    if !text[cutter.start..end].trim_ascii().is_empty() {
        cutter.ranges.push(cutter.start..end);
    }
    cutter.ranges
}

struct Cutter {
    depth: usize,
    start: usize,
    target: usize,
    ranges: Vec<Range<usize>>,
}

impl Tokens for Cutter {
    #[inline(always)]
    fn tokens(&mut self, base: usize, block: &[u8; 64], tokens: u64) -> Result<(), Refused> {
        for offset in bits(tokens) {
            let position = base + offset;
            match block[offset] {
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                b',' if self.depth == 1 && position - self.start >= self.target => {
                    self.ranges.push(self.start..position);
                    self.start = position + 1;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Receives the tokens of a text block by block: operators, the opening quote of each string, the first byte of anything
/// else. One bit per token.
trait Tokens {
    fn tokens(&mut self, base: usize, block: &[u8; 64], tokens: u64) -> Result<(), Refused>;
}

/// The places of the bits that are set, lowest first.
#[inline(always)]
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = word.trailing_zeros() as usize;
        (word != 0).then(|| {
            word &= word - 1;
            place & 63
        })
    })
}

/// Walks the tokens; answers whether any byte is outside ASCII. With `check`, the insides of strings are checked too.
fn each_token<T: Tokens>(engine: Engine, text: &[u8], check: bool, sink: &mut T) -> Result<bool, Refused> {
    #[cfg(target_arch = "x86_64")]
    if engine == Engine::Best && block::available() {
        // SAFETY: `available` has just found every feature that the function names.
        return unsafe { each_token_avx2(text, check, sink) };
    }
    let _ = engine;
    // SAFETY: the portable classification needs no feature.
    unsafe { walk::<Portable, T>(text, check, sink) }
}

/// # Safety
/// The processor must have the features named here.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2")]
unsafe fn each_token_avx2<T: Tokens>(text: &[u8], check: bool, sink: &mut T) -> Result<bool, Refused> {
    // SAFETY: this function has the features that the classification needs.
    unsafe { walk::<block::Avx2, T>(text, check, sink) }
}

const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;

/// Where strings are, carried from block to block.
#[derive(Default)]
struct Strings {
    /// 1 = the first byte of the next block is escaped.
    escaped: u64,
    /// All ones = the next block starts inside a string.
    inside: u64,
}

impl Strings {
    /// Of the next block: the bytes that are escaped, the quotes that are not, and what is inside strings (opening quotes
    /// included, closing ones not).
    ///
    /// # Safety
    /// The processor must have what `C` names.
    #[inline(always)]
    unsafe fn next<C: Classify>(&mut self, masks: &block::Masks) -> (u64, u64, u64) {
        // Escaped are those after an odd run of backslashes. A run that starts on an odd place flips the alternation, which the
        // subtraction does for all runs at once (simdjson, `json_escape_scanner`).
        let escaped = if masks.backslash == 0 {
            std::mem::take(&mut self.escaped)
        } else {
            let starts = masks.backslash & !self.escaped;
            let maybe = starts << 1;
            let codes = ((maybe | ODD).wrapping_sub(starts)) ^ ODD;
            let escaped = codes ^ (masks.backslash | self.escaped);
            self.escaped = (codes & masks.backslash) >> 63;
            escaped
        };
        let quote = masks.quote & !escaped;
        // SAFETY: the caller vouches for the features of `C`.
        let inside = unsafe { C::prefix_xor(quote) } ^ self.inside;
        self.inside = ((inside as i64) >> 63) as u64;
        (escaped, quote, inside)
    }
}

/// # Safety
/// The processor must have what `C` names.
#[inline(always)]
unsafe fn walk<C: Classify, T: Tokens>(text: &[u8], check: bool, sink: &mut T) -> Result<bool, Refused> {
    let mut non_ascii = 0u64;
    let mut strings = Strings::default();
    let mut scalar_carry = 0u64; // the last byte belonged to a number or a word

    let (blocks, tail) = text.as_chunks::<64>();
    let mut padded = [b' '; 64];
    padded[..tail.len()].copy_from_slice(tail);
    let last = (!tail.is_empty()).then_some(&padded);

    for (number, block) in blocks.iter().chain(last).enumerate() {
        let base = number * 64;
        // SAFETY: the caller vouches for the features of `C`.
        let masks = unsafe { C::masks(block) };

        // SAFETY: the caller vouches for the features of `C`.
        let (escaped, quote, inside) = unsafe { strings.next::<C>(&masks) };

        if check {
            non_ascii |= masks.non_ascii;
            let bad = masks.control & inside;
            if bad != 0 {
                return Err(Refused);
            }
            let mut escapes = escaped & inside;
            while escapes != 0 {
                let position = base + escapes.trailing_zeros() as usize;
                escapes &= escapes - 1;
                if !is_escape(text, position) {
                    return Err(Refused);
                }
            }
        }

        let word = !(masks.operator | masks.space | quote | inside);
        let word_start = word & !(word << 1 | scalar_carry);
        scalar_carry = word >> 63;
        sink.tokens(base, block, (masks.operator & !inside) | (quote & inside) | word_start)?;
    }
    // The tail's padding is white space outside a string: a string that is still open was never closed.
    if strings.inside != 0 || strings.escaped != 0 {
        return Err(Refused);
    }
    Ok(non_ascii != 0)
}

#[inline(always)]
fn is_escape(text: &[u8], position: usize) -> bool {
    match text.get(position) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => true,
        Some(b'u') => {
            text.get(position + 1..position + 5).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        }
        _ => false,
    }
}

// The classes of tokens.
const COLON: u8 = 0;
const COMMA: u8 = 1;
const QUOTE: u8 = 2;
const SCALAR: u8 = 3;
const OPEN_OBJECT: u8 = 4;
const CLOSE_OBJECT: u8 = 5;
const OPEN_ARRAY: u8 = 6;
const CLOSE_ARRAY: u8 = 7;

// What the machine waits for.
const ERROR: u8 = 0;
const OBJECT_FIRST: u8 = 1;
const OBJECT_KEY: u8 = 2;
const OBJECT_COLON: u8 = 3;
const OBJECT_VALUE: u8 = 4;
const OBJECT_NEXT: u8 = 5;
const ARRAY_FIRST: u8 = 6;
const ARRAY_VALUE: u8 = 7;
const ARRAY_NEXT: u8 = 8;
const ROOT_VALUE: u8 = 9;
const ROOT_END: u8 = 10;

const CLASS: [u8; 256] = {
    let mut table = [SCALAR; 256];
    table[b':' as usize] = COLON;
    table[b',' as usize] = COMMA;
    table[b'"' as usize] = QUOTE;
    table[b'{' as usize] = OPEN_OBJECT;
    table[b'}' as usize] = CLOSE_OBJECT;
    table[b'[' as usize] = OPEN_ARRAY;
    table[b']' as usize] = CLOSE_ARRAY;
    table
};

/// Next state by `state * 8 + class`. For brackets it says only whether one may stand here (the state that follows depends on
/// the stack); absent means refused.
const NEXT: [u8; 16 * 8] = {
    let mut table = [ERROR; 16 * 8];
    macro_rules! on {
        ($($state:ident: $($class:ident => $next:ident),+;)+) => { $($(table[$state as usize * 8 + $class as usize] = $next;)+)+ };
    }
    on! {
        OBJECT_FIRST: QUOTE => OBJECT_COLON, CLOSE_OBJECT => OBJECT_NEXT;
        OBJECT_KEY: QUOTE => OBJECT_COLON;
        OBJECT_COLON: COLON => OBJECT_VALUE;
        OBJECT_VALUE: QUOTE => OBJECT_NEXT, SCALAR => OBJECT_NEXT, OPEN_OBJECT => OBJECT_FIRST, OPEN_ARRAY => ARRAY_FIRST;
        OBJECT_NEXT: COMMA => OBJECT_KEY, CLOSE_OBJECT => OBJECT_NEXT;
        ARRAY_FIRST: QUOTE => ARRAY_NEXT, SCALAR => ARRAY_NEXT, OPEN_OBJECT => OBJECT_FIRST, OPEN_ARRAY => ARRAY_FIRST,
            CLOSE_ARRAY => ARRAY_NEXT;
        ARRAY_VALUE: QUOTE => ARRAY_NEXT, SCALAR => ARRAY_NEXT, OPEN_OBJECT => OBJECT_FIRST, OPEN_ARRAY => ARRAY_FIRST;
        ARRAY_NEXT: COMMA => ARRAY_VALUE, CLOSE_ARRAY => ARRAY_NEXT;
        ROOT_VALUE: QUOTE => ROOT_END, SCALAR => ROOT_END, OPEN_OBJECT => OBJECT_FIRST, OPEN_ARRAY => ARRAY_FIRST;
    }
    table
};

/// The machine: syntax by table, brackets on a stack of bits, spans for the levels that are indexed.
struct Machine<'t> {
    text: &'t [u8],
    options: IndexOptions,
    state: u8,
    depth: usize,
    /// One bit per open bracket: is it an object?
    stack: [u64; DEEPEST / 64],
    limit: usize,
    start: usize,
    /// Open objects that are indexed, outermost first. Recording happens while `frames.len() == depth`.
    frames: Vec<Frame>,
    properties: usize,
    root: Option<Arc<Object>>,
}

struct Frame {
    start: usize,
    properties: Vec<Property>,
    key: Range<usize>,
    value_start: usize,
    child: Option<Arc<Object>>,
    leaf: bool,
}

impl Tokens for Machine<'_> {
    #[inline(always)]
    fn tokens(&mut self, base: usize, block: &[u8; 64], mut tokens: u64) -> Result<(), Refused> {
        while tokens != 0 {
            if self.frames.len() == self.depth {
                let offset = tokens.trailing_zeros() as usize & 63;
                tokens &= tokens - 1;
                self.shallow(base + offset, block[offset])?;
            } else {
                tokens = self.deep(base, block, tokens)?;
            }
        }
        Ok(())
    }
}

impl<'t> Machine<'t> {
    fn new(text: &'t [u8], options: IndexOptions, limit: usize) -> Self {
        Machine {
            text,
            options,
            state: ROOT_VALUE,
            depth: 0,
            stack: [0; DEEPEST / 64],
            limit,
            start: 0,
            frames: Vec::new(),
            properties: 0,
            root: None,
        }
    }

    fn finish(self) -> Result<Scanned, Refused> {
        if self.state != ROOT_END || self.depth != 0 {
            return Err(Refused);
        }
        Ok(Scanned { span: self.start..trim_end(self.text, self.text.len()), object: self.root })
    }

    /// Takes tokens below the indexed levels, where only the syntax matters, until there are none left or the level of the
    /// index is reached again; answers the tokens that are left. This is where the time goes: the state stays in a register.
    #[inline(always)]
    fn deep(&mut self, base: usize, block: &[u8; 64], mut tokens: u64) -> Result<u64, Refused> {
        let mut state = self.state;
        while tokens != 0 {
            let offset = tokens.trailing_zeros() as usize & 63;
            tokens &= tokens - 1;
            let class = CLASS[block[offset] as usize];
            let next = NEXT[(state * 8 + class) as usize & 127];
            if next == ERROR {
                return Err(Refused);
            }
            state = next;
            if class < SCALAR {
                continue;
            }
            match class {
                SCALAR => {
                    if !is_scalar(&self.text[base + offset..]) {
                        return Err(Refused);
                    }
                }
                OPEN_OBJECT | OPEN_ARRAY => self.open(class == OPEN_OBJECT, next)?,
                _ => {
                    self.close();
                    state = self.state;
                    if self.frames.len() == self.depth {
                        break;
                    }
                }
            }
        }
        self.state = state;
        Ok(tokens)
    }

    #[inline(always)]
    fn open(&mut self, object: bool, next: u8) -> Result<(), Refused> {
        if self.depth == self.limit {
            return Err(Refused);
        }
        let (word, bit) = (self.depth / 64, self.depth % 64);
        self.stack[word] = self.stack[word] & !(1 << bit) | (object as u64) << bit;
        self.depth += 1;
        self.state = next;
        Ok(())
    }

    #[inline(always)]
    fn close(&mut self) {
        self.depth -= 1;
        self.state = match self.depth.checked_sub(1) {
            None => ROOT_END,
            Some(outer) if self.stack[outer / 64] >> (outer % 64) & 1 == 1 => OBJECT_NEXT,
            Some(_) => ARRAY_NEXT,
        };
    }

    /// The same, on the levels that are indexed: the root, and directly inside indexed objects.
    #[inline(never)]
    fn shallow(&mut self, position: usize, byte: u8) -> Result<(), Refused> {
        let class = CLASS[byte as usize];
        let before = self.state;
        let next = NEXT[(before * 8 + class) as usize & 127];
        if next == ERROR {
            return Err(Refused);
        }
        if before == ROOT_VALUE {
            self.start = position;
        }
        if let Some(frame) = self.frames.last_mut() {
            match (before, class) {
                (OBJECT_FIRST | OBJECT_KEY, QUOTE) => frame.key.start = position,
                (OBJECT_COLON, _) => frame.key.end = trim_end(self.text, position),
                (OBJECT_VALUE, _) => {
                    frame.value_start = position;
                    frame.child = None;
                }
                (OBJECT_NEXT, _) => {
                    self.properties += frame.end_property(self.text, position, &self.options, self.properties)
                }
                _ => {}
            }
        }
        match class {
            COLON | COMMA | QUOTE => self.state = next,
            SCALAR => {
                self.state = next;
                if !is_scalar(&self.text[position..]) {
                    return Err(Refused);
                }
            }
            OPEN_OBJECT | OPEN_ARRAY => {
                let indexed = class == OPEN_OBJECT
                    && self.depth < self.options.depth
                    && self.properties < self.options.max_properties
                    && self.frames.last().is_none_or(|frame| !frame.leaf);
                self.open(class == OPEN_OBJECT, next)?;
                if indexed {
                    self.frames.push(Frame::new(position));
                }
            }
            _ => {
                self.close();
                let object = self.frames.pop().and_then(|frame| frame.finish(self.text));
                match self.frames.last_mut() {
                    Some(parent) => parent.child = object,
                    None => self.root = object,
                }
            }
        }
        Ok(())
    }
}

impl Frame {
    fn new(start: usize) -> Frame {
        Frame { start, properties: Vec::new(), key: 0..0, value_start: 0, child: None, leaf: false }
    }

    /// Records the property that ends before `position`; answers how many more properties the index holds now.
    fn end_property(&mut self, text: &[u8], position: usize, options: &IndexOptions, total: usize) -> usize {
        if self.leaf {
            return 0;
        }
        let key = &text[self.key.clone()];
        let too_many = self.properties.len() >= options.max_keys || total >= options.max_properties;
        if too_many || key.len() > u32::MAX as usize || (!options.integer_keys && is_array_index(key)) {
            self.leaf = true;
            self.properties = Vec::new();
            return 0;
        }
        self.properties.push(Property {
            key_start: self.key.start - self.start,
            key_len: key.len() as u32,
            value_start: self.value_start - self.start,
            value_len: trim_end(text, position) - self.value_start,
            child: self.child.take(),
        });
        1
    }

    fn finish(mut self, text: &[u8]) -> Option<Arc<Object>> {
        if self.leaf {
            return None;
        }
        keep_last(&mut self.properties, &text[self.start..]);
        Some(Arc::new(Object { properties: self.properties.into_boxed_slice() }))
    }
}

/// Keeps the last value of a repeated key, at the place of the first, as `JSON.parse` does.
pub(crate) fn keep_last(properties: &mut Vec<Property>, object: &[u8]) {
    let raw = |property: &Property| &object[property.key()];
    let escaped = properties.iter().any(|property| raw(property).contains(&b'\\'));
    // Few keys are compared in pairs, which allocates nothing; mostly their lengths differ.
    if !escaped && properties.len() <= 16 {
        let repeats = |(position, property): (usize, &Property)| {
            properties[..position].iter().any(|earlier| raw(earlier) == raw(property))
        };
        if !properties.iter().enumerate().any(repeats) {
            return;
        }
    }
    let mut places: HashMap<Vec<u16>, usize> = HashMap::with_capacity(properties.len());
    let mut kept: Vec<Property> = Vec::with_capacity(properties.len());
    for property in properties.drain(..) {
        match places.entry(unquote_utf16(&object[property.key()])) {
            Entry::Vacant(place) => {
                place.insert(kept.len());
                kept.push(property);
            }
            Entry::Occupied(place) => kept[*place.get()] = property,
        }
    }
    *properties = kept;
}

/// Is a raw key one that JavaScript treats as an index (`"0"`, `"17"`, up to 2^32-2)? A key with escapes may be one, too.
pub(crate) fn is_array_index(raw: &[u8]) -> bool {
    let inner = &raw[1..raw.len() - 1];
    let digits = |text: &[u8]| {
        !text.is_empty()
            && text.len() <= 10
            && text.iter().all(u8::is_ascii_digit)
            && (text.len() == 1 || text[0] != b'0')
    };
    if inner.contains(&b'\\') {
        let decoded = unquote_utf16(raw);
        return decoded.iter().all(|&unit| unit < 0x80)
            && digits(&decoded.iter().map(|&unit| unit as u8).collect::<Vec<_>>());
    }
    digits(inner)
}

fn trim_end(text: &[u8], end: usize) -> usize {
    let spaces = text[..end].iter().rev().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count();
    end - spaces
}

/// Does a number or a word start here, complete and followed by something that may follow it?
#[inline(always)]
fn is_scalar(text: &[u8]) -> bool {
    match scalar_len(text) {
        Some(len) => {
            text.get(len).is_none_or(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b',' | b'}' | b']' | b':'))
        }
        None => false,
    }
}

#[inline(always)]
fn scalar_len(text: &[u8]) -> Option<usize> {
    match text[0] {
        b't' => text.starts_with(b"true").then_some(4),
        b'f' => text.starts_with(b"false").then_some(5),
        b'n' => text.starts_with(b"null").then_some(4),
        _ => number_len(text),
    }
}

/// The length of the number at the start of `text` (RFC 8259, section 6).
#[inline(always)]
pub(crate) fn number_len(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| from + text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let sign = (text.first() == Some(&b'-')) as usize;
    let mut at = match text.get(sign)? {
        b'0' => sign + 1,
        b'1'..=b'9' => digits(sign + 1),
        _ => return None,
    };
    if text.get(at) == Some(&b'.') {
        let end = digits(at + 1);
        if end == at + 1 {
            return None;
        }
        at = end;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        let sign = matches!(text.get(at + 1), Some(b'+' | b'-')) as usize;
        let end = digits(at + 1 + sign);
        if end == at + 1 + sign {
            return None;
        }
        at = end;
    }
    Some(at)
}
