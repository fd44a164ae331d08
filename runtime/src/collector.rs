//! A word after each garbage collection. The callback gets a raw pointer from V8, hence the `unsafe`.

use std::ffi::c_void;

use deno_core::v8;

type Callback = Box<dyn Fn(usize)>;

/// Calls `callback` with the bytes of heap in use after each collection, for as long as the isolate lives.
pub(crate) fn after_each(isolate: &mut v8::Isolate, callback: impl Fn(usize) + 'static) {
    // In a slot, so that it is dropped with the isolate; boxed twice, so that its address is thin and stays.
    let callback: Box<Callback> = Box::new(Box::new(callback));
    let address: *const Callback = &*callback;
    isolate.set_slot(Slot(callback));
    isolate.add_gc_epilogue_callback(collected, address as *mut c_void, v8::GCType::kGCTypeAll);
}

struct Slot(#[expect(dead_code, reason = "keeps the callback alive")] Box<Callback>);

/// # Safety
/// Called by V8 on the isolate's own thread, with the address that `after_each` gave.
unsafe extern "C" fn collected(
    isolate: v8::UnsafeRawIsolatePtr,
    _type: v8::GCType,
    _flags: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: V8 passes the isolate that it has just collected, entered on this thread.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    let used = isolate.get_heap_statistics().used_heap_size();
    // SAFETY: `Slot` keeps the callback in place until the isolate is gone, and is never replaced.
    let callback = unsafe { &*(data as *const Callback) };
    callback(used);
}
