//! What does it cost to have a context? Clones of contexts of many sizes, a thousand items over one megabyte, templates. The names
//! are those under which the Rust engine that does this best publishes its figures, so that they can be compared.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput};
use fulgurite_context::{Context, Evaluate, Item, Scope, Template};
use fulgurite_state::pick::Elements;
use fulgurite_state::{IndexOptions, State};

/// Counts what is allocated, for the claim about memory.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Nothing here needs JavaScript.
struct Never;

impl Evaluate for Never {
    type Error = ();

    fn evaluate(&mut self, _: &Arc<str>, _: &Scope<'_>) -> Result<Option<Bytes>, ()> {
        Err(())
    }
}

fn state(text: String) -> State {
    State::parse(text, &IndexOptions::default()).expect("JSON")
}

fn clones(c: &mut Criterion) {
    let empty = Context::default();
    c.bench_function("clone_empty_context", |b| b.iter(|| black_box(&empty).clone()));

    let mut group = c.benchmark_group("clone_with_task_results");
    for count in [10, 50, 100, 500] {
        let mut context = Context::default();
        for i in 0..count {
            context.set_step(&format!("task_{i}"), state(format!("{{\"data\":\"{}\"}}", "x".repeat(10 * 1024))));
        }
        group.bench_with_input(BenchmarkId::from_parameter(count), &context, |b, context| {
            b.iter(|| black_box(context).clone());
        });
    }
    group.finish();

    let mut group = c.benchmark_group("clone_with_variables");
    for count in [10, 50, 100] {
        let mut context = Context::default();
        (0..count).for_each(|i| context.set_var(&format!("var_{i}"), state(format!("\"value {i}\""))));
        group.bench_with_input(BenchmarkId::from_parameter(count), &context, |b, context| {
            b.iter(|| black_box(context).clone());
        });
    }
    group.finish();
}

/// Cuts an array into items and gives each the context, all of them alive at once.
fn simulate(context: &Context, source: &Bytes, count: usize) -> Vec<Item> {
    let source = Arc::new(source.clone());
    let mut elements = Elements::of((*source).clone()).expect("an array");
    let mut items = Vec::with_capacity(count);
    while let Some(range) = elements.next_range() {
        items.push(Item::new(context, &source, range, items.len()));
    }
    items
}

fn items(c: &mut Criterion) {
    let mut context = Context::default();
    for i in 0..100 {
        context.set_step(&format!("task_{i}"), state(format!("{{\"data\":\"{}\"}}", "x".repeat(10 * 1024))));
    }
    let mut group = c.benchmark_group("with_items_simulation");
    for count in [10usize, 100, 1000] {
        let list: Vec<String> = (0..count).map(|i| format!("{{\"id\":{i},\"name\":\"item {i}\"}}")).collect();
        let source = Bytes::from(format!("[{}]", list.join(",")));
        let before = ALLOCATED.load(Ordering::Relaxed);
        let held = simulate(&context, &source, count);
        let bytes = ALLOCATED.load(Ordering::Relaxed) - before;
        println!("with_items_simulation/{count}: {bytes} bytes for {} items over 1 MB", held.len());
        group.throughput(Throughput::Elements(count as u64));
        group.bench_with_input(BenchmarkId::from_parameter(count), &source, |b, source| {
            b.iter(|| simulate(black_box(&context), source, count));
        });
    }
    group.finish();
}

fn templates(c: &mut Criterion) {
    let mut context = Context::default();
    context.set_var("name", state("\"World\"".into()));
    context.set_var("config", state(r#"{"host":"example.org","port":8080,"paths":{"api":"/v1"}}"#.into()));
    context.set_step("fetch", state(r#"{"data":{"count":42,"rows":[{"id":7}]}}"#.into()));
    let item = Bytes::from_static(br#"{"id":17,"region":"north"}"#);
    let scope = Scope { context: &context, state: None, item: Some((&item, 3)) };
    for (name, text) in [
        ("render_simple_template", "Hello {{ vars.name }}!"),
        (
            "render_complex_template",
            "{{ vars.config.host }}:{{ vars.config.port }}{{ vars.config.paths.api }}: {{ steps.fetch.data.count }} rows, item {{ item.id }} of {{ item.region }}",
        ),
    ] {
        let template = Template::parse(text).expect("a template");
        c.bench_function(name, |b| b.iter(|| template.render(black_box(&scope), &mut Never).expect("it renders")));
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    clones(&mut criterion);
    items(&mut criterion);
    templates(&mut criterion);
    criterion.final_summary();
}
