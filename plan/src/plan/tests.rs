//! Tables: one line, one case.

use super::*;

/// A plan from `"a>b b>c:on_job_failure c"`: steps in order of appearance on the left, edges with their condition.
pub(crate) fn draft(text: &str) -> Draft {
    let mut steps: Vec<DraftStep> = Vec::new();
    for word in text.split_whitespace() {
        let (id, edge) = word.split_once('>').map_or((word, None), |(id, edge)| (id, Some(edge)));
        let at = steps.iter().position(|step| step.id.as_deref() == Some(id)).unwrap_or_else(|| {
            steps.push(DraftStep { id: Some(id.into()), ..DraftStep::default() });
            steps.len() - 1
        });
        if let Some(edge) = edge {
            let (target, condition) = edge.split_once(':').unwrap_or((edge, "always"));
            let condition = Condition::parse(condition);
            steps[at].next.push(DraftEdge::new(target, condition));
        }
    }
    Draft { steps, ..Draft::default() }
}

#[test]
fn conditions() {
    #[track_caller]
    fn check(text: &str, expected: Condition, decisions: [Option<bool>; 2]) {
        let condition = Condition::parse(text);
        assert_eq!(condition, expected, "{text}");
        assert_eq!([condition.decide(false), condition.decide(true)], decisions, "{text}");
    }
    check("always", Condition::Always, [Some(true), Some(true)]);
    check(" always\n", Condition::Always, [Some(true), Some(true)]);
    check("on_job_success", Condition::OnSuccess, [Some(true), Some(false)]);
    check("on_upstream_success", Condition::OnSuccess, [Some(true), Some(false)]);
    check("on_job_failure", Condition::OnFailure, [Some(false), Some(true)]);
    check("on_upstream_fail", Condition::OnFailure, [Some(false), Some(true)]);
    check("never", Condition::Never, [Some(false), Some(false)]);
    check("", Condition::Never, [Some(false), Some(false)]);
    check("  ", Condition::Never, [Some(false), Some(false)]);
    check("true", Condition::Expression("true".into()), [None, None]);
    check("!state.errors", Condition::Expression("!state.errors".into()), [None, None]);
    check("Always", Condition::Expression("Always".into()), [None, None]);
}

#[test]
fn cycles() {
    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let got = Plan::new(draft(text)).err().map(|error| error.to_string());
        let expected = expected.map(|cycle| {
            format!(
                "circular dependency: {cycle}: put a condition or `max_iterations` on one of these edges, or remove one"
            )
        });
        assert_eq!(got, expected, "{text}");
    }
    check("a>b b", None);
    check("a>b a>c b>d c>d d", None);
    check("a>a", Some("a -> a"));
    check("a>b b>a", Some("a <-> b"));
    check("a>b b>c c>a", Some("a -> b -> c -> a"));
    check("t>a a>b b>c c>b", Some("b <-> c"));
    // Out of reach of the start, yet still a plan that cannot be meant.
    check("a b>c c>b", Some("b <-> c"));
    check("a>b b>a:on_job_failure", None);
    check("a>b:on_job_success b>a", None);
    check("a>a:state.more", None);
    check("a>b b>c c>a:never", None);
    // One legal cycle does not hide an endless one.
    check("a>b b>a:state.more b>c c>b", Some("b <-> c"));
    check("a>b b>a:on_job_failure b>a", Some("a <-> b"));
}

#[test]
fn a_long_chain_needs_no_stack() {
    let text: String = (0..100_000).map(|n| format!("s{n}>s{} ", n + 1)).collect();
    let plan = Plan::new(draft_fast(&text)).unwrap();
    assert_eq!(plan.steps().len(), 100_001);
}

/// `draft` searches by position; this one knows that every step appears once.
fn draft_fast(text: &str) -> Draft {
    let mut steps: Vec<DraftStep> = text
        .split_whitespace()
        .map(|word| {
            let (id, target) = word.split_once('>').unwrap();
            let edge = DraftEdge::new(target, Condition::Always);
            DraftStep { id: Some(id.into()), next: vec![edge], ..DraftStep::default() }
        })
        .collect();
    let last = steps.last().unwrap().next[0].target.clone();
    steps.push(DraftStep { id: Some(last), ..DraftStep::default() });
    Draft { steps, ..Draft::default() }
}

#[test]
fn refusals() {
    #[track_caller]
    fn check(draft: Draft, expected: &str) {
        assert_eq!(Plan::new(draft).unwrap_err().to_string(), expected);
    }
    check(Draft::default(), "a workflow needs at least one step: add one to `steps`");
    check(
        Draft { start: Some("fetcg".into()), ..draft("fetch load") },
        "the start step is not one of the steps: `fetcg` (did you mean `fetch`?)",
    );
    check(
        Draft { end: Some("x".into()), ..draft("fetch load") },
        "the end step is not one of the steps: `x` (the steps are `fetch`, `load`)",
    );
    check(draft("a>bb bc"), "`next` of step `a` leads to a step that does not exist: `bb` (the steps are `a`, `bc`)");
    check(
        draft("a b c d e f g h i j>x"),
        "`next` of step `j` leads to a step that does not exist: `x` \
         (the steps are `a`, `b`, `c`, `d`, `e`, `f`, `g`, `h` and 2 more)",
    );
    let mut twice = draft("a b");
    twice.steps[1].id = Some("a".into());
    check(twice, "steps 1 and 2 are both called `a`: give one of them another id");
    let mut empty = draft("a b");
    empty.steps[1].id = Some(String::new());
    check(empty, "step 2 has an empty id: give it a name, or leave `id` out to have it numbered");
    let mut state = draft("a");
    let mut job = Job::new(Source { name: "a.js".into(), text: "".into() });
    job.state = Some(RawValue::from_string("[]".into()).unwrap().into());
    state.steps[0].job = Some(job);
    check(state, "the default `state` of step `a` is not an object: write `{\"data\": …}`");
}

#[test]
fn steps_without_an_id_are_numbered() {
    let mut draft = draft("a job-2 b c");
    for unnamed in [0, 2, 3] {
        draft.steps[unnamed].id = None;
    }
    let plan = Plan::new(draft).unwrap();
    let ids: Vec<_> = plan.steps().iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["job-1", "job-2", "job-3", "job-4"]);
    assert_eq!(plan.start().get(), 0);
}

#[test]
fn find() {
    let mut draft = draft("fetch-all fetch-one load x");
    draft.steps[2].name = Some("Load patients".into());
    draft.steps[3].name = Some("load".into());
    let plan = Plan::new(draft).unwrap();
    let check = |query: &str, expected: Result<&str, &str>| {
        let found = plan.find(query).map(|index| plan[index].id.to_string()).map_err(|error| error.to_string());
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{query}");
    };
    check("fetch-one", Ok("fetch-one"));
    check("load", Ok("load")); // an exact id wins over an exact name
    check("Load patients", Ok("load"));
    check("PATIENTS", Ok("load"));
    check("One", Ok("fetch-one"));
    check("x", Ok("x"));
    check("fetch", Err("`fetch` could be any of `fetch-all`, `fetch-one`: write the whole id of the one you mean"));
    check("fetchhone", Err("no step is called like that: `fetchhone` (did you mean `fetch-one`?)"));
    check("zz", Err("no step is called like that: `zz` (the steps are `fetch-all`, `fetch-one`, `load`, `x`)"));
    check("", Err("no step is called like that: `` (the steps are `fetch-all`, `fetch-one`, `load`, `x`)"));
}

#[test]
fn two_steps_of_one_name_are_ambiguous_unless_the_id_says_which() {
    let mut draft = draft("a b");
    for step in &mut draft.steps {
        step.name = Some("same".into());
    }
    let plan = Plan::new(draft).unwrap();
    assert!(matches!(plan.find("same"), Err(FindError::Ambiguous { candidates, .. }) if candidates.len() == 2));
    assert_eq!(plan.find("b").map(StepIndex::get), Ok(1));
}

#[test]
fn only_is_start_and_end() {
    let plan = Plan::new(draft("a>b b>c c")).unwrap();
    let b = plan.find("b").unwrap();
    let plan = plan.only(b);
    assert_eq!((plan.start(), plan.end()), (b, Some(b)));
}

#[test]
fn debug_shows_no_secret() {
    let secret: Map<String, Value> = serde_json::from_str(r#"{"password":"hunter2"}"#).unwrap();
    let mut draft = draft("a");
    let mut job = Job::new(Source { name: "a.js".into(), text: "".into() });
    job.configuration = Some(Configuration::Inline(secret.clone()));
    draft.steps[0].job = Some(job);
    draft.credentials = secret;
    let text = format!("{draft:?} {:?}", Plan::new(draft.clone()).unwrap());
    assert!(!text.contains("hunter2"), "{text}");
}
