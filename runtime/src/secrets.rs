//! What no log, error or output may show: the values of credentials, as they are and in the forms that they travel in.
//!
//! A job needs its credential in the clear, and so does the next step when a job hands on a token. So the state that lives in
//! the run is left alone; what leaves it is masked on its way out.
//!
//! Masked are texts of at least [`SHORTEST`] characters, however deep in the configuration, unless their key says that they are
//! no secret (`host`, `username`, …; see [`HARMLESS`]). Each is looked for as it is, as JSON has it, percent-encoded, and in
//! base64 wherever it may begin in what was encoded (`user:password`). Of texts of several lines, such as private keys, each long
//! line counts alone.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use fulgurite_plan::{ErrorReport, OperationPosition, Outcome, Position};
use fulgurite_state::{IndexOptions, State};
use serde_json::{Map, Value};

/// Shorter texts are left alone: they are in every second word.
const SHORTEST: usize = 6;

/// Lines of a longer text that count alone.
const SHORTEST_LINE: usize = 16;

/// What is left of a secret where a text was cut, and is taken away.
const SHORTEST_CUT: usize = 4;

/// What is shown instead.
const MASK: &str = "***";

/// Keys of a configuration whose values are no secrets, in lower case and without `_` and `-`. In data they are everywhere.
const HARMLESS: [&str; 30] = [
    "accounturl",
    "apiurl",
    "apiversion",
    "baseurl",
    "bucket",
    "clientid",
    "database",
    "domain",
    "email",
    "endpoint",
    "env",
    "environment",
    "expiresat",
    "host",
    "hosturl",
    "instanceurl",
    "issuer",
    "loginurl",
    "name",
    "port",
    "projectid",
    "region",
    "scope",
    "tokentype",
    "tokenurl",
    "url",
    "user",
    "userid",
    "username",
    "version",
];

/// The secrets of a run.
#[derive(Default)]
pub(crate) struct Secrets {
    values: BTreeSet<String>,
    /// Made when it is first needed; `None` after a value has come.
    finder: OnceCell<Finder>,
}

/// Finds the forms of secrets in texts: by how they begin, all at once, and then each by all of it. To look for whole forms at
/// once would take time and memory that grow with the square of their length.
struct Finder {
    beginnings: AhoCorasick,
    /// The forms that begin with each of them, longest first.
    forms: Vec<Vec<String>>,
}

/// Bytes of a form that are looked for first.
const BEGINNING: usize = 32;

/// What the comparisons of one text may cost, in bytes for each byte of it. Only texts that are made for it take more, and those
/// are masked as a whole.
const EFFORT: usize = 64;

/// How many cuts of a text are looked at.
const CUTS: usize = 16;

impl Finder {
    fn new(values: &BTreeSet<String>) -> Finder {
        let mut by_beginning: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let forms: BTreeSet<String> = values.iter().flat_map(|value| forms(value)).collect();
        for form in forms {
            let beginning = form[..form.floor_char_boundary(BEGINNING)].to_owned();
            by_beginning.entry(beginning).or_default().push(form);
        }
        let (beginnings, mut forms): (Vec<String>, Vec<Vec<String>>) = by_beginning.into_iter().unzip();
        forms.iter_mut().for_each(|forms| forms.sort_by_key(|form| std::cmp::Reverse(form.len())));
        let beginnings = AhoCorasick::new(beginnings).expect("short patterns make a small automaton");
        Finder { beginnings, forms }
    }

    /// Where secrets are, in order and without overlaps.
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let mut effort = text.len().saturating_mul(EFFORT).saturating_add(1 << 20);
        for beginning in self.beginnings.find_overlapping_iter(text) {
            let rest = &text[beginning.start()..];
            let covered = found.last().map_or(0, |last| last.end);
            for form in &self.forms[beginning.pattern().as_usize()] {
                let end = beginning.start() + form.len();
                if end <= covered || end > text.len() {
                    continue;
                }
                let same = form.bytes().zip(rest).take_while(|(a, b)| a == *b).count();
                effort = effort.saturating_sub(same);
                if same == form.len() {
                    match found.last_mut().filter(|last| beginning.start() < last.end) {
                        Some(last) => last.end = end,
                        None => found.push(beginning.start()..end),
                    }
                    break;
                }
            }
            if effort == 0 {
                return std::iter::once(0..text.len()).collect();
            }
        }
        found
    }

    /// Where a secret begins that was cut off at `end`.
    fn cut_off(&self, text: &str, end: usize) -> Option<usize> {
        let head = &text.as_bytes()[..end];
        let forms = self.forms.iter().flatten();
        let lengths = forms.filter_map(|form| {
            let form = form.as_bytes();
            let longest = form.len().min(head.len()).min(1024);
            (SHORTEST_CUT..=longest).rev().find(|length| head.ends_with(&form[..*length]))
        });
        let start = end - lengths.max()?;
        Some(text.floor_char_boundary(start))
    }
}

impl Secrets {
    /// Adds the values of a configuration.
    pub(crate) fn add(&mut self, configuration: &Value) {
        if let Value::Object(map) = configuration {
            self.add_map(map);
        }
    }

    /// The same.
    pub(crate) fn add_map(&mut self, configuration: &Map<String, Value>) {
        let before = self.values.len();
        collect_map(configuration, &mut self.values);
        if self.values.len() > before {
            self.finder = OnceCell::new();
        }
    }

    /// Is there nothing to mask?
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    fn finder(&self) -> Option<&Finder> {
        (!self.is_empty()).then(|| self.finder.get_or_init(|| Finder::new(&self.values)))
    }

    /// The text without secrets. Where it was cut (`…`), what is left of one goes, too.
    pub(crate) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(finder) = self.finder() else { return Cow::Borrowed(text) };
        let mut found = finder.find(text.as_bytes());
        for (cut, _) in text.match_indices('…').take(CUTS) {
            if found.iter().all(|range| !range.contains(&cut))
                && let Some(start) = finder.cut_off(text, cut)
            {
                found.retain(|range| range.end <= start || range.start >= cut);
                found.push(start..cut);
            }
        }
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_by_key(|range| range.start);
        let mut masked = String::with_capacity(text.len());
        let mut at = 0;
        for range in found {
            // A form may begin or end within a character only where it is no text of its own.
            let (start, end) = (text.floor_char_boundary(range.start), text.ceil_char_boundary(range.end));
            masked.push_str(&text[at..start.max(at)]);
            masked.push_str(MASK);
            at = end.max(at);
        }
        masked.push_str(&text[at..]);
        Cow::Owned(masked)
    }

    /// Whether JSON text shows a secret. `JSON.stringify` writes each text in one way only, and so does the encoder.
    pub(crate) fn is_in(&self, json: &[u8]) -> bool {
        self.finder().is_some_and(|finder| !finder.find(json).is_empty())
    }

    /// The state without secrets; `None` when there are none in it. Only texts are looked at, so it stays JSON.
    pub(crate) fn mask_state(&self, state: &State, index: IndexOptions) -> Option<State> {
        let text = state.to_bytes();
        if !self.is_in(&text) {
            return None;
        }
        let masked = self.mask_json(&text)?;
        Some(State::parse(masked, &index).expect("JSON with other texts is JSON").with_live(state.live().cloned()))
    }

    fn mask_json(&self, json: &Bytes) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(json.len());
        let mut changed = false;
        let mut at = 0;
        while let Some(quote) = json[at..].iter().position(|byte| *byte == b'"').map(|found| at + found) {
            out.extend_from_slice(&json[at..quote]);
            let end = end_of_text(json, quote);
            let raw = &json[quote..end];
            at = end;
            // A lone surrogate has no text in Rust; beside one, the forms that JSON writes are masked as they stand.
            match serde_json::from_slice::<Cow<'_, str>>(raw) {
                Ok(text) => match self.mask(&text) {
                    Cow::Borrowed(_) => out.extend_from_slice(raw),
                    Cow::Owned(masked) => {
                        changed = true;
                        out.extend_from_slice(Value::from(masked).to_string().as_bytes());
                    }
                },
                Err(_) => match self.mask(std::str::from_utf8(raw).unwrap_or_default()) {
                    Cow::Borrowed(_) => out.extend_from_slice(raw),
                    Cow::Owned(masked) => {
                        changed = true;
                        out.extend_from_slice(masked.as_bytes());
                    }
                },
            }
        }
        out.extend_from_slice(&json[at..]);
        changed.then_some(out)
    }

    /// The report without secrets.
    pub(crate) fn mask_report(&self, report: ErrorReport) -> ErrorReport {
        if self.is_empty() {
            return report;
        }
        let text = |text: String| match self.mask(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(masked) => masked,
        };
        let place = |place: Position| Position { source_line: place.source_line.map(text), ..place };
        ErrorReport {
            name: match report.name {
                Cow::Owned(name) => Cow::Owned(text(name)),
                ours => ours,
            },
            message: text(report.message),
            subtype: report.subtype.map(text),
            details: report.details.map(|details| self.mask_value(details)),
            hint: report.hint.map(text),
            position: report.position.map(place),
            operation: report
                .operation
                .map(|operation| OperationPosition { place: place(operation.place), ..operation }),
            ..report
        }
    }

    /// The outcome without secrets.
    pub(crate) fn mask_outcome(&self, outcome: Outcome) -> Outcome {
        outcome.map_error(|report| self.mask_report(report))
    }

    fn mask_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.mask(&text).into_owned()),
            Value::Array(list) => list.into_iter().map(|value| self.mask_value(value)).collect(),
            Value::Object(map) => {
                let masked = map.into_iter().map(|(key, value)| (self.mask(&key).into_owned(), self.mask_value(value)));
                Value::Object(masked.collect())
            }
            other => other,
        }
    }
}

/// Where the text that begins at `quote` ends, behind its closing quote.
fn end_of_text(json: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < json.len() {
        match json[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

fn collect(configuration: &Value, values: &mut BTreeSet<String>) {
    match configuration {
        Value::String(text) => {
            let mut add = |text: &str, shortest: usize| {
                if text.chars().nth(shortest - 1).is_some() {
                    values.insert(text.to_owned());
                }
            };
            let text = text.trim();
            add(text, SHORTEST);
            if text.contains('\n') {
                text.lines().for_each(|line| add(line.trim(), SHORTEST_LINE));
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, values)),
        Value::Object(map) => collect_map(map, values),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn collect_map(map: &Map<String, Value>, values: &mut BTreeSet<String>) {
    for (key, value) in map {
        match value {
            // Of a harmless text, a URL's password counts.
            Value::String(text) if is_harmless(key) => {
                let user =
                    text.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next()?.rsplit_once('@'));
                if let Some((_, password)) = user.and_then(|(user, _)| user.split_once(':')) {
                    collect(&Value::from(password), values);
                }
            }
            value => collect(value, values),
        }
    }
}

fn is_harmless(key: &str) -> bool {
    let key: String = key.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect();
    HARMLESS.binary_search(&key.as_str()).is_ok()
}

/// The forms in which a secret may show.
fn forms(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    // JSON, JSON in JSON, and so once more.
    for _ in 0..3 {
        let quoted = Value::from(forms[forms.len() - 1].as_str()).to_string();
        forms.push(quoted[1..quoted.len() - 1].to_owned());
    }
    // As `console` shows texts inside of objects.
    let inspected = value.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r");
    forms.push(inspected.replace('\'', "\\'"));
    forms.push(inspected);
    // encodeURIComponent, `URLSearchParams`, and what encodes everything that is not a letter or a digit.
    let percent = |kept: &str, space: &str| {
        value.bytes().fold(String::new(), |mut out, byte| {
            match byte {
                b' ' => out.push_str(space),
                _ if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) => out.push(byte as char),
                _ => drop(write!(out, "%{byte:02X}")),
            }
            out
        })
    };
    let url = [
        percent("-_.!~*'()", "%20"),
        percent("*-._", "+"),
        percent("-_.~", "%20"),
        // `encodeURI`, and what the URL parser leaves in paths and queries.
        percent(";,/?:@&=+$-_.!~*'()#", "%20"),
        percent("!$%&'()*+,-./:;=@[\\]_|~", "%20"),
        percent("!$%&()*+,-./:;=?@[\\]^_`{|}~", "%20"),
        // In the path of a http URL a backslash is a slash.
        percent("!$%&'()*+,-./:;=@[\\]_|~", "%20").replace('\\', "/"),
    ];
    for form in url {
        let lower = form.clone();
        forms.push(form);
        forms.push(lowercase_escapes(&lower));
    }
    // In front may stand any number of bytes; of the characters only those are fixed that hold bits of the secret alone.
    for before in 0..3 {
        let bytes = [&[0; 2][..before], value.as_bytes()].concat();
        let from = [0, 2, 3][before];
        let to = bytes.len() * 8 / 6;
        for encoded in [BASE64_STANDARD_NO_PAD.encode(&bytes), BASE64_URL_SAFE_NO_PAD.encode(&bytes)] {
            forms.push(encoded[from..to].to_owned());
        }
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// `%2F` → `%2f`.
fn lowercase_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut escape = 0_usize;
    for c in text.chars() {
        if c == '%' {
            escape = 3;
        }
        out.push(if escape > 0 { c.to_ascii_lowercase() } else { c });
        escape = escape.saturating_sub(1);
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secrets(configuration: Value) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add(&configuration);
        secrets
    }

    const SECRET: &str = "p\"ä/ss wörd+1";

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(secrets(json!({ "password": SECRET })).mask(text), expected);
    }

    #[test]
    fn forms_that_travel() {
        check("no secrets here", "no secrets here");
        check(&format!("a {SECRET} b"), "a *** b");
        check(&json!({ "x": SECRET }).to_string(), "{\"x\":\"***\"}");
        check("q=p%22%C3%A4%2Fss%20w%C3%B6rd%2B1&", "q=***&");
        check("q=p%22%c3%a4%2fss%20w%c3%b6rd%2b1&", "q=***&");
        check("q=p%22%C3%A4%2Fss+w%C3%B6rd%2B1&", "q=***&");
    }

    #[test]
    fn base64_wherever_it_begins() {
        let secrets = secrets(json!({ "password": SECRET }));
        for before in ["", "u", "us", "user:", "admin:", "x:y:"] {
            for after in ["", "a", "ab", "abc"] {
                let plain = format!("{before}{SECRET}{after}");
                for encoded in [BASE64_STANDARD_NO_PAD.encode(&plain), BASE64_URL_SAFE_NO_PAD.encode(&plain)] {
                    let masked = secrets.mask(&encoded);
                    assert!(masked.contains(MASK), "{plain}: {masked}");
                    // At the edges a few bits are left, never a byte of the secret but the outermost.
                    let rest: usize = masked.replace(MASK, "").len();
                    assert!(rest <= (before.len() + after.len()) * 4 / 3 + 5, "{plain}: {masked}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_secret() {
        let secrets = secrets(json!({
            "baseUrl": "https://example.org", "user_name": "somebody", "apiToken": "0123456789", "short": "abc", "pin": 123_456,
            "nested": { "list": ["listed-secret"] }, "key": "-----BEGIN-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\n-----END-----",
        }));
        assert_eq!(secrets.mask("https://example.org somebody abc 123456"), "https://example.org somebody abc 123456");
        assert_eq!(secrets.mask("0123456789 listed-secret"), "*** ***");
        assert_eq!(secrets.mask("one line: MIIEvQIBADANBgkqhkiG9w0BAQEF"), "one line: ***");
        assert!(HARMLESS.is_sorted());
        let nested = self::secrets(
            json!({ "database": { "host": "h.example.org", "password": "nested-secret" }, "url": "https://bob:in-a-url@x.org/" }),
        );
        assert_eq!(nested.mask("nested-secret in-a-url h.example.org"), "*** *** h.example.org");
    }

    #[test]
    fn overlaps_and_cuts() {
        let secrets = secrets(json!({ "a": "abcdefgh", "b": "ghijklmnop" }));
        assert_eq!(secrets.mask("abcdefghijklmnop"), "***");
        assert_eq!(secrets.mask("-ghijklmnop-abcdefgh-"), "-***-***-");
        assert_eq!(secrets.mask("text abcde… (12 more bytes)"), "text ***… (12 more bytes)");
        assert_eq!(secrets.mask("text abc… abcdefgh"), "text abc… ***");
    }

    #[test]
    fn json_in_json_in_json() {
        let secrets = secrets(json!({ "password": "p\"a\\ss-w\u{f6}rd/+1" }));
        let mut text = json!({ "p": "p\"a\\ss-w\u{f6}rd/+1" }).to_string();
        for _ in 0..2 {
            text = json!({ "body": text }).to_string();
            assert!(secrets.is_in(text.as_bytes()), "{text}");
            assert!(secrets.mask(&text).contains(MASK), "{text}");
        }
    }

    /// However long and however many, nothing takes longer than its length allows.
    #[test]
    fn hostile_secrets_cost_little() {
        let start = std::time::Instant::now();
        let long = secrets(json!({ "pad": "P".repeat(1 << 20) }));
        assert_eq!(long.mask(&"P".repeat(1 << 20)), MASK);
        let _ = long.mask(&"P".repeat((1 << 20) - 1));
        let many: Map<String, Value> = (0..20_000).map(|n| (format!("k{n}"), json!(format!("{:040}", n)))).collect();
        let many = secrets(Value::Object(many));
        assert_eq!(many.mask(&format!("x{:040}y", 17)), "x***y");
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
    }

    #[test]
    fn states_stay_json() {
        let secrets = secrets(json!({ "a": "1,2,3,4", "b": SECRET, "c": "back\\slash\\" }));
        let index = IndexOptions::default();
        let mask = |text: &str| {
            let state = State::parse(text.to_owned(), &index).unwrap();
            secrets.mask_state(&state, index).map(|state| String::from_utf8(state.to_bytes().to_vec()).unwrap())
        };
        assert_eq!(mask(r#"{"a":[1,2,3,4]}"#), None);
        assert_eq!(mask(r#"{"a":[1,2,3,4],"b":"1,2,3,4"}"#).unwrap(), r#"{"a":[1,2,3,4],"b":"***"}"#);
        let both = json!({ SECRET: [SECRET, { "x": format!("<{SECRET}>") }], "c": "back\\slash\\" }).to_string();
        assert_eq!(mask(&both).unwrap(), r#"{"***":["***",{"x":"<***>"}],"c":"***"}"#);
        let lone = r#"{"a":"\ud800 1,2,3,4"}"#;
        assert_eq!(mask(lone).unwrap(), r#"{"a":"\ud800 ***"}"#);
        assert_eq!(mask("{}"), None);
    }

    #[test]
    fn reports() {
        let secrets = secrets(json!({ "token": "secret-token" }));
        let report = ErrorReport {
            details: Some(json!({ "headers": ["Bearer secret-token"], "secret-token": 1 })),
            ..ErrorReport::new("JobError", "401 for secret-token")
        };
        let masked = secrets.mask_report(report);
        assert_eq!(masked.message, "401 for ***");
        assert_eq!(masked.details, Some(json!({ "headers": ["Bearer ***"], "***": 1 })));
    }
}
