//! Lazy state: in the argument of a call, `$.a` reads the state that the operation will get.
//!
//! `get($.url)` becomes `get(state => state.url)`: the nearest call around it gets a function. Methods of `$` itself do
//! not count as calls, so `fn($.items.map(f))` becomes `fn(state => state.items.map(f))`. Inside of `state => …` the
//! function is there already.
//!
//! Left alone are a `$` that the job declares, and the contents of an object that is the value of a variable at the top
//! level.

use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, ArrowFunctionExpression, Expression};
use oxc_span::{GetSpan, Span};

use crate::edit::{Edits, Part};
use crate::error::Problem;
use crate::parse::Module;
use crate::survey::Survey;

/// A `$` that means the state.
pub(crate) struct Use {
    /// The `$`.
    dollar: Span,
    /// The argument that has to become a function; none if it is one.
    argument: Option<Span>,
}

impl Use {
    /// The argument that becomes a function.
    pub(crate) fn argument(&self) -> Option<Span> {
        self.argument
    }
}

/// What the `$` of a member expression asks for; nothing if it is to be left alone.
pub(crate) fn find(dollar: Span, member: Span, ancestors: &[AstKind<'_>]) -> Result<Option<Use>, Problem> {
    if is_top_level_object(ancestors) {
        return Ok(None);
    }
    let fail = |message: String, help: &'static str| {
        Err(Problem { message: message.into(), help: Some(help.into()), offset: dollar.start })
    };
    let mut child = member;
    let mut arrow: Option<&ArrowFunctionExpression<'_>> = None;
    for (i, parent) in ancestors.iter().enumerate().rev() {
        if let AstKind::CallExpression(call) = parent {
            if call.callee.span() != child && !is_of_dollar(&call.callee) {
                if is_spread(&call.arguments, child) {
                    return fail(
                        "`$` cannot be spread into the arguments of an operation".into(),
                        "the arguments are counted before there is a state; pass them one by one, or as one array",
                    );
                }
                let Some(arrow) = arrow else { return Ok(Some(Use { dollar, argument: Some(child) })) };
                return match parameters(arrow) {
                    Parameters::State => Ok(Some(Use { dollar, argument: None })),
                    _ if is_inside_open_function(&ancestors[..i]) => Ok(Some(Use { dollar, argument: None })),
                    Parameters::Other(name) => fail(
                        format!("`$` stands for the state, but the function around it calls its parameter `{name}`"),
                        "name the parameter `state`, or use it in place of `$`",
                    ),
                    Parameters::Pattern => fail(
                        "`$` stands for the state, but the function around it takes its parameter apart".into(),
                        "name the parameter `state`",
                    ),
                    Parameters::Count(count) => fail(
                        format!("`$` needs a function with one parameter, `state`; the one around it has {count}"),
                        "leave the function away: an argument with `$` in it becomes one",
                    ),
                };
            }
        } else if !is_part_of_expression(parent) {
            break;
        }
        arrow = match parent {
            AstKind::ArrowFunctionExpression(arrow) => Some(arrow),
            AstKind::ParenthesizedExpression(_) => arrow,
            _ => None,
        };
        child = parent.span();
    }
    let in_function =
        ancestors.iter().any(|kind| matches!(kind, AstKind::Function(_) | AstKind::ArrowFunctionExpression(_)));
    fail(
        "`$` can only be used in the argument of an operation".into(),
        if in_function {
            "inside of a function write `state` for it, and give the function that parameter"
        } else {
            "nothing has a state yet where this runs; put it into an operation, such as `fn(state => …)`"
        },
    )
}

/// Makes the functions, and `state` of every `$`.
pub(crate) fn edit(survey: &Survey<'_>, module: &Module<'_>, edits: &mut Edits) -> Result<(), Problem> {
    let mut arguments: Vec<Span> = survey.uses.iter().filter_map(|used| used.argument).collect();
    arguments.sort_by_key(|span| (span.start, span.end));
    arguments.dedup();
    for argument in arguments {
        if let Some(offset) = survey.suspension_in(argument) {
            return Err(Problem {
                message: "`await` cannot be used beside `$`".into(),
                help: Some(
                    "the argument becomes a function that runs later; await the value in a variable before".into(),
                ),
                offset,
            });
        }
        let written = Part::Written(argument);
        if module.text[argument.start as usize..].starts_with('{') {
            edits.add(argument, [Part::New("state => (".into()), written, Part::New(")".into())]);
        } else {
            edits.add(argument, [Part::New("state => ".into()), written]);
        }
    }
    for used in &survey.uses {
        edits.add(used.dollar, [Part::New("state".into())]);
    }
    Ok(())
}

enum Parameters<'a> {
    State,
    Other(&'a str),
    Pattern,
    Count(usize),
}

fn parameters<'a>(arrow: &'a ArrowFunctionExpression<'_>) -> Parameters<'a> {
    let count = arrow.params.items.len() + usize::from(arrow.params.rest.is_some());
    match &arrow.params.items[..] {
        [only] if count == 1 => match only.pattern.get_identifier_name() {
            Some(name) if name == "state" => Parameters::State,
            Some(name) => Parameters::Other(name.as_str()),
            None => Parameters::Pattern,
        },
        _ => Parameters::Count(count),
    }
}

/// Whether these end within the expression that a `state => …` returns.
fn is_inside_open_function(ancestors: &[AstKind<'_>]) -> bool {
    let within = ancestors.iter().rev().take_while(|kind| is_part_of_expression(kind));
    within.into_iter().any(|kind| match kind {
        AstKind::ArrowFunctionExpression(arrow) => matches!(parameters(arrow), Parameters::State),
        _ => false,
    })
}

/// `const x = {…}` at the top level.
fn is_top_level_object(ancestors: &[AstKind<'_>]) -> bool {
    matches!(
        ancestors,
        [
            AstKind::Program(_),
            AstKind::VariableDeclaration(_),
            AstKind::VariableDeclarator(declarator),
            AstKind::ObjectExpression(object),
            ..
        ] if declarator.init.as_ref().is_some_and(|init| init.span() == object.span)
    )
}

/// `$.a.b` and the like: a chain of members and calls that starts at `$`.
fn is_of_dollar(mut expression: &Expression<'_>) -> bool {
    loop {
        expression = match expression {
            Expression::StaticMemberExpression(member) => &member.object,
            Expression::ComputedMemberExpression(member) => &member.object,
            Expression::CallExpression(call) => &call.callee,
            Expression::ParenthesizedExpression(inner) => &inner.expression,
            Expression::Identifier(identifier) => return identifier.name == "$",
            _ => return false,
        };
    }
}

fn is_spread(arguments: &[Argument<'_>], span: Span) -> bool {
    arguments.iter().any(|argument| matches!(argument, Argument::SpreadElement(spread) if spread.span == span))
}

fn is_part_of_expression(kind: &AstKind<'_>) -> bool {
    matches!(
        kind,
        AstKind::ArrayExpression(_)
            | AstKind::ArrowFunctionExpression(_)
            | AstKind::AssignmentExpression(_)
            | AstKind::AwaitExpression(_)
            | AstKind::BinaryExpression(_)
            | AstKind::CallExpression(_)
            | AstKind::ChainExpression(_)
            | AstKind::ComputedMemberExpression(_)
            | AstKind::ConditionalExpression(_)
            | AstKind::ImportExpression(_)
            | AstKind::LogicalExpression(_)
            | AstKind::NewExpression(_)
            | AstKind::ObjectExpression(_)
            | AstKind::ObjectProperty(_)
            | AstKind::ParenthesizedExpression(_)
            | AstKind::PrivateFieldExpression(_)
            | AstKind::PrivateInExpression(_)
            | AstKind::SequenceExpression(_)
            | AstKind::SpreadElement(_)
            | AstKind::StaticMemberExpression(_)
            | AstKind::TaggedTemplateExpression(_)
            | AstKind::TemplateLiteral(_)
            | AstKind::UnaryExpression(_)
            | AstKind::UpdateExpression(_)
            | AstKind::YieldExpression(_)
    )
}
