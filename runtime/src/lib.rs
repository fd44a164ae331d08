//! The runtime: a plan and a state go in, events come out. It knows no flag, no environment variable, no file and no
//! clock time, and does no I/O but what its ops list names (`ops.rs`): a log, and the network under the run's own rules.
//!
//! ```text
//! Request ──► program (jobs compiled) ──► run (walks the plan) ──► step ──► view ──► user code ──► encode ──► Event
//! ```
//!
//! | word | meaning |
//! |---|---|
//! | plan | a checked workflow: steps and edges (`fulgurite-plan`) |
//! | step | one node of a plan; its job is an ES module whose default export is an array of operations |
//! | operation | a function `state => state`, or a promise of one |
//! | state | what a step takes and returns: JSON as bytes (`fulgurite-state`) |
//! | view | the object through which JavaScript sees a state; a property is parsed when it is first read |
//! | encode | the shallow pass that turns what a step returns into a state |
//! | execution | one time that a step runs |
//! | outcome | how a step or a run ended: data, never an `Err` |

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod run;
mod program;
mod executable;
mod function;
mod cache;
mod event;
mod limits;
mod network;
mod step;
mod view;
mod encode;
mod text;
mod live;
mod assemble;
mod condition;
mod expression;
mod desk;
mod natives;
mod batch;
mod elsewhere;
mod call;
mod isolate;
mod watchdog;
mod cpu;
mod collector;
mod buffers;
mod fetch;
mod response;
mod connect;
mod loader;
mod ops;
mod fault;
mod flood;
mod secrets;
mod shape;
mod spans;
mod standby;
mod sampler;

#[doc(hidden)]
pub mod bench;

pub use cache::{Cache, Key, Store};
pub use event::{
    Event, Execution, Figures, Items, Level, Log, LogSource, RunComplete, RunStart, StepComplete, StepStart,
};
pub use limits::Limits;
pub use network::{Certificates, HostPattern, Hosts, Network};
pub use run::{Gauge, Handle, Request, start, start_profiled, start_telling};
pub use standby::Standby;

/// Sets V8 up for this process. Must be called on the main thread before any other thread that will run jobs is started
/// (V8 ties its memory protection to the thread that initialised it). Calling it again does nothing.
pub fn initialize() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // V8 150.4 leaves the interrupt check out of loops that run a known, small number of times. An inner loop that has no
        // check of its own (as the one that fills `new Array(1000)`) makes it leave out the *next* one instead, that of the
        // loop around it, which then cannot be stopped: `while (1) new Array(1000).fill(0)`. Without this phase no check is
        // left out (turboshaft/loop-unrolling-reducer.h, `skip_next_stack_check_`).
        //
        // V8 ends the process when something is thrown further down the stack than it thinks the stack goes. Its own idea is
        // 1 MB; the encoder, which calls into V8 from its own recursion, needs more (`encode::CAREFUL_DEPTH`), and the
        // threads of runs have four times as much (`run::STACK`).
        let flags = ["", "--no-turboshaft-loop-unrolling", "--stack-size=4096"];
        deno_core::v8_set_flags(flags.map(String::from).to_vec());
        // V8's own way is to open `/dev/urandom`, and, where it cannot (`fulgurite-engine` leaves no way to open a file), to
        // make do with the clock. `Math.random` and the seeds of hash tables would be easy to guess.
        deno_core::v8::V8::set_entropy_source(|bytes| getrandom::fill(bytes).is_ok());
        deno_core::JsRuntime::init_platform(None);
    });
}

/// Version of V8, such as `15.0.245.4-rusty`, and how it was built, where that is not as usual: neither bytecode nor an engine
/// process of one build is of any use to the other.
pub fn v8_version() -> &'static str {
    static VERSION: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let how = if cfg!(feature = "pointer-compression") { " with pointer compression" } else { "" };
        format!("{}{how}", deno_core::v8::V8::get_version())
    });
    VERSION.as_str()
}
