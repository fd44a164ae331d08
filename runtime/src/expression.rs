//! What a workflow says in expressions and templates about a step: its items, its input, what it publishes. Compiled before the first
//! step runs; a plain path never gets to V8.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use deno_core::v8;
use fulgurite_context::{Error, Evaluate, Expression, Mapping, Scope as Sight, Template};
use fulgurite_plan::{Collect, ErrorReport, Job, Outcome, Plan, StepIndex};
use fulgurite_state::State;
use serde_json::Value;

use crate::condition;
use crate::encode::{self, Pristine};
use crate::view::Views;

/// What stands in a plan besides jobs and conditions.
pub(crate) struct Expressions {
    of_steps: HashMap<StepIndex, Rc<Said>>,
    compiled: RefCell<HashMap<Arc<str>, Compiled>>,
    /// Whether anybody asks for the outputs of steps: they are kept only then.
    pub(crate) uses_steps: bool,
}

/// What a plan says about a step.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) items: Option<Expression>,
    pub(crate) collect: Option<Expression>,
    pub(crate) input: Mapping,
    pub(crate) publish: Vec<(String, Published)>,
}

/// Where a variable comes from.
pub(crate) enum Published {
    Expression(Expression),
    Template(Template),
    Literal(Bytes),
}

#[derive(Clone)]
struct Compiled {
    function: v8::Global<v8::Function>,
    uses: [bool; NAMES.len()],
}

/// What expressions see.
const NAMES: [&str; 8] = ["state", "$", "parameters", "vars", "steps", "item", "index", "system"];

impl Expressions {
    /// Reads and compiles everything that the plan says.
    ///
    /// # Errors
    /// All that does not compile, in one report.
    pub(crate) fn compile(scope: &mut v8::PinScope, plan: &Plan) -> Result<Expressions, Outcome> {
        let mut all = Expressions { of_steps: HashMap::new(), compiled: RefCell::default(), uses_steps: false };
        let mut problems = Vec::new();
        for (index, step) in plan.indexed() {
            let Some(job) = &step.job else { continue };
            let Some(said) = said(job, step.id.as_str(), &mut problems) else { continue };
            for (what, expression) in said.expressions() {
                all.uses_steps |= expression.text().contains("steps");
                // Even a path may be asked of JavaScript: `vars.list.length`.
                if let Err(problem) = all.function(scope, expression.text()) {
                    problems.push(format!("Failed to compile `{what}` of step {} ({problem})", step.id));
                }
            }
            all.of_steps.insert(index, Rc::new(said));
        }
        if problems.is_empty() {
            return Ok(all);
        }
        Err(Outcome::Crash(ErrorReport::new("ValidationError", problems.join("\n"))))
    }

    /// What the plan says about a step.
    pub(crate) fn of(&self, step: StepIndex) -> Option<Rc<Said>> {
        self.of_steps.get(&step).cloned()
    }

    /// Lets go of every handle.
    pub(crate) fn clear(&self) {
        drop(self.compiled.take());
    }

    fn function(&self, scope: &mut v8::PinScope, text: &Arc<str>) -> Result<Compiled, String> {
        if let Some(compiled) = self.compiled.borrow().get(text) {
            return Ok(compiled.clone());
        }
        let uses = NAMES.map(|name| text.contains(name));
        // The id of a step may have dashes, which only a path can have.
        let function = match condition::compile(scope, text, &NAMES) {
            Ok(function) => function,
            Err(_) if Expression::new(text).path().is_some() => condition::compile(scope, "undefined", &NAMES)?,
            Err(problem) => return Err(problem),
        };
        let compiled = Compiled { function, uses };
        self.compiled.borrow_mut().insert(text.clone(), compiled.clone());
        Ok(compiled)
    }

    /// Evaluates an expression. Its views are its own: what it changes is seen by nobody.
    ///
    /// # Errors
    /// What was thrown, in words.
    pub(crate) fn evaluate<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        views: &Rc<Views>,
        text: &Arc<str>,
        sight: &Sight<'_>,
    ) -> Result<v8::Local<'s, v8::Value>, String> {
        let Compiled { function, uses } = self.function(scope, text)?;
        v8::tc_scope!(let scope, scope);
        let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
        let value = (|| {
            let mut arguments = [undefined; NAMES.len()];
            let mut state = None;
            for (place, name) in NAMES.iter().enumerate().filter(|(place, _)| uses[*place]) {
                arguments[place] = match *name {
                    "state" | "$" => match (state, sight.state) {
                        (Some(view), _) => view,
                        (None, Some(given)) => *state.insert(views.root(scope, given)?),
                        (None, None) => undefined,
                    },
                    "parameters" => views.root(scope, sight.context.parameters())?,
                    "vars" => views.root(scope, &sight.context.vars())?,
                    "steps" => views.root(scope, &sight.context.steps())?,
                    "system" => views.root(scope, sight.context.system())?,
                    "item" => match sight.item {
                        Some((text, _)) => views.root(scope, &State::trusted(text.clone(), None))?,
                        None => undefined,
                    },
                    _ => match sight.item {
                        Some((_, index)) => v8::Number::new(scope, index as f64).into(),
                        None => undefined,
                    },
                };
            }
            let function = v8::Local::new(scope, &function);
            function.call(scope, undefined, &arguments)
        })();
        value.ok_or_else(|| condition::describe(scope))
    }
}

impl Said {
    fn expressions(&self) -> impl Iterator<Item = (&str, &Expression)> {
        let published = self.publish.iter().flat_map(|(_, published)| match published {
            Published::Expression(expression) => vec![expression],
            Published::Template(template) => template.expressions().collect(),
            Published::Literal(_) => Vec::new(),
        });
        let items = self.items.iter().map(|expression| ("with_items", expression));
        let collect = self.collect.iter().map(|expression| ("collect", expression));
        let input = self.input.expressions().into_iter().map(|expression| ("input", expression));
        items.chain(collect).chain(input).chain(published.map(|expression| ("publish", expression)))
    }
}

fn said(job: &Job, step: &str, problems: &mut Vec<String>) -> Option<Said> {
    let mut said = Said::default();
    let mut single = |what: &str, text: &str| match Template::parse(text) {
        None => Some(Expression::new(text)),
        Some(template) => match template.whole() {
            Some(expression) => Some(expression.clone()),
            None => {
                problems
                    .push(format!("`{what}` of step {step} is a text with `{{{{ … }}}}` in it, and must be one value"));
                None
            }
        },
    };
    if let Some(with) = &job.with_items {
        said.items = single("with_items", &with.items);
        if let Collect::Expression(text) = &with.collect {
            said.collect = single("collect", text);
        }
    }
    said.input = Mapping::parse(&job.input);
    said.publish = job
        .publish
        .iter()
        .map(|(name, value)| {
            let published = match value {
                Value::String(text) => match Template::parse(text) {
                    Some(template) => Published::Template(template),
                    None => Published::Expression(Expression::new(text)),
                },
                literal => Published::Literal(literal.to_string().into()),
            };
            (name.clone(), published)
        })
        .collect();
    (said.items.is_some() || !said.input.is_empty() || !said.publish.is_empty()).then_some(said)
}

/// Evaluates what is more than a path, and writes it as JSON.
pub(crate) struct Evaluator<'a, 's, 'i> {
    pub(crate) scope: &'a mut v8::PinScope<'s, 'i>,
    pub(crate) expressions: &'a Expressions,
    pub(crate) views: &'a Rc<Views>,
    pub(crate) pristine: &'a Pristine,
    pub(crate) options: &'a encode::Options,
}

impl Evaluate for Evaluator<'_, '_, '_> {
    type Error = String;

    fn evaluate(&mut self, text: &Arc<str>, sight: &Sight<'_>) -> Result<Option<Bytes>, String> {
        v8::scope!(let scope, self.scope);
        let value = self.expressions.evaluate(scope, self.views, text, sight)?;
        let encoded = encode::encode(scope, self.views, self.pristine, self.options, value);
        let encoded = encoded.map_err(|error| format!("`{text}`: {}", error.in_words()))?;
        Ok(encoded.state.map(|state| state.to_bytes()))
    }

    fn longest(&self) -> usize {
        self.options.limit
    }
}

/// The outcome for an expression or a template that came to nothing.
pub(crate) fn failed(what: &str, step: &str, error: &Error<String>) -> ErrorReport {
    let message = format!("`{what}` of step {step}: {error}");
    let name = match error {
        Error::TooLong(_) => "StateTooLargeError",
        Error::Broken(_) | Error::Thrown(_) => "TemplateError",
    };
    ErrorReport { step: Some(step.to_owned()), ..ErrorReport::new(name, message) }
}
