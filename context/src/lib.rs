//! What templates and expressions of a workflow see: variables, parameters, the outputs of steps, the item at hand. All of it is
//! bytes, shared by `Arc`; a plain path such as `vars.region` is resolved on them.
//!
//! This crate has no V8 and no I/O. What is more than a plain path is an expression: it is handed back to whoever renders, who
//! knows how to evaluate it.
//!
//! | word | meaning |
//! |---|---|
//! | context | what a run knows besides the state ([`Context`]) |
//! | scope | a context with the state, the item and the index at hand ([`Scope`]) |
//! | path | `vars.region`, `state.data.records[0]`: a root and a way down from it ([`Path`]) |
//! | template | a text with `{{ … }}` in it ([`Template`]) |
//! | mapping | JSON whose texts are templates ([`Mapping`]) |

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod context;
mod mapping;
mod path;
mod template;

pub use context::{Context, Item, Scope};
pub use mapping::Mapping;
pub use path::{Broken, Found, Path, Root};
pub use template::{Error, Evaluate, Expression, Template};
