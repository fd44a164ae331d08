//! The page: the runs that there are, newest first.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;

use crate::run::Run;
use crate::store::Shared;

const HEAD: &str = "<!doctype html><meta charset=utf-8><title>Fulgurite's Lightning</title><style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .3em .8em; border-bottom: 1px solid #ddd }
.success { color: #17753a } .failed, .crashed, .killed, .exception, .lost { color: #a61b1b } code { font-size: 13px }
</style><h1>Runs</h1>";

/// A table of runs.
pub(super) async fn runs(State(shared): State<Arc<Shared>>) -> Html<String> {
    let store = shared.lock();
    let mut page = HEAD.to_owned();
    if store.order.is_empty() {
        page.push_str("<p>None yet. <code>POST /run</code> asks for one.");
        return Html(page);
    }
    page.push_str("<table><tr><th>run<th>state<th>steps<th>took<th>");
    for id in store.order.iter().rev() {
        row(&mut page, &store.runs[id].run);
    }
    page.push_str("</table>");
    let violations = &store.violations;
    if !violations.is_empty() {
        page.push_str("<h2>What workers must not do</h2><ul>");
        for violation in violations {
            let _ = write!(page, "<li>{}", escape(violation));
        }
        page.push_str("</ul>");
    }
    Html(page)
}

fn row(page: &mut String, run: &Run) {
    let id = escape(&run.id);
    let state = serde_json::json!(run.state);
    let state = state.as_str().unwrap_or_default();
    let error = run.error_type.as_deref().map(escape).unwrap_or_default();
    let took = match (run.started_at, run.finished_at) {
        (Some(start), Some(end)) => format!("{} ms", (end - start) / 1000),
        _ => String::new(),
    };
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<tr><td><a href=\"/run/{id}\"><code>{id}</code></a><td class={state}>{state} {error}<td>{}<td>{took}<td>\
         <a href=\"/run/{id}/logs?format=text\">log</a> <a href=\"/run/{id}/result\">result</a>",
        run.steps.len(),
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
