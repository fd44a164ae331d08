//! How many instructions does it take to clone a context, to give items to a batch, to fill in a template?

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use fulgurite_context::{Context, Evaluate, Item, Scope, Template};
use fulgurite_state::pick::Elements;
use fulgurite_state::{IndexOptions, State};

mod counted;

/// So many that what surrounds the work does not count.
const TIMES: usize = 1000;

/// Nothing here needs JavaScript.
struct Never;

impl Evaluate for Never {
    type Error = ();

    fn evaluate(&mut self, _: &Arc<str>, _: &Scope<'_>) -> Result<Option<Bytes>, ()> {
        Err(())
    }
}

fn state(text: &str) -> State {
    State::parse(text.to_owned(), &IndexOptions::default()).expect("JSON")
}

fn context() -> Context {
    let mut context = Context::default();
    let output = state(&format!("{{\"data\":\"{}\",\"count\":42}}", "x".repeat(10 << 10)));
    (0..100).for_each(|i| context.set_step(&format!("task_{i}"), output.clone()));
    context.set_var("config", state(r#"{"host":"example.org","port":8080,"paths":{"api":"/v1"}}"#));
    context
}

fn clone() {
    let context = context();
    counted::counted(&mut || (0..TIMES).for_each(|_| drop(black_box(&context).clone())));
}

fn fork_items() {
    let context = context();
    let list: Vec<String> = (0..TIMES).map(|i| format!("{{\"id\":{i},\"name\":\"item {i}\"}}")).collect();
    let source = Arc::new(Bytes::from(format!("[{}]", list.join(","))));
    counted::counted(&mut || {
        let mut elements = Elements::of((*source).clone()).expect("an array");
        let mut items = Vec::with_capacity(TIMES);
        while let Some(range) = elements.next_range() {
            items.push(Item::new(&context, &source, range, items.len()));
        }
        assert_eq!(black_box(items).len(), TIMES);
    });
}

fn render() {
    let context = context();
    let item = Bytes::from_static(br#"{"id":17,"region":"north"}"#);
    let scope = Scope { context: &context, state: None, item: Some((&item, 3)) };
    let template = Template::parse(
        "{{ vars.config.host }}:{{ vars.config.port }}{{ vars.config.paths.api }}: {{ steps.task_50.count }} rows, item {{ item.id }}",
    )
    .expect("a template");
    counted::counted(&mut || {
        (0..TIMES).for_each(|_| drop(black_box(template.render(&scope, &mut Never).expect("it renders"))));
    });
}

fn main() {
    counted::main(&[
        ("context_clone_1000", clone),
        ("context_fork_1000_items", fork_items),
        ("template_render_1000", render),
    ]);
}
