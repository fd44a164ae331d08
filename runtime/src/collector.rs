//! A word after each garbage collection, and a span of each for whoever traces them. The callback gets a raw pointer from V8, hence
//! the `unsafe`.

use std::cell::RefCell;
use std::ffi::c_void;

use deno_core::v8;
use tracing::Span;

use crate::spans;

struct Heard {
    callback: Box<dyn Fn(usize, Collection)>,
    /// Collections that go on: one may begin within another.
    open: RefCell<Vec<Span>>,
    /// Whether their beginnings are heard, too.
    traced: bool,
}

/// What a collection has left.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collection {
    /// Only what is in use.
    Whole,
    /// Also older values that may not be.
    Young,
}

/// Calls a function with the bytes of heap in use after each collection, until [`Watch::end`]. Must be ended before the
/// isolate goes: its teardown may collect once more.
pub(crate) struct Watch {
    // Boxed, so that the address stays.
    heard: Box<Heard>,
}

impl Watch {
    /// Starts to watch.
    pub(crate) fn start(isolate: &mut v8::Isolate, callback: impl Fn(usize, Collection) + 'static) -> Watch {
        let traced = spans::of_operations();
        let heard = Heard { callback: Box::new(callback), open: RefCell::default(), traced };
        let watch = Watch { heard: Box::new(heard) };
        if traced {
            isolate.add_gc_prologue_callback(begun, watch.address(), v8::GCType::kGCTypeAll);
        }
        isolate.add_gc_epilogue_callback(collected, watch.address(), v8::GCType::kGCTypeAll);
        watch
    }

    /// Ends the watch.
    pub(crate) fn end(&self, isolate: &mut v8::Isolate) {
        if self.heard.traced {
            isolate.remove_gc_prologue_callback(begun, self.address());
        }
        isolate.remove_gc_epilogue_callback(collected, self.address());
    }

    fn address(&self) -> *mut c_void {
        let address: *const Heard = &*self.heard;
        address as *mut c_void
    }
}

/// # Safety
/// As [`collected`].
unsafe extern "C" fn begun(
    _isolate: v8::UnsafeRawIsolatePtr,
    kind: v8::GCType,
    _flags: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: the owner of the `Watch` keeps it in place until it has been ended.
    let heard = unsafe { &*(data as *const Heard) };
    let kind = match kind {
        v8::GCType::kGCTypeMarkSweepCompact => "mark, sweep, compact",
        v8::GCType::kGCTypeScavenge | v8::GCType::kGCTypeMinorMarkSweep => "young",
        v8::GCType::kGCTypeIncrementalMarking => "incremental marking",
        _ => "other",
    };
    heard.open.borrow_mut().push(spans::collection(kind));
}

/// # Safety
/// Called by V8 on the isolate's own thread, with the address that `Watch::start` gave.
unsafe extern "C" fn collected(
    isolate: v8::UnsafeRawIsolatePtr,
    kind: v8::GCType,
    _flags: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: V8 passes the isolate that it has just collected, entered on this thread.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    let used = isolate.get_heap_statistics().used_heap_size();
    // SAFETY: the owner of the `Watch` keeps it in place until it has been ended.
    let heard = unsafe { &*(data as *const Heard) };
    drop(heard.open.borrow_mut().pop());
    let whole = kind == v8::GCType::kGCTypeMarkSweepCompact;
    (heard.callback)(used, if whole { Collection::Whole } else { Collection::Young });
}
