//! The jobs, in the form that needs no compiler: the same text for everybody.

use super::{Behaviour, Shape};

/// What a new record of [`Behaviour::Grow`] takes as text.
const RECORD: u64 = 45;

/// The job of a behaviour for states of this shape and size.
pub(super) fn job(shape: Shape, behaviour: Behaviour, size: u64) -> String {
    match behaviour {
        Behaviour::Nothing => "export default [(state) => state];".into(),
        Behaviour::OneKey => {
            "export default [(state) => {\n  state.cursor = state.cursor + 'x';\n  return state;\n}];".into()
        }
        Behaviour::Map => map(shape).into(),
        Behaviour::Grow => GROW.replace("COUNT", &(size / 10 / RECORD).max(1).to_string()),
        Behaviour::Rewrite => REWRITE.into(),
    }
}

fn map(shape: Shape) -> &'static str {
    match shape {
        Shape::Fhir => {
            "export default [(state) => {
  state.data.entry = state.data.entry.map((entry) => ({ ...entry, seen: true }));
  return state;
}];"
        }
        Shape::Text => {
            "export default [(state) => {
  state.data.text = state.data.text.split('\\n').map((line) => line.trim() + ' .').join('\\n');
  return state;
}];"
        }
        Shape::Tree => {
            "const lower = (node) => node && { ...node, level: node.level + 1, child: lower(node.child) };
export default [(state) => {
  state.data.tree = state.data.tree.map(lower);
  return state;
}];"
        }
        Shape::Wide => {
            "export default [(state) => {
  state.data = Object.fromEntries(Object.entries(state.data).map(([key, value]) => [key, { ...value, seen: true }]));
  return state;
}];"
        }
        Shape::Matrix => {
            "export default [(state) => {
  state.data.rows = state.data.rows.map((row) => row.map((number) => number * 2));
  return state;
}];"
        }
    }
}

const GROW: &str = "export default [(state) => {
  const fetched = Array.from({ length: COUNT }, (_, id) => ({ id, name: `record ${id}`, active: id % 2 === 0 }));
  return { ...state, data: { fetched }, references: [...state.references, state.data] };
}];";

const REWRITE: &str = "const anew = (value) => {
  if (Array.isArray(value)) return value.map(anew);
  if (value && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, anew(inner)]));
  if (typeof value === 'string') return value + '.';
  return typeof value === 'number' ? value + 1 : value;
};
export default [(state) => ({ ...state, data: anew(state.data), cursor: anew(state.cursor) })];";
