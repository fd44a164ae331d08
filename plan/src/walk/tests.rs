//! Stories as tables, and random graphs against a model that is too naive to be wrong.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::outcome::{KillReason, Reason};
use crate::plan::{Condition, Draft, DraftEdge, DraftStep};

/// Walks with states that say how they came about (`in/a/b`). Steps in `failing` fail, those in `undefined` give
/// nothing. An expression is a number: it holds until the upstream step has run that often.
fn walk(plan: &Plan, failing: &[&str], undefined: &[&str]) -> (Vec<String>, Vec<(String, String)>, Outcome) {
    let mut order = Vec::new();
    let mut walk = Walk::new(plan, "in".to_owned());
    while let Some(visit) = walk.next() {
        let step = &plan[visit.step];
        let id = step.id.as_str();
        order.push(id.to_owned());
        let failed = failing.contains(&id);
        let followed = step.next.iter().map(|edge| match &edge.condition {
            Condition::Expression(times) => visit.execution < times.parse().unwrap(),
            condition => condition.decide(failed).unwrap(),
        });
        let followed = followed.collect();
        let input = visit.input.as_deref().unwrap_or("{}");
        let output = (!undefined.contains(&id)).then(|| format!("{input}/{id}"));
        let failure = failed.then(|| ErrorReport::new("JobError", id));
        walk.complete(visit, Completion { output, failure, followed });
    }
    let outcome = walk.run_outcome();
    (order, walk.into_results(), outcome)
}

fn draft(text: &str) -> Draft {
    crate::plan::tests::draft(text)
}

#[track_caller]
fn check(draft: Draft, failing: &[&str], order: &str, results: &str, failure: Option<&str>) {
    let plan = Plan::new(draft).unwrap();
    let (got_order, got_results, outcome) = walk(&plan, failing, &[]);
    assert_eq!(got_order.join(" "), order);
    let got_results: Vec<_> = got_results.into_iter().map(|(name, state)| format!("{name}={state}")).collect();
    assert_eq!(got_results.join(" "), results);
    assert_eq!(outcome.error().map(|error| error.message.as_str()), failure);
}

#[test]
fn orders_and_results() {
    check(draft("a"), &[], "a", "a=in/a", None);
    check(draft("a>b b>c c"), &[], "a b c", "c=in/a/b/c", None);
    check(draft("s>a s>b a>x b>x x"), &[], "s a b x x", "x=in/s/a/x x-1=in/s/b/x", None);
    check(draft("s>a s>b a>x b>x x>y y"), &[], "s a b x x y y", "y=in/s/a/x/y y-1=in/s/b/x/y", None);
    check(draft("a>b a>c b c>d d"), &[], "a b c d", "b=in/a/b d=in/a/c/d", None);
    // The order of edges is the order of the document.
    check(draft("a>c a>b b c"), &[], "a c b", "c=in/a/c b=in/a/b", None);
    // A trigger whose edges are all disabled.
    check(draft("t>a:never a"), &[], "t", "t=in/t", None);
    // Two edges between the same two steps.
    check(draft("a>b a>b:on_job_success b"), &[], "a b b", "b=in/a/b b-1=in/a/b", None);
}

#[test]
fn names_of_repeats_stay_apart() {
    check(draft("s>x s>x:on_job_success s>x-1 x x-1"), &[], "s x x x-1", "x=in/s/x x-2=in/s/x x-1=in/s/x-1", None);
    // The number counts executions, not results: the first one went on.
    check(draft("s>s:2"), &[], "s s", "s-1=in/s/s", None);
}

#[test]
fn end_stops_with_work_queued() {
    let end = |end: &str, text| Draft { end: Some(end.into()), ..draft(text) };
    check(end("a", "s>a s>b a>c b c"), &[], "s a", "a=in/s/a", None);
    check(end("s", "s>a a"), &[], "s", "s=in/s", None);
    check(end("b", "s>a s>b a>c b c"), &[], "s a b", "b=in/s/b", None);
    // A leaf reached before the end keeps its result.
    check(end("b", "s>a s>b a b>c c"), &[], "s a b", "a=in/s/a b=in/s/b", None);
    check(Draft { start: Some("a".into()), ..end("a", "s>a a>b b") }, &[], "a", "a=in/a", None);
    check(end("c", "a b>c c"), &[], "a", "a=in/a", None);
}

#[test]
fn failures() {
    check(draft("a"), &["a"], "a", "a=in/a", Some("a"));
    check(draft("a>b:on_job_success b"), &["a"], "a", "a=in/a", Some("a"));
    check(draft("a>b:on_job_failure b"), &["a"], "a b", "b=in/a/b", None);
    check(draft("a>b b"), &["a"], "a b", "b=in/a/b", None);
    check(draft("a>b b"), &["a", "b"], "a b", "b=in/a/b", Some("b"));
    // The first in the order of the plan, not of execution.
    check(draft("s>b s>a a b"), &["a", "b"], "s b a", "b=in/s/b a=in/s/a", Some("a"));
    // `a` led nowhere, but its next step ran all the same: not a leaf step.
    check(draft("s>a s>b a>x:on_job_success b>x x"), &["a"], "s a b x", "a=in/s/a x=in/s/b/x", None);
}

#[test]
fn a_leaf_that_failed_once_and_then_not_has_failed() {
    let plan = Plan::new(draft("s>x s>x:always x")).unwrap();
    let mut walk = Walk::new(&plan, ());
    while let Some(visit) = walk.next() {
        let failure = (visit.step.get() == 1 && visit.execution == 1).then(|| ErrorReport::new("JobError", "once"));
        let followed = vec![true; plan[visit.step].next.len()];
        walk.complete(visit, Completion { output: Some(()), failure, followed });
    }
    assert_eq!(walk.run_outcome().reason(), Reason::Fail);
}

#[test]
fn a_loop_goes_on_while_its_condition_holds() {
    check(draft("a>b b>a:3 b>c:on_job_failure c"), &[], "a b a b a b", "b-2=in/a/b/a/b/a/b", None);
}

#[test]
fn undefined_is_no_result_and_an_empty_input() {
    let plan = Plan::new(draft("a>b a>c b c")).unwrap();
    let (order, results, _) = walk(&plan, &[], &["a", "c"]);
    assert_eq!(order, ["a", "b", "c"]);
    assert_eq!(results, [("b".to_owned(), "{}/b".to_owned())]);
}

#[test]
fn abort_stops_at_once_and_wins() {
    let plan = Plan::new(draft("s>a s>b a b>c c")).unwrap();
    let mut walk = Walk::new(&plan, ());
    let mut order = Vec::new();
    while let Some(visit) = walk.next() {
        order.push(plan[visit.step].id.as_str());
        if order.last() == Some(&"b") {
            let outcome = Outcome::Kill(KillReason::Cpu, ErrorReport::new("TimeoutError", "too long"));
            walk.abort(visit, outcome);
            continue;
        }
        let failure = (order.last() == Some(&"a")).then(|| ErrorReport::new("JobError", "a"));
        let followed = vec![true; plan[visit.step].next.len()];
        walk.complete(visit, Completion { output: Some(()), failure, followed });
    }
    assert_eq!(order, ["s", "a", "b"]);
    assert_eq!(walk.results(), [("a".to_owned(), ())]);
    assert_eq!(walk.run_outcome().reason(), Reason::Kill);
}

#[test]
fn callers_and_counts() {
    let plan = Plan::new(draft("s>a s>b a>x b>x x")).unwrap();
    let mut walk = Walk::new(&plan, ());
    let mut seen = Vec::new();
    while let Some(visit) = walk.next() {
        let name = |step: StepIndex| plan[step].id.to_string();
        seen.push(format!("{}{}<{}", name(visit.step), visit.execution, visit.caller.map(name).unwrap_or_default()));
        let followed = vec![true; plan[visit.step].next.len()];
        walk.complete(visit, Completion { output: Some(()), failure: None, followed });
    }
    assert_eq!(seen, ["s1<", "a1<s", "b1<s", "x1<a", "x2<b"]);
}

fn looping(limit: Option<u32>) -> Plan {
    let mut draft = draft("a>b b>a:true b>c:never c");
    draft.steps[1].next[0].max_iterations = limit.and_then(std::num::NonZeroU32::new);
    Plan::new(draft).unwrap()
}

/// Follows every edge; answers how many steps ran, and how it ended.
fn follow_all(mut walk: Walk<&Plan, ()>) -> (u32, String) {
    let mut ran = 0;
    while let Some(visit) = walk.next() {
        ran += 1;
        let followed = walk.plan[visit.step].next.iter().map(|edge| edge.condition != Condition::Never).collect();
        walk.complete(visit, Completion { output: Some(()), failure: None, followed });
    }
    (ran, walk.run_outcome().error().map_or_else(String::new, |error| format!("{}: {}", error.name, error.message)))
}

#[test]
fn loops_have_budgets() {
    let limit = |times: &str| format!("LoopLimitError: the edge `b` -> `a` was to be followed more than {times}");
    assert_eq!(follow_all(Walk::new(&looping(None), ())), (20_002, limit("10000 times")));
    assert_eq!(follow_all(Walk::new(&looping(Some(3)), ())), (8, limit("3 times")));
    assert_eq!(follow_all(Walk::new(&looping(Some(1)), ())), (4, limit("once")));
    let spent =
        "LoopLimitError: the run has executed as many steps as it may; it was about to follow the edge `a` -> `b`";
    assert_eq!(follow_all(Walk::new(&looping(None), ()).within(4)), (5, spent.to_owned()));
    // With a budget of its own, even a cycle that nothing else could end is a plan.
    let mut draft = draft("a>b b>a");
    draft.steps[1].next[0].max_iterations = std::num::NonZeroU32::new(2);
    assert_eq!(follow_all(Walk::new(&Plan::new(draft).unwrap(), ())).0, 6);
}

#[test]
fn edges_that_lead_back_have_a_limit() {
    let limits = |text: &str| -> Vec<Option<u32>> {
        let plan = Plan::new(draft(text)).unwrap();
        plan.steps().iter().flat_map(|step| &step.next).map(crate::Edge::limit).collect()
    };
    assert_eq!(limits("a>b b>c c>b:true c>d d"), [None, None, Some(10_000), None]);
    assert_eq!(limits("a>a:true a>b b"), [Some(10_000), None]);
    assert_eq!(limits("s>a s>b a>x b>x x"), [None; 4]);
    // Followed from the start, wherever that stands.
    assert_eq!(limits("a>b b>c c>a:never"), [None; 3]);
}

/// A random plan of up to 8 steps. Edges lead to later steps only, so that the walk ends; their conditions are random.
fn any_draft() -> impl Strategy<Value = (Draft, Vec<bool>)> {
    let condition = prop_oneof![
        Just(Condition::Always),
        Just(Condition::OnSuccess),
        Just(Condition::OnFailure),
        Just(Condition::Never),
    ];
    (1usize..8)
        .prop_flat_map(move |count| {
            let edges = proptest::collection::vec((0..count, 0..count, condition.clone()), 0..14);
            let failing = proptest::collection::vec(any::<bool>(), count);
            (Just(count), edges, failing, proptest::option::of(0..count))
        })
        .prop_map(|(count, edges, failing, end)| {
            let mut steps: Vec<_> =
                (0..count).map(|n| DraftStep { id: Some(format!("s{n}")), ..DraftStep::default() }).collect();
            for (from, to, condition) in edges {
                if from < to {
                    steps[from].next.push(DraftEdge::new(format!("s{to}"), condition));
                }
            }
            (Draft { steps, end: end.map(|n| format!("s{n}")), ..Draft::default() }, failing)
        })
}

/// The rules again, on plain lists and without any of the walk's code: levels instead of a queue.
fn model(draft: &Draft, failing: &[bool]) -> (Vec<String>, BTreeMap<String, String>, Option<String>) {
    let number = |id: &str| draft.steps.iter().position(|step| step.id.as_deref() == Some(id)).unwrap();
    let mut order = Vec::new();
    let mut results = BTreeMap::new();
    let mut level = vec![(0, "in".to_owned())];
    'run: while !level.is_empty() {
        let mut next_level = Vec::new();
        for (step, input) in level {
            let id = format!("s{step}");
            let output = format!("{input}/{id}");
            let earlier = order.iter().filter(|other| **other == id).count();
            order.push(id.clone());
            let name = if earlier == 0 { id.clone() } else { format!("{id}-{earlier}") };
            if draft.end.as_ref() == Some(&id) {
                results.insert(name, output);
                break 'run;
            }
            let before = next_level.len();
            for edge in &draft.steps[step].next {
                let follow = match edge.condition {
                    Condition::Always => true,
                    Condition::OnSuccess => !failing[step],
                    Condition::OnFailure => failing[step],
                    _ => false,
                };
                if follow {
                    next_level.push((number(&edge.target), output.clone()));
                }
            }
            if next_level.len() == before {
                results.insert(name, output);
            }
        }
        level = next_level;
    }
    let ran = |id: &String| order.contains(id);
    let failure = (0..draft.steps.len())
        .find(|&n| failing[n] && ran(&format!("s{n}")) && !draft.steps[n].next.iter().any(|edge| ran(&edge.target)))
        .map(|n| format!("s{n}"));
    (order, results, failure)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn walks_as_the_model_does((draft, failing) in any_draft()) {
        let (order, results, failure) = model(&draft, &failing);
        let failing_ids: Vec<String> =
            failing.iter().enumerate().filter(|(_, failing)| **failing).map(|(n, _)| format!("s{n}")).collect();
        let failing_ids: Vec<&str> = failing_ids.iter().map(String::as_str).collect();
        let plan = Plan::new(draft).unwrap();
        let (got_order, got_results, outcome) = walk(&plan, &failing_ids, &[]);
        prop_assert_eq!(got_order, order);
        prop_assert_eq!(got_results.len(), results.len());
        prop_assert_eq!(got_results.into_iter().collect::<BTreeMap<_, _>>(), results);
        prop_assert_eq!(outcome.error().map(|error| error.message.clone()), failure);
    }

    /// Any graph, cycles included: either a plan or one named cycle, and the cycle is really there.
    #[test]
    fn a_refused_cycle_is_one(
        edges in proptest::collection::vec((0usize..6, 0usize..6, any::<bool>()), 0..12),
    ) {
        let mut steps: Vec<_> =
            (0..6).map(|n| DraftStep { id: Some(format!("s{n}")), ..DraftStep::default() }).collect();
        for &(from, to, conditional) in &edges {
            let condition = if conditional { Condition::OnSuccess } else { Condition::Always };
            steps[from].next.push(DraftEdge::new(format!("s{to}"), condition));
        }
        // Transitive closure of the unconditional edges: there is an endless cycle when something reaches itself.
        let mut reaches = [[false; 6]; 6];
        for &(from, to, conditional) in &edges {
            reaches[from][to] |= !conditional;
        }
        for via in 0..6 {
            for from in 0..6 {
                for to in 0..6 {
                    reaches[from][to] |= reaches[from][via] && reaches[via][to];
                }
            }
        }
        let endless = (0..6).any(|n| reaches[n][n]);
        match Plan::new(Draft { steps, ..Draft::default() }) {
            Ok(_) => prop_assert!(!endless),
            Err(crate::plan::Error::Circular { cycle }) => {
                let numbers: Vec<usize> = cycle.iter().map(|id| id.as_str()[1..].parse().unwrap()).collect();
                for (i, &from) in numbers.iter().enumerate() {
                    let to = numbers[(i + 1) % numbers.len()];
                    prop_assert!(edges.contains(&(from, to, false)));
                }
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
