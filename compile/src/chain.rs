//! Promise chains: an operation is not a promise, so what follows it has to wait until it runs.
//!
//! `get(…).then(f)` becomes `_defer(get(…), p => p.then(f))`. A `catch` right after the operation is handed the state
//! too, so it becomes the third argument: `get(…).catch(g)` is `_defer(get(…), undefined, g)`. Chains in functions and
//! blocks are of real promises and stay; so do those that are awaited on the spot, and those that start at something
//! that is not a call.

use std::collections::HashMap;

use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Expression};
use oxc_span::{GetSpan, Span};

use crate::edit::{Edits, Part};
use crate::error::Problem;
use crate::imports::Defer;
use crate::survey::{self, Survey};

/// An operation and what follows it.
pub(crate) struct Chain<'a> {
    /// All of it.
    span: Span,
    /// The operation, with its parentheses.
    operation: Span,
    call: &'a CallExpression<'a>,
    /// Where the operation ends, or the `catch` that becomes an argument.
    rest: u32,
    handler: Option<Span>,
}

/// The operations that have a chain, by where all of it is.
pub(crate) type Chains<'a> = HashMap<Span, &'a CallExpression<'a>>;

/// The chain whose last link is `last`, if there is one.
pub(crate) fn find<'a>(last: &'a CallExpression<'a>, ancestors: &[AstKind<'a>]) -> Option<Chain<'a>> {
    link(last)?;
    let is_further_down = match ancestors {
        [.., AstKind::CallExpression(call), AstKind::StaticMemberExpression(member)] => {
            member.object.span() == last.span && call.callee.span() == member.span && link(call).is_some()
        }
        _ => false,
    };
    let mut parents = ancestors.iter().rev();
    let parent =
        parents.find(|kind| !matches!(kind, AstKind::ParenthesizedExpression(_) | AstKind::ChainExpression(_)));
    let is_awaited = matches!(parent, Some(AstKind::AwaitExpression(_)));
    if is_further_down || is_awaited || !is_top_scope(ancestors) {
        return None;
    }

    let mut first = last;
    let mut object = link(last)?;
    while let Expression::CallExpression(call) = object
        && let Some(next) = link(call)
    {
        (first, object) = (call, next);
    }
    // In parentheses there may be a chain again.
    let mut call = survey::call(object)?;
    while let Some(inner) = link(call) {
        call = survey::call(inner)?;
    }
    let operation = object.span();
    let mut chain = Chain { span: last.span, operation, call, rest: operation.end, handler: None };
    if name(first) == Some("catch") {
        match &first.arguments[..] {
            [] => chain.rest = first.span.end,
            [handler] if !handler.is_spread() => {
                chain.rest = first.span.end;
                chain.handler = Some(handler.span());
            }
            _ => {}
        }
    }
    Some(chain)
}

/// Makes calls of `defer`. Chains in what [`crate::lazy`] makes a function of are in a function.
pub(crate) fn edit<'a>(survey: &Survey<'a>, defer: &Defer, edits: &mut Edits) -> Result<Chains<'a>, Problem> {
    let mut functions: Vec<Span> = survey.uses.iter().filter_map(|used| used.argument()).collect();
    functions.sort_by_key(|span| span.start);
    let mut chains = Chains::new();
    for chain in &survey.chains {
        if is_within(&functions, chain.span) {
            continue;
        }
        let rest = Span::new(chain.rest, chain.span.end);
        if let Some(offset) = survey.suspension_in(rest) {
            return Err(Problem {
                message: "`await` cannot be used in what follows an operation".into(),
                help: Some("it becomes a function that runs later; await the value in a variable before".into()),
                offset,
            });
        }
        let new = |text: &'static str| Part::New(text.into());
        let mut parts = vec![Part::New(format!("{}(", defer.name).into()), Part::Written(chain.operation)];
        if rest.start < rest.end {
            let promise = &defer.promise;
            parts.extend([Part::New(format!(", {promise} => {promise}").into()), Part::Written(rest)]);
        } else if chain.handler.is_some() {
            parts.push(new(", undefined"));
        }
        if let Some(handler) = chain.handler {
            parts.extend([new(", "), Part::Written(handler)]);
        }
        parts.push(new(")"));
        edits.add(chain.span, parts);
        chains.insert(chain.span, chain.call);
    }
    Ok(chains)
}

/// What `.then`, `.catch` or `.finally` is called on, if it is.
fn link<'b, 'a>(call: &'b CallExpression<'a>) -> Option<&'b Expression<'a>> {
    match &call.callee {
        Expression::StaticMemberExpression(member) if matches!(name(call)?, "then" | "catch" | "finally") => {
            Some(&member.object)
        }
        _ => None,
    }
}

fn name<'b>(call: &'b CallExpression<'_>) -> Option<&'b str> {
    match &call.callee {
        Expression::StaticMemberExpression(member) => Some(member.property.name.as_str()),
        _ => None,
    }
}

fn is_top_scope(ancestors: &[AstKind<'_>]) -> bool {
    !ancestors.iter().any(|kind| {
        matches!(
            kind,
            AstKind::Function(_) | AstKind::ArrowFunctionExpression(_) | AstKind::BlockStatement(_) | AstKind::Class(_)
        )
    })
}

/// Whether one of the sorted `spans` contains this one.
fn is_within(spans: &[Span], span: Span) -> bool {
    let before = spans.partition_point(|function| function.start <= span.start);
    spans[..before].iter().any(|function| function.end >= span.end)
}
