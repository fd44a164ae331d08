//! What a run lets itself be watched by: spans of `tracing`, all of them made here. How long one lives is what it measures; what it is
//! a part of is said, because steps that call each other overlap on one thread.
//!
//! Nobody watches most runs, and then a span is a comparison of two numbers: nothing is allocated, and no argument is looked at.

use fulgurite_plan::Outcome;
use tracing::field::Empty;
use tracing::{Level, Span, debug_span, trace_span};

use crate::encode::Encoded;
use crate::event::Figures;

/// All that the run's thread does.
pub(crate) fn execute(parent: &Span, plan: Option<&str>) -> Span {
    debug_span!(parent: parent, "execute", plan)
}

/// To make an isolate.
pub(crate) fn isolate() -> Span {
    debug_span!("isolate")
}

/// To compile a job.
pub(crate) fn compile(parent: &Span, job: &str, bytes: usize) -> Span {
    debug_span!(parent: parent, "compile", job, bytes)
}

/// To have V8 read what it was compiled to.
pub(crate) fn compile_v8(job: &str) -> Span {
    debug_span!("compile_v8", job)
}

/// One execution of a step, which `caller` calls if no edge led to it.
pub(crate) fn step(caller: Option<&Span>, step: &str, execution: u32, bytes_in: usize) -> Span {
    match caller {
        Some(caller) => debug_span!(
            parent: caller, "step", step, execution, bytes_in, bytes_out = Empty, parsed = Empty, spliced = Empty, walks = Empty,
            outcome = Empty
        ),
        None => debug_span!(
            "step",
            step,
            execution,
            bytes_in,
            bytes_out = Empty,
            parsed = Empty,
            spliced = Empty,
            walks = Empty,
            outcome = Empty
        ),
    }
}

/// A step ended.
pub(crate) fn ended(step: &Span, outcome: &Outcome, figures: &Figures) {
    if step.is_disabled() {
        return;
    }
    step.record("bytes_out", figures.bytes_out);
    step.record("parsed", figures.bytes_parsed);
    step.record("spliced", figures.bytes_spliced);
    step.record("walks", figures.state_walks);
    step.record("outcome", outcome.reason().as_str());
}

/// To load the module of a job, and what it imports.
pub(crate) fn load(step: &Span) -> Span {
    debug_span!(parent: step, "load")
}

/// To make a state visible.
pub(crate) fn view(step: &Span, bytes: usize) -> Span {
    debug_span!(parent: step, "view", bytes)
}

/// To turn what a job returned into bytes.
pub(crate) fn encode(step: &Span) -> Span {
    debug_span!(parent: step, "encode", bytes = Empty, spliced = Empty, walks = Empty)
}

/// What came of it.
pub(crate) fn encoded(span: &Span, encoded: &Encoded) {
    if span.is_disabled() {
        return;
    }
    span.record("bytes", encoded.state.as_ref().map_or(0, fulgurite_state::State::len));
    span.record("spliced", encoded.spliced);
    span.record("walks", encoded.walks);
}

/// Whether operations are watched one by one.
pub(crate) fn of_operations() -> bool {
    tracing::enabled!(Level::TRACE)
}

/// One operation of a job.
pub(crate) fn operation(step: &Span, number: u32, operation: Option<&str>, line: Option<u32>) -> Span {
    trace_span!(parent: step, "operation", number, operation, line)
}

/// A garbage collection.
pub(crate) fn collection(kind: &str) -> Span {
    trace_span!("gc", kind)
}

/// How much of V8's heap is in use.
pub(crate) fn heap(bytes: usize) {
    tracing::trace!(target: "fulgurite_runtime::heap", bytes);
}
