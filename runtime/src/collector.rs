//! A word after each garbage collection. The callback gets a raw pointer from V8, hence the `unsafe`.

use std::ffi::c_void;

use deno_core::v8;

type Callback = Box<dyn Fn(usize, Collection)>;

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
    // Boxed twice, so that the address is thin and stays.
    callback: Box<Callback>,
}

impl Watch {
    /// Starts to watch.
    pub(crate) fn start(isolate: &mut v8::Isolate, callback: impl Fn(usize, Collection) + 'static) -> Watch {
        let watch = Watch { callback: Box::new(Box::new(callback)) };
        isolate.add_gc_epilogue_callback(collected, watch.address(), v8::GCType::kGCTypeAll);
        watch
    }

    /// Ends the watch.
    pub(crate) fn end(&self, isolate: &mut v8::Isolate) {
        isolate.remove_gc_epilogue_callback(collected, self.address());
    }

    fn address(&self) -> *mut c_void {
        let address: *const Callback = &*self.callback;
        address as *mut c_void
    }
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
    let callback = unsafe { &*(data as *const Callback) };
    let whole = kind == v8::GCType::kGCTypeMarkSweepCompact;
    callback(used, if whole { Collection::Whole } else { Collection::Young });
}
