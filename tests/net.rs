//! `fetch` against a real server, the rules of a run's network, and `crypto.subtle`.
//!
//! Nothing here waits for time to pass: what is slow is slow until the other side lets go.

mod crypto;
mod fetch;
mod policy;
mod server;
mod tls;

use fulgurite_plan::{Condition, Draft, DraftEdge, DraftStep, Plan};
use fulgurite_runtime::{HostPattern, Hosts, Network, Request};
use libtest_mimic::Trial;

use crate::support::{Report, request, run, step};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    trials.extend(fetch::trials());
    trials.extend(policy::trials());
    trials.extend(crypto::trials());
    trials.extend(tls::trials());
    trials
}

fn trial(group: &str, name: &str, test: fn()) -> Trial {
    Trial::test(format!("net::{group}::{name}"), move || {
        test();
        Ok(())
    })
}

/// A job of one operation, an async function's body. `base` is where the server is.
fn job(base: &str, body: &str) -> String {
    format!("const base = {base:?};\nexport default [async state => {{ {body} }}];")
}

fn under(network: Network, code: &str) -> Report {
    let mut request = request(code, "{}", 3);
    request.limits.network = network;
    run(request)
}

/// Runs a body that answers a value; answers it as JSON.
#[track_caller]
fn answer(base: &str, body: &str) -> String {
    value(under(Network::default(), &job(base, &format!("return {{ v: await (async () => {{ {body} }})() }};"))))
}

#[track_caller]
fn value(report: Report) -> String {
    assert_eq!(report.ending(), "success");
    let result = report.result();
    result.strip_prefix("{\"v\":").and_then(|rest| rest.strip_suffix('}')).unwrap_or(&result).to_owned()
}

/// What a body is refused with.
#[track_caller]
fn refusal(network: Network, base: &str, body: &str) -> String {
    let report = under(network, &job(base, &format!("{body}; return {{ v: 'was not refused' }};")));
    let ending = report.ending();
    let Some(message) = ending.strip_prefix("fail RuntimeError: TypeError: ") else {
        panic!("{body}: {ending} {}", report.result());
    };
    message.to_owned()
}

fn hosts(patterns: &[&str]) -> Hosts {
    Hosts::Only(patterns.iter().map(|pattern| pattern.parse::<HostPattern>().expect("a pattern")).collect())
}

/// Steps one after the other, each an async function's body.
fn steps(base: &str, bodies: &[&str]) -> Report {
    let steps = bodies.iter().enumerate().map(|(at, body)| {
        let edge = DraftEdge::new(format!("s{}", at + 1), Condition::Always);
        let next = (at + 1 < bodies.len()).then_some(edge);
        DraftStep { next: next.into_iter().collect(), ..step(&format!("s{at}"), &job(base, body)) }
    });
    let plan = Plan::new(Draft { steps: steps.collect(), ..Draft::default() }).expect("a chain is a plan");
    run(Request::new(plan))
}
