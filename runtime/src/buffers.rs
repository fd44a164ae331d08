//! The memory of a run: one budget for V8's heap and for what is behind ArrayBuffers, which V8's heap limit does not see. A
//! buffer that does not fit is refused; whoever looks at the heap after a collection ends the run when both are too much.
//! V8 wants raw memory from C functions, hence the `unsafe`.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deno_core::v8;

/// Refusing so little makes V8 end the process: it moves small typed arrays out of its heap and cannot fail there
/// (isolated-vm learnt this the hard way).
const NEVER_REFUSED: usize = 64;

/// Bytes in use, and how many there may be.
pub(crate) struct Budget {
    /// Behind ArrayBuffers.
    buffers: AtomicUsize,
    /// The most that was there at a time.
    most: AtomicUsize,
    /// V8's heap, as of the last collection that left nothing behind.
    heap: AtomicUsize,
    limit: usize,
}

/// An allocator for an isolate whose buffers count in a budget.
pub(crate) fn allocator(budget: &Arc<Budget>) -> v8::UniqueRef<v8::Allocator> {
    static VTABLE: v8::RustAllocatorVtable<Budget> =
        v8::RustAllocatorVtable { allocate: zeroed, allocate_uninitialized: uninitialized, free, drop: drop_budget };
    let budget = Arc::into_raw(budget.clone());
    // SAFETY: the pointer comes from `Arc::into_raw`, and `drop_budget` gives it back once.
    unsafe { v8::new_rust_allocator(budget, &VTABLE) }
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Budget> {
        Arc::new(Budget { buffers: AtomicUsize::new(0), most: AtomicUsize::new(0), heap: AtomicUsize::new(0), limit })
    }

    /// Bytes behind ArrayBuffers.
    pub(crate) fn buffers(&self) -> usize {
        self.buffers.load(Ordering::Relaxed)
    }

    /// The most that was behind them at a time.
    pub(crate) fn most_buffers(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// Says how much of V8's heap is in use; answers whether all together is too much.
    pub(crate) fn set_heap(&self, bytes: usize) -> bool {
        self.heap.store(bytes, Ordering::Relaxed);
        bytes.saturating_add(self.buffers.load(Ordering::Relaxed)) > self.limit
    }

    fn take(&self, len: usize) -> bool {
        let room = self.limit.saturating_sub(self.heap.load(Ordering::Relaxed));
        let fits = |used: usize| used.checked_add(len).filter(|&sum| len <= NEVER_REFUSED || sum <= room);
        let taken = self.buffers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        if let Ok(before) = taken {
            self.most.fetch_max(before + len, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    fn give_back(&self, len: usize) {
        self.buffers.fetch_sub(len, Ordering::Relaxed);
    }

    fn allocate(&self, len: usize, how: unsafe fn(Layout) -> *mut u8) -> *mut c_void {
        let Ok(layout) = layout(len) else { return null_mut() };
        if !self.take(len) {
            return null_mut();
        }
        // SAFETY: the layout has a size above zero.
        let memory = unsafe { how(layout) };
        if memory.is_null() {
            self.give_back(len);
        }
        memory.cast()
    }
}

fn layout(len: usize) -> Result<Layout, std::alloc::LayoutError> {
    Layout::from_size_align(len.max(1), 16)
}

/// # Safety
/// Called by V8 with the handle that it was given.
unsafe extern "C" fn zeroed(budget: &Budget, len: usize) -> *mut c_void {
    budget.allocate(len, alloc_zeroed)
}

/// # Safety
/// Called by V8 with the handle that it was given.
unsafe extern "C" fn uninitialized(budget: &Budget, len: usize) -> *mut c_void {
    budget.allocate(len, alloc)
}

/// # Safety
/// Called by V8 with memory that one of the two above has given out, and its length.
unsafe extern "C" fn free(budget: &Budget, memory: *mut c_void, len: usize) {
    if let Ok(layout) = layout(len) {
        // SAFETY: V8 gives back what it got, with the length it asked for.
        unsafe { dealloc(memory.cast(), layout) };
        budget.give_back(len);
    }
}

/// # Safety
/// Called by V8 once, when the last buffer and the isolate are gone.
unsafe extern "C" fn drop_budget(budget: *const Budget) {
    // SAFETY: from `Arc::into_raw` in `allocator`.
    drop(unsafe { Arc::from_raw(budget) });
}
