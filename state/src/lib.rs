//! State as bytes: immutable JSON text, an index of its top levels, and the names of what lives beside it.
//!
//! The reading order is the order of the modules below. Nothing here knows V8, a socket or a file: bytes come in, are checked
//! once, and from then on are shared and spliced, never parsed again.
//!
//! | word | meaning |
//! |---|---|
//! | state | what a step takes and returns: one JSON value as immutable text ([`State`]) |
//! | rope | the text of a state as a list of shared segments ([`Rope`]) |
//! | index | for the top levels (objects only) where each property's value lies ([`Object`], [`Property`]) |
//! | leaf | a value that the index does not look into: an array, a scalar, or an object at the cut |
//! | live | what JSON cannot hold and one run keeps beside a state: private keys and open streams ([`Live`]) |
//! | splice | to reuse the bytes of a value as they are ([`Writer::splice`]) |
#![warn(missing_docs)]

mod rope;
mod index;
mod scan;
mod state;
mod writer;
pub mod pick;
pub mod path;
pub mod quote;
mod syntax;

pub use index::{IndexOptions, Object, Property};
pub use path::Path;
pub use rope::Rope;
pub use scan::{MAX_DEPTH, array_chunks, nests_deeper, object_chunks};
pub use state::{Live, Span, State, properties};
pub use syntax::{SyntaxError, SyntaxErrorKind, locate};
pub use writer::Writer;

#[doc(hidden)]
pub mod internals {
    //! Doors for the differential tests, the fuzz targets and the benches; not part of the public surface.
    pub use crate::scan::{Engine, scan_with};
    pub use crate::syntax::diagnose;
}
