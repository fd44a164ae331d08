//! Secrets out of log lines, as far as the server knows them: those of credentials that were fetched on the same channel.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// Most values that are looked for.
const MAX_SAMPLES: usize = 50;

/// Keys whose values are one half of basic authentication.
const USERS: [&str; 4] = ["username", "user", "email", "login"];

/// What a channel's log lines must not show. It dies with the channel.
#[derive(Debug, Default)]
pub(crate) struct Scrubber {
    /// Longest first, so that no secret is cut into by a shorter one.
    samples: Vec<String>,
}

impl Scrubber {
    /// Adds what is secret in a credential: its values, their base64, and what basic authentication makes of them.
    pub(crate) fn learn(&mut self, credential: &Value) {
        let mut values = Vec::new();
        collect(credential, &mut values);
        let encoded: Vec<String> = values.iter().map(|value| BASE64_STANDARD.encode(value)).collect();
        let field = |name: &str| credential.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let basic = USERS.iter().filter_map(|user| {
            let pair = format!("{}:{}", field(user)?, field("password")?);
            Some(BASE64_STANDARD.encode(pair))
        });
        let all: Vec<String> = values.into_iter().chain(basic).chain(encoded).collect();
        for sample in all {
            if self.samples.len() < MAX_SAMPLES && !self.samples.contains(&sample) {
                self.samples.push(sample);
            }
        }
        self.samples.sort_by_key(|sample| std::cmp::Reverse(sample.len()));
    }

    /// A line as it is stored.
    pub(crate) fn scrub(&self, line: String) -> String {
        self.samples.iter().fold(
            line,
            |line, sample| {
                if line.contains(sample) { line.replace(sample, "***") } else { line }
            },
        )
    }
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.is_empty() => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_masked_in_all_their_forms() {
        let mut scrubber = Scrubber::default();
        let line = |scrubber: &Scrubber, text: &str| scrubber.scrub(text.to_owned());
        assert_eq!(line(&scrubber, "pa55word"), "pa55word");
        scrubber.learn(&json!({"username": "ada", "password": "pa55word", "nested": {"pin": 4711}, "on": true}));
        assert_eq!(line(&scrubber, "it is pa55word, 4711, true"), "it is ***, ***, true");
        assert_eq!(line(&scrubber, &BASE64_STANDARD.encode("pa55word")), "***");
        assert_eq!(line(&scrubber, &format!("Basic {}", BASE64_STANDARD.encode("ada:pa55word"))), "Basic ***");
    }
}
