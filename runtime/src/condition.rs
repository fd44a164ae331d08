//! Conditions of edges: expressions over `state` and `upstreamStepId`, compiled before the first step runs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use deno_core::error::JsError;
use deno_core::v8;
use fulgurite_plan::{Condition, ErrorReport, Outcome, Plan, StepIndex};
use fulgurite_state::State;

use crate::view::Views;

/// The expressions of a plan, compiled.
#[derive(Default)]
pub(crate) struct Conditions(RefCell<HashMap<(StepIndex, usize), v8::Global<v8::Function>>>);

impl Conditions {
    /// Compiles every expression of the plan.
    ///
    /// # Errors
    /// All that do not compile, in one report.
    pub(crate) fn compile(scope: &mut v8::PinScope, plan: &Plan) -> Result<Conditions, Outcome> {
        let mut compiled = HashMap::new();
        let mut problems = Vec::new();
        for (index, step) in plan.indexed() {
            for (place, edge) in step.next.iter().enumerate() {
                let Condition::Expression(text) = &edge.condition else { continue };
                match compile(scope, text, &["state", "upstreamStepId"]) {
                    Ok(function) => {
                        compiled.insert((index, place), function);
                    }
                    Err(problem) => problems.push(failed_to("compile", step.id.as_str(), plan, edge.target, &problem)),
                }
            }
        }
        if problems.is_empty() {
            return Ok(Conditions(RefCell::new(compiled)));
        }
        Err(Outcome::Crash(ErrorReport::new("ValidationError", problems.join("\n"))))
    }

    /// Evaluates one. The view that it gets is its own: what it changes is seen by nobody.
    ///
    /// # Errors
    /// The outcome of the run.
    pub(crate) fn evaluate(
        &self,
        scope: &mut v8::PinScope,
        views: &Rc<Views>,
        plan: &Plan,
        from: StepIndex,
        place: usize,
        state: &State,
    ) -> Result<bool, Outcome> {
        let Some(function) = self.0.borrow().get(&(from, place)).cloned() else { return Ok(false) };
        let edge = &plan[from].next[place];
        v8::tc_scope!(let scope, scope);
        let function = v8::Local::new(scope, &function);
        let undefined = v8::undefined(scope).into();
        let answer = (|| {
            let view = views.root(scope, state)?;
            let upstream = v8::String::new(scope, plan[from].id.as_str())?;
            function.call(scope, undefined, &[view, upstream.into()])
        })();
        match answer {
            Some(answer) => Ok(answer.boolean_value(scope)),
            None => {
                let message = failed_to("evaluate", plan[from].id.as_str(), plan, edge.target, &describe(scope));
                Err(Outcome::Crash(ErrorReport::new("EdgeConditionError", message)))
            }
        }
    }

    /// Lets go of every handle.
    pub(crate) fn clear(&self) {
        drop(self.0.take());
    }
}

fn failed_to(what: &str, from: &str, plan: &Plan, to: StepIndex, problem: &str) -> String {
    format!("Failed to {what} edge condition {from}->{} ({problem})", plan[to].id)
}

/// Makes a function of an expression.
///
/// # Errors
/// What V8 says to it.
pub(crate) fn compile(
    scope: &mut v8::PinScope,
    text: &str,
    names: &[&str],
) -> Result<v8::Global<v8::Function>, String> {
    v8::tc_scope!(let scope, scope);
    // An expression may be written like a statement.
    let text = text.trim().trim_end_matches(';');
    let function = (|| {
        // On a line of its own, so that a comment at the end of the expression does no harm.
        let body = v8::String::new(scope, &format!("\"use strict\";return (\n{text}\n);"))?;
        let arguments = names.iter().map(|name| v8::String::new(scope, name)).collect::<Option<Vec<_>>>()?;
        let mut source = v8::script_compiler::Source::new(body, None);
        let options = v8::script_compiler::CompileOptions::NoCompileOptions;
        let reason = v8::script_compiler::NoCacheReason::NoReason;
        v8::script_compiler::compile_function(scope, &mut source, &arguments, &[], options, reason)
    })();
    match function {
        Some(function) => Ok(v8::Global::new(scope, function)),
        None => Err(describe(scope)),
    }
}

/// What was thrown, in words.
pub(crate) fn describe(scope: &mut v8::PinnedRef<'_, v8::TryCatch<'_, '_, v8::HandleScope<'_>>>) -> String {
    let Some(exception) = scope.exception() else { return "terminated".into() };
    let error = JsError::from_v8_exception(scope, exception);
    error.exception_message.strip_prefix("Uncaught ").unwrap_or(&error.exception_message).to_owned()
}
