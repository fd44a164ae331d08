//! The default export: an array of operations.
//!
//! Calls that are statements of their own at the top level move into it, in order, with the comments above them and
//! behind them on their line. Everything else stays where it was. A job that already exports an array, and that as its
//! last statement, gets them at its end; one that exports anything else by default is left as it is.

use oxc_ast::ast::{
    ArrayExpression, CallExpression, ChainElement, ExportDefaultDeclarationKind, Expression, Program, Statement,
};
use oxc_span::{GetSpan, Span};

use crate::Operation;
use crate::chain::Chains;
use crate::edit::Output;
use crate::parse::Module;
use crate::survey;
use crate::text::is_line_end;

/// Writes everything below the imports.
pub(crate) fn write(module: &Module<'_>, chains: &Chains<'_>, output: &mut Output<'_>) -> Vec<Operation> {
    let program = &module.program;
    let exports = Exports::of(program);
    let mut found = Found { module, chains, operations: Vec::new() };
    if let Exports::Array { array, .. } = exports {
        found.elements(array);
    }
    let takes_operations = matches!(exports, Exports::Nothing | Exports::Array { is_last: true, .. });

    let mut moved: Vec<(Segment, Span)> = Vec::new();
    let mut body = Body::new(module, output);
    let mut segments = Segments { module, comment: 0, end: 0 };
    for directive in &program.directives {
        body.stays(&segments.next(directive.span));
    }
    for statement in &program.body {
        let segment = segments.next(statement.span());
        match statement {
            Statement::EmptyStatement(_) if segment.is_bare() => {}
            Statement::ExpressionStatement(statement)
                if takes_operations
                    && let Some(call) = found.call(&statement.expression)
                    && !is_namespace(call) =>
            {
                found.operation(call);
                moved.push((segment, statement.expression.span()));
                body.is_adjacent = false;
            }
            Statement::ExportDefaultDeclaration(_)
                if let Exports::Array { array, is_last: true } = exports
                    && !moved.is_empty() =>
            {
                body.starts(&segment);
                let output = &mut *body.output;
                let end = array.span.end - 1;
                let mut head = array.span.start + 1;
                output.written(Span::new(segment.span.start, head));
                if let Some(last) = array.elements.last() {
                    output.written(Span::new(head, last.span().end));
                    head = last.span().end;
                    if !has_comma(module, Span::new(head, end)) {
                        output.new_text(",");
                    }
                }
                output.written(Span::new(head, end));
                output.end_line();
                operations(&moved, None, output);
                output.written(Span::new(end, segment.span.end));
                output.end_line();
                moved.clear();
            }
            _ => body.stays(&segment),
        }
    }
    let rest = segments.rest();
    if let Exports::Nothing = exports {
        if moved.is_empty() {
            if let Some(rest) = rest {
                body.stays(&rest);
            }
            output.end_line();
            output.new_text("export default [];\n");
        } else {
            output.end_line();
            output.new_text("export default [\n");
            operations(&moved, rest, output);
            output.new_text("];\n");
        }
    } else {
        match rest {
            Some(rest) if body.is_adjacent => body.stays(&rest),
            Some(rest) => output.written(rest.span),
            None => {}
        }
        output.end_line();
    }
    found.operations
}

/// One line or more for each operation, and the comments after the last.
fn operations(moved: &[(Segment, Span)], rest: Option<Segment>, output: &mut Output<'_>) {
    for (segment, expression) in moved {
        output.written(Span::new(segment.span.start, expression.end));
        output.new_text(",");
        output.written(Span::new(segment.statement.end, segment.span.end));
        output.end_line();
    }
    if let Some(rest) = rest {
        output.written(rest.span);
        output.end_line();
    }
}

/// Whether there is a comma, outside of comments.
fn has_comma(module: &Module<'_>, span: Span) -> bool {
    let comments = module.program.comments.iter();
    let mut inside = comments.filter(|comment| comment.span.start >= span.start && comment.span.end <= span.end);
    let mut start = span.start;
    loop {
        let comment = inside.next();
        let end = comment.map_or(span.end, |comment| comment.span.start);
        if module.text[start as usize..end as usize].contains(',') {
            return true;
        }
        let Some(comment) = comment else { return false };
        start = comment.span.end;
    }
}

/// What a job exports by default.
#[derive(Clone, Copy)]
enum Exports<'b, 'a> {
    Nothing,
    Array { array: &'b ArrayExpression<'a>, is_last: bool },
    Other,
}

impl<'b, 'a> Exports<'b, 'a> {
    fn of(program: &'b Program<'a>) -> Exports<'b, 'a> {
        let mut exports = Exports::Nothing;
        for statement in &program.body {
            match statement {
                Statement::ExportDefaultDeclaration(export) => {
                    exports = match export_array(&export.declaration) {
                        Some(array) => Exports::Array { array, is_last: true },
                        None => Exports::Other,
                    };
                }
                Statement::ExportNamedDeclaration(_) | Statement::ExportFromDeclaration(_) if is_default(statement) => {
                    exports = Exports::Other;
                }
                Statement::EmptyStatement(_) => {}
                _ => {
                    if let Exports::Array { is_last, .. } = &mut exports {
                        *is_last = false;
                    }
                }
            }
        }
        exports
    }
}

fn export_array<'b, 'a>(declaration: &'b ExportDefaultDeclarationKind<'a>) -> Option<&'b ArrayExpression<'a>> {
    match declaration.as_expression()?.without_parentheses() {
        Expression::ArrayExpression(array) => Some(array),
        _ => None,
    }
}

/// What TypeScript makes of a `namespace`: `(function (A) { … })(A || (A = {}))`, a declaration and no operation.
fn is_namespace(call: &CallExpression<'_>) -> bool {
    let declares = |argument: &Expression<'_>| match argument.without_parentheses() {
        Expression::LogicalExpression(or) => {
            matches!(or.left, Expression::Identifier(_))
                && matches!(or.right.without_parentheses(), Expression::AssignmentExpression(_))
        }
        _ => false,
    };
    matches!(call.callee.without_parentheses(), Expression::FunctionExpression(_))
        && matches!(&call.arguments[..], [only] if only.as_expression().is_some_and(declares))
}

/// `export { x as default }`, from elsewhere or not.
fn is_default(statement: &Statement<'_>) -> bool {
    let specifiers = match statement {
        Statement::ExportNamedDeclaration(export) => &export.specifiers,
        Statement::ExportFromDeclaration(export) => &export.specifiers,
        _ => return false,
    };
    specifiers.iter().any(|specifier| specifier.exported.name() == "default")
}

struct Found<'b, 'a> {
    module: &'b Module<'a>,
    chains: &'b Chains<'b>,
    operations: Vec<Operation>,
}

impl Found<'_, '_> {
    /// What the default export has already.
    fn elements(&mut self, array: &ArrayExpression<'_>) {
        for element in &array.elements {
            if element.is_spread() {
                return;
            }
            match element.as_expression().and_then(|element| self.call(element)) {
                Some(call) => self.operation(call),
                None => self.push(None, element.span()),
            }
        }
    }

    /// The call that an expression is, or becomes: `get()?.then(f)` is one once it is deferred.
    fn call<'e, 'c>(&self, expression: &'e Expression<'c>) -> Option<&'e CallExpression<'c>> {
        match expression.without_parentheses() {
            Expression::ChainExpression(chain) => match &chain.expression {
                ChainElement::CallExpression(call) if self.chains.contains_key(&call.span) => Some(call),
                _ => None,
            },
            other => survey::call(other),
        }
    }

    fn operation(&mut self, call: &CallExpression<'_>) {
        let operation = self.chains.get(&call.span).map_or(&call.callee, |call| &call.callee);
        let name = match operation.without_parentheses() {
            Expression::Identifier(identifier) => Some(identifier.name.to_string()),
            _ => None,
        };
        self.push(name, call.span);
    }

    fn push(&mut self, name: Option<String>, span: Span) {
        let place = self.module.place(span.start);
        let order = self.operations.len() as u32 + 1;
        self.operations.push(Operation { name, line: place.line + 1, column: place.column + 1, order });
    }
}

/// A statement with the comments above it and behind it.
struct Segment {
    span: Span,
    statement: Span,
}

impl Segment {
    fn is_bare(&self) -> bool {
        self.span == self.statement
    }
}

/// Cuts the text into statements with their comments.
struct Segments<'b, 'a> {
    module: &'b Module<'a>,
    /// The first comment that no segment has.
    comment: usize,
    /// Where the last segment ended.
    end: u32,
}

impl Segments<'_, '_> {
    fn next(&mut self, statement: Span) -> Segment {
        let comments = &self.module.program.comments;
        let mut span = statement;
        if let Some(first) = comments.get(self.comment).filter(|first| first.span.start < statement.start) {
            span.start = first.span.start;
        }
        while let Some(comment) = comments.get(self.comment) {
            if comment.span.start >= span.end && !self.is_behind(span.end, comment.span.start) {
                break;
            }
            span.end = span.end.max(comment.span.end);
            self.comment += 1;
        }
        self.end = span.end;
        Segment { span, statement }
    }

    /// The comments after the last statement.
    fn rest(&mut self) -> Option<Segment> {
        let comments = &self.module.program.comments;
        let span = Span::new(comments.get(self.comment)?.span.start, comments.last()?.span.end);
        Some(Segment { span, statement: span })
    }

    /// Whether there is nothing but space between the two, on one line.
    fn is_behind(&self, end: u32, start: u32) -> bool {
        self.module.text[end as usize..start as usize].chars().all(|c| c.is_whitespace() && !is_line_end(c))
    }
}

/// The statements that stay, and the space between them.
struct Body<'b, 'a, 'o> {
    module: &'b Module<'a>,
    output: &'b mut Output<'o>,
    /// Where the last statement ended that stayed.
    end: Option<u32>,
    /// Whether it was the last statement of all.
    is_adjacent: bool,
}

impl<'b, 'a, 'o> Body<'b, 'a, 'o> {
    fn new(module: &'b Module<'a>, output: &'b mut Output<'o>) -> Self {
        Body { module, output, end: None, is_adjacent: false }
    }

    fn starts(&mut self, segment: &Segment) {
        match self.end {
            Some(end) if self.is_adjacent => self.output.written(Span::new(end, segment.span.start)),
            Some(_) => {
                // Without the call between them, the two could become one.
                let text = &self.module.text[segment.statement.start as usize..];
                if text.starts_with(['(', '[', '`', '+', '-', '*', '/', '<', ',', '.', '?', '=', '&', '|', '^', '%'])
                    && !self.output.code().ends_with(';')
                {
                    self.output.new_text("\n;");
                } else {
                    self.output.end_line();
                }
            }
            None => self.output.end_line(),
        }
    }

    fn stays(&mut self, segment: &Segment) {
        self.starts(segment);
        self.output.written(segment.span);
        self.end = Some(segment.span.end);
        self.is_adjacent = true;
    }
}
