//! One walk over the tree that finds what the rules need: free names, uses of `$`, promise chains, `await`.

use std::collections::HashSet;

use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Expression, IdentifierReference};
use oxc_ast_visit::Visit;
use oxc_semantic::Scoping;
use oxc_span::{GetSpan, Span};

use crate::chain::{self, Chain};
use crate::error::Problem;
use crate::lazy::{self, Use};
use crate::parse::Module;

/// What is in a module.
pub(crate) struct Survey<'a> {
    /// Names that nothing declares, in the order in which they are first used.
    pub(crate) free: Vec<&'a str>,
    /// Every `$.a` that means the state.
    pub(crate) uses: Vec<Use>,
    /// Every promise chain outside of functions and blocks.
    pub(crate) chains: Vec<Chain<'a>>,
    /// Every `await` and `yield`.
    pub(crate) suspensions: Vec<Suspension>,
}

/// An `await` or a `yield`.
pub(crate) struct Suspension {
    /// Where it is.
    pub(crate) offset: u32,
    /// Where the function begins that it suspends; none at the top level.
    pub(crate) function: Option<u32>,
}

impl<'a> Survey<'a> {
    pub(crate) fn of(module: &'a Module<'a>) -> Result<Survey<'a>, Problem> {
        let mut walk = Walk {
            scoping: &module.scoping,
            ancestors: Vec::new(),
            seen: HashSet::new(),
            survey: Survey { free: Vec::new(), uses: Vec::new(), chains: Vec::new(), suspensions: Vec::new() },
            problem: None,
        };
        walk.visit_program(&module.program);
        match walk.problem {
            None => Ok(walk.survey),
            Some(problem) => Err(problem),
        }
    }

    /// The first `await` or `yield` in `span` that would change its function if `span` became the body of one.
    pub(crate) fn suspension_in(&self, span: Span) -> Option<u32> {
        let inside = |suspension: &&Suspension| {
            (span.start..span.end).contains(&suspension.offset)
                && suspension.function.is_none_or(|function| function < span.start)
        };
        self.suspensions.iter().find(inside).map(|suspension| suspension.offset)
    }
}

/// The call that an expression is, through parentheses.
pub(crate) fn call<'b, 'a>(expression: &'b Expression<'a>) -> Option<&'b CallExpression<'a>> {
    match expression.without_parentheses() {
        Expression::CallExpression(call) => Some(call),
        _ => None,
    }
}

struct Walk<'a> {
    scoping: &'a Scoping,
    ancestors: Vec<AstKind<'a>>,
    seen: HashSet<&'a str>,
    survey: Survey<'a>,
    problem: Option<Problem>,
}

impl<'a> Walk<'a> {
    fn is_free(&self, identifier: &IdentifierReference<'_>) -> bool {
        let reference = identifier.reference_id.get();
        reference.is_none_or(|reference| self.scoping.get_reference(reference).symbol_id().is_none())
    }

    fn fail(&mut self, problem: Problem) {
        self.problem.get_or_insert(problem);
    }

    /// `object` of the member expression `member`.
    fn member(&mut self, object: &Expression<'a>, member: Span) {
        let Expression::Identifier(identifier) = object else { return };
        if identifier.name != "$" || !self.is_free(identifier) {
            return;
        }
        match lazy::find(identifier.span, member, &self.ancestors) {
            Ok(found) => self.survey.uses.extend(found),
            Err(problem) => self.fail(problem),
        }
    }

    fn suspension(&mut self, offset: u32) {
        let function = self.ancestors.iter().rev().find_map(|kind| match kind {
            AstKind::Function(_) | AstKind::ArrowFunctionExpression(_) => Some(kind.span().start),
            _ => None,
        });
        self.survey.suspensions.push(Suspension { offset, function });
    }
}

impl<'a> Visit<'a> for Walk<'a> {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        match kind {
            AstKind::IdentifierReference(identifier) => {
                let name = identifier.name.as_str();
                if name != "arguments" && self.is_free(identifier) && self.seen.insert(name) {
                    self.survey.free.push(name);
                }
            }
            AstKind::StaticMemberExpression(member) => self.member(&member.object, member.span),
            AstKind::ComputedMemberExpression(member) => self.member(&member.object, member.span),
            AstKind::CallExpression(call) => self.survey.chains.extend(chain::find(call, &self.ancestors)),
            AstKind::AwaitExpression(expression) => self.suspension(expression.span.start),
            AstKind::YieldExpression(expression) => self.suspension(expression.span.start),
            AstKind::Decorator(decorator) => self.fail(Problem {
                message: "decorators are not part of JavaScript yet".into(),
                help: Some("call the decorator as a function".into()),
                offset: decorator.span.start,
            }),
            _ => {}
        }
        self.ancestors.push(kind);
    }

    fn leave_node(&mut self, _: AstKind<'a>) {
        self.ancestors.pop();
    }
}
