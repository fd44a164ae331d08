//! What to run and in which order: a checked [`Plan`], the [`Walk`] over it, and the [`Outcome`]s of steps and runs.
//!
//! This crate is pure. It has no V8, no I/O, no clock and no environment: files and messages of the orchestrator become a
//! [`Draft`] elsewhere (`host/src/decode.rs`), and outcomes become messages and events elsewhere. The only serialised form
//! that is at home here is the one between processes of the same program ([`wire`]).
//!
//! Reading order: [`plan`], [`walk`], [`outcome`]; [`suggest`] is the "did you mean" that all error texts share.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod outcome;
pub mod plan;
pub mod suggest;
pub mod walk;
pub mod wire;

pub use outcome::{ErrorReport, KillReason, OperationPosition, Outcome, Position, Reason};
pub use plan::{
    Batch, Collect, Condition, Configuration, Draft, DraftEdge, DraftStep, Edge, FindError, Job, Linker, OnItemError,
    Options, Plan, Sanitize, Source, Step, StepId, StepIndex, WithItems,
};
pub use walk::{Completion, Visit, Walk};
