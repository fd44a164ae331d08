//! What `js/55_calls.js` asks of the host: the only functions besides the ops, and given to our own script alone.

use std::rc::Rc;

use deno_core::v8;
use fulgurite_plan::ErrorReport;

use crate::batch::{Batch, Next};
use crate::call::{self, Call};
use crate::desk::{Desk, error_value};
use crate::spans;
use crate::step::Answer;

/// The functions as properties of one object.
pub(crate) fn object<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
    let object = v8::Object::new(scope);
    let put = |name: &str, function: Option<v8::Local<'s, v8::Function>>, scope: &mut v8::PinScope<'s, '_>| {
        let key = v8::String::new(scope, name)?;
        object.create_data_property(scope, key.into(), function?.into())
    };
    let function = v8::Function::new(scope, pull);
    put("pull", function, scope)?;
    let function = v8::Function::new(scope, frame);
    put("frame", function, scope)?;
    let function = v8::Function::new(scope, wants);
    put("wants", function, scope)?;
    let function = v8::Function::new(scope, gather);
    put("gather", function, scope)?;
    let function = v8::Function::new(scope, left);
    put("left", function, scope)?;
    let function = v8::Function::new(scope, open);
    put("open", function, scope)?;
    let function = v8::Function::new(scope, next);
    put("next", function, scope)?;
    let function = v8::Function::new(scope, imported);
    put("imported", function, scope)?;
    let function = v8::Function::new(scope, leave);
    put("leave", function, scope)?;
    let function = v8::Function::new(scope, result);
    put("result", function, scope)?;
    let function = v8::Function::new(scope, close);
    put("close", function, scope)?;
    let function = v8::Function::new(scope, began);
    put("began", function, scope)?;
    let function = v8::Function::new(scope, ended);
    put("ended", function, scope)?;
    // An own property in any case: a job may have given one to Object.prototype.
    let (key, timed) = (v8::String::new(scope, "timed")?, v8::Boolean::new(scope, spans::of_operations()));
    object.create_data_property(scope, key.into(), timed.into())?;
    Some(object)
}

type Args<'s> = v8::FunctionCallbackArguments<'s>;
type Return<'s> = v8::ReturnValue<'s, v8::Value>;

fn desk(scope: &mut v8::PinScope) -> Option<Rc<Desk>> {
    scope.get_slot::<Rc<Desk>>().cloned()
}

fn number(scope: &mut v8::PinScope, args: &Args<'_>, place: i32) -> u32 {
    args.get(place).uint32_value(scope).unwrap_or_default()
}

fn batch(scope: &mut v8::PinScope, args: &Args<'_>) -> Option<(Rc<Desk>, Rc<Batch>)> {
    let desk = desk(scope)?;
    let execution = number(scope, args, 0);
    let batch = desk.batches.borrow().get(&execution).cloned()?;
    Some((desk, batch))
}

fn in_flight(scope: &mut v8::PinScope, args: &Args<'_>) -> Option<(Rc<Desk>, Rc<Call>)> {
    let desk = desk(scope)?;
    let id = number(scope, args, 0);
    let call = desk.calls.borrow().get(&id).cloned()?;
    Some((desk, call))
}

fn answer<'s>(scope: &mut v8::PinScope<'s, '_>, args: &Args<'s>) -> Answer<'s> {
    let ok = args.get(2);
    let ok = (!ok.is_undefined()).then(|| ok.is_true());
    Answer { ok, value: args.get(3), running: number(scope, args, 4) }
}

fn throw(scope: &mut v8::PinScope, report: &ErrorReport) {
    let error = error_value(scope, report);
    scope.throw_exception(error);
}

/// `began(execution, number)`: an operation begins; the number of its span.
fn began<'s>(scope: &mut v8::PinScope<'s, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some(desk) = desk(scope) else { return };
    let (execution, operation) = (number(scope, &args, 0), number(scope, &args, 1));
    rv.set_uint32(desk.operation_began(execution, operation));
}

/// `ended(span)`: it ended.
fn ended<'s>(scope: &mut v8::PinScope<'s, '_>, args: Args<'s>, _: Return<'s>) {
    let Some(desk) = desk(scope) else { return };
    desk.operation_ended(number(scope, &args, 0));
}

/// `pull(execution)`: the next call's `[ticket, entry, view]`.
fn pull<'s>(scope: &mut v8::PinScope<'s, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some((desk, batch)) = batch(scope, &args) else { return };
    let Some(ticket) = batch.pull(&desk) else { return };
    if let Some(frame) = batch.frame(&desk, scope, ticket) {
        rv.set(frame);
    }
}

/// `frame(execution, ticket)`: the same for an item of another isolate.
fn frame<'s>(scope: &mut v8::PinScope<'s, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some((desk, batch)) = batch(scope, &args) else { return };
    let ticket = number(scope, &args, 1);
    if let Some(frame) = batch.frame(&desk, scope, ticket) {
        rv.set(frame);
    }
}

/// `wants(execution)`: whether there is any use for another item.
fn wants<'s>(scope: &mut v8::PinScope<'s, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let wants = batch(scope, &args).is_some_and(|(_, batch)| batch.wants_more());
    rv.set_bool(wants);
}

/// `gather(execution, item)`: whether the next call has enough of them.
fn gather<'s>(scope: &mut v8::PinScope<'s, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some((desk, batch)) = batch(scope, &args) else { return };
    match batch.gather(&desk, scope, args.get(1)) {
        Ok(enough) => rv.set_bool(enough),
        Err(report) => throw(scope, &report),
    }
}

/// `left(execution, ticket, ok, value, running)`: a frame to try again, `false` to stop, or nothing.
fn left<'s>(scope: &mut v8::PinScope<'s, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some((desk, batch)) = batch(scope, &args) else { return rv.set_bool(false) };
    let ticket = number(scope, &args, 1);
    let answer = answer(scope, &args);
    match batch.left(&desk, scope, ticket, answer) {
        Next::Pull => {}
        Next::Over => rv.set_bool(false),
        Next::Again => {
            if let Some(frame) = batch.frame(&desk, scope, ticket) {
                rv.set(frame);
            }
        }
    }
}

/// `open(step, state, follow)`: the number of a call.
fn open<'s>(scope: &mut v8::PinScope<'s, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some(desk) = desk(scope) else { return };
    let caller = scope.get_continuation_preserved_embedder_data();
    let caller = if caller.is_uint32() { caller.uint32_value(scope).unwrap_or_default() } else { 0 };
    let Some(step) = args.get(0).to_string(scope) else { return };
    let step = crate::text::lossy(scope, step);
    match call::open(&desk, scope, &step, args.get(1), args.get(2), caller) {
        Ok(id) => rv.set_uint32(id),
        Err(report) => throw(scope, &report),
    }
}

/// `next(call)`: the next step to run, as `[kind, execution, …]`.
fn next<'s>(scope: &mut v8::PinScope<'s, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some((desk, call)) = in_flight(scope, &args) else { return };
    match call::next(&desk, scope, &call) {
        Ok(Some(frame)) => rv.set(frame),
        Ok(None) => {}
        Err(report) => throw(scope, &report),
    }
}

/// `imported(url, namespace)`: an adaptor that a step lacked.
fn imported<'s>(scope: &mut v8::PinScope<'s, '_>, args: Args<'s>, _: Return<'s>) {
    let Some(desk) = desk(scope) else { return };
    let Some(url) = args.get(0).to_string(scope) else { return };
    let url = crate::text::lossy(scope, url);
    if let Ok(namespace) = v8::Local::<v8::Object>::try_from(args.get(1)) {
        desk.maker.imported(url, v8::Global::new(scope, namespace));
    }
}

/// `leave(call, execution, ok, value, running)`: how the step ended that was running.
fn leave<'s>(scope: &mut v8::PinScope<'s, '_>, args: Args<'s>, _: Return<'s>) {
    let Some((desk, call)) = in_flight(scope, &args) else { return };
    let answer = answer(scope, &args);
    call::leave(&desk, scope, &call, answer);
}

/// `result(call)`: what it resolves with; throws what it rejects with.
fn result<'s>(scope: &mut v8::PinScope<'s, '_>, args: Args<'s>, mut rv: Return<'s>) {
    let Some((desk, call)) = in_flight(scope, &args) else { return };
    match call::result(&desk, scope, &call) {
        Ok(Some(value)) => rv.set(value),
        Ok(None) => {}
        Err(thrown) => {
            scope.throw_exception(thrown);
        }
    }
}

/// `close(call)`: nobody needs it any more.
fn close<'s>(scope: &mut v8::PinScope<'s, '_>, args: Args<'s>, _: Return<'s>) {
    let Some(desk) = desk(scope) else { return };
    let id = number(scope, &args, 0);
    let call = desk.calls.borrow_mut().remove(&id);
    drop(call);
}
