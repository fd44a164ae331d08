//! JSON whose texts are templates: the `input:` of a step.

use bytes::Bytes;
use fulgurite_state::quote::quote_utf16;
use serde_json::{Map, Value};

use crate::context::Scope;
use crate::template::{Error, Evaluate, Expression, Template, bounded};

/// An object whose texts are templates, read once.
#[derive(Clone, Debug, Default)]
pub struct Mapping(Vec<(Bytes, Node)>);

#[derive(Clone, Debug)]
enum Node {
    /// JSON text with nothing to fill in.
    Literal(Bytes),
    Template(Template),
    Object(Mapping),
    Array(Vec<Node>),
}

impl Mapping {
    /// Reads a mapping.
    pub fn parse(map: &Map<String, Value>) -> Mapping {
        Mapping(map.iter().map(|(key, value)| (quoted(key), Node::parse(value))).collect())
    }

    /// The raw keys.
    pub fn keys(&self) -> impl Iterator<Item = &Bytes> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Is there nothing in it?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every expression in it.
    pub fn expressions(&self) -> Vec<&Expression> {
        self.0.iter().flat_map(|(_, node)| node.expressions()).collect()
    }

    /// The raw keys with their values as JSON text; those that are undefined are left out.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn render<E: Evaluate>(
        &self,
        scope: &Scope<'_>,
        evaluate: &mut E,
    ) -> Result<Vec<(Bytes, Bytes)>, Error<E::Error>> {
        let mut pairs = Vec::with_capacity(self.0.len());
        for (key, node) in &self.0 {
            if let Some(value) = node.render(scope, evaluate)? {
                pairs.push((key.clone(), value));
            }
        }
        Ok(pairs)
    }
}

impl Node {
    fn parse(value: &Value) -> Node {
        match value {
            Value::String(text) => match Template::parse(text) {
                Some(template) => Node::Template(template),
                None => Node::literal(value),
            },
            Value::Array(values) => {
                let nodes: Vec<Node> = values.iter().map(Node::parse).collect();
                match nodes.iter().all(Node::is_literal) {
                    true => Node::literal(value),
                    false => Node::Array(nodes),
                }
            }
            Value::Object(map) => {
                let mapping = Mapping::parse(map);
                match mapping.0.iter().all(|(_, node)| node.is_literal()) {
                    true => Node::literal(value),
                    false => Node::Object(mapping),
                }
            }
            _ => Node::literal(value),
        }
    }

    fn literal(value: &Value) -> Node {
        Node::Literal(value.to_string().into())
    }

    fn is_literal(&self) -> bool {
        matches!(self, Node::Literal(_))
    }

    fn expressions(&self) -> Vec<&Expression> {
        match self {
            Node::Literal(_) => Vec::new(),
            Node::Template(template) => template.expressions().collect(),
            Node::Object(mapping) => mapping.expressions(),
            Node::Array(nodes) => nodes.iter().flat_map(Node::expressions).collect(),
        }
    }

    fn render<E: Evaluate>(&self, scope: &Scope<'_>, evaluate: &mut E) -> Result<Option<Bytes>, Error<E::Error>> {
        match self {
            Node::Literal(text) => Ok(Some(text.clone())),
            Node::Template(template) => template.render(scope, evaluate),
            Node::Object(mapping) => {
                let mut out = vec![b'{'];
                for (key, value) in mapping.render(scope, evaluate)? {
                    if out.len() > 1 {
                        out.push(b',');
                    }
                    out.extend_from_slice(&key);
                    out.push(b':');
                    out.extend_from_slice(&value);
                    bounded(&out, evaluate)?;
                }
                out.push(b'}');
                Ok(Some(out.into()))
            }
            Node::Array(nodes) => {
                let mut out = vec![b'['];
                for node in nodes {
                    if out.len() > 1 {
                        out.push(b',');
                    }
                    // As JSON has it: there are no holes.
                    match node.render(scope, evaluate)? {
                        Some(value) => out.extend_from_slice(&value),
                        None => out.extend_from_slice(b"null"),
                    }
                    bounded(&out, evaluate)?;
                }
                out.push(b']');
                Ok(Some(out.into()))
            }
        }
    }
}

fn quoted(text: &str) -> Bytes {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut out = Vec::with_capacity(text.len() + 2);
    quote_utf16(&units, &mut out);
    out.into()
}

#[cfg(test)]
mod tests {
    use fulgurite_state::{IndexOptions, State};
    use serde_json::json;

    use super::*;
    use crate::context::Context;
    use crate::template::tests::Echo;

    #[test]
    fn texts_are_templates_wherever_they_stand() {
        let mut context = Context::default();
        context.set_var("n", State::parse("[1]", &IndexOptions::default()).unwrap());
        let item = Bytes::from_static(b"{\"id\":7}");
        let scope = Scope { context: &context, state: None, item: Some((&item, 2)) };
        let map = json!({
            "whole": "{{ vars.n }}",
            "text": "item {{ index }}",
            "plain": "x",
            "deep": { "id": "{{ item.id }}", "list": ["{{ vars.missing }}", 1, { "a": "{{ item }}" }], "gone": "{{ vars.missing }}" },
            "literal": { "a": [1, null] },
            "gone": "{{ vars.missing }}",
        });
        let mapping = Mapping::parse(map.as_object().unwrap());
        let pairs = mapping.render(&scope, &mut Echo).unwrap();
        let shown: Vec<String> = pairs
            .iter()
            .map(|(key, value)| format!("{}:{}", String::from_utf8_lossy(key), String::from_utf8_lossy(value)))
            .collect();
        assert_eq!(
            shown,
            [
                r#""whole":[1]"#,
                r#""text":"item 2""#,
                r#""plain":"x""#,
                r#""deep":{"id":7,"list":[null,1,{"a":{"id":7}}]}"#,
                r#""literal":{"a":[1,null]}"#,
            ]
        );
        assert_eq!(mapping.expressions().len(), 7);
    }
}
