//! What is measured: states of five shapes and any size, and jobs of five behaviours in chains and fans.
//!
//! Size and seed fix every byte of a state. Nothing in here knows V8 or starts anything: `cargo xtask generate` and
//! `cargo xtask bench` use it.
//!
//! | shape | what `data` is |
//! |---|---|
//! | `fhir` | a FHIR bundle: many records of a few hundred bytes (`xtask/src/fhir.rs`) |
//! | `text` | one huge string |
//! | `tree` | branches of objects, each up to 256 deep |
//! | `wide` | one object with a key for every 60 bytes |
//! | `matrix` | rows of 64 numbers |
//!
//! | behaviour | what each step does |
//! |---|---|
//! | `nothing` | returns its state |
//! | `one-key` | changes `state.cursor` |
//! | `map` | makes a new record of every record |
//! | `grow` | puts `data` into `references` and a tenth of its size of new records in its place, as adaptors do |
//! | `rewrite` | makes every string, number and object anew |

mod jobs;
mod shapes;

use serde_json::{Map, Value, json};

pub(crate) use shapes::write;

/// What a state looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Fhir,
    Text,
    Tree,
    Wide,
    Matrix,
}

impl Shape {
    pub(crate) const ALL: [Shape; 5] = [Shape::Fhir, Shape::Text, Shape::Tree, Shape::Wide, Shape::Matrix];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Shape::Fhir => "fhir",
            Shape::Text => "text",
            Shape::Tree => "tree",
            Shape::Wide => "wide",
            Shape::Matrix => "matrix",
        }
    }

    /// For `--help`.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Shape::Fhir => "A state that holds a FHIR bundle of made-up patients; size and seed fix every byte of it",
            Shape::Text => "A state that is one huge string",
            Shape::Tree => "A state of objects in objects, up to 256 deep",
            Shape::Wide => "A state that is one object with very many keys",
            Shape::Matrix => "A state of rows of numbers",
        }
    }
}

/// What the steps do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Nothing,
    OneKey,
    Map,
    Grow,
    Rewrite,
}

impl Behaviour {
    pub(crate) const ALL: [Behaviour; 5] =
        [Behaviour::Nothing, Behaviour::OneKey, Behaviour::Map, Behaviour::Grow, Behaviour::Rewrite];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Behaviour::Nothing => "nothing",
            Behaviour::OneKey => "one-key",
            Behaviour::Map => "map",
            Behaviour::Grow => "grow",
            Behaviour::Rewrite => "rewrite",
        }
    }
}

/// How the steps hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Graph {
    /// So many steps, one after another.
    Chain(u32),
    /// One step, and so many after it that all get its output.
    Fan(u32),
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) shape: Shape,
    pub(crate) behaviour: Behaviour,
    /// Bytes of the state.
    pub(crate) size: u64,
    pub(crate) graph: Graph,
}

impl Workload {
    /// Such as `fhir/one-key/10MB` or `fhir/one-key/10MB/fan-4`.
    pub(crate) fn name(&self) -> String {
        let name = format!("{}/{}/{}", self.shape.name(), self.behaviour.name(), size(self.size));
        match self.graph {
            Graph::Chain(1) => name,
            Graph::Chain(steps) => format!("{name}/chain-{steps}"),
            Graph::Fan(steps) => format!("{name}/fan-{steps}"),
        }
    }

    /// The workflow, in the form that OpenFn's runtime and `fulgurite run` both take, and its jobs as both take them uncompiled.
    pub(crate) fn workflow(&self) -> Value {
        let job = jobs::job(self.shape, self.behaviour, self.size);
        let step = |id: String, next: Map<String, Value>| match next.is_empty() {
            true => json!({ "id": id, "expression": job }),
            false => json!({ "id": id, "expression": job, "next": next }),
        };
        let steps: Vec<Value> = match self.graph {
            Graph::Chain(steps) => (1..=steps)
                .map(|at| {
                    let next = (at < steps).then(|| (format!("step-{}", at + 1), json!(true)));
                    step(format!("step-{at}"), next.into_iter().collect())
                })
                .collect(),
            Graph::Fan(steps) => {
                let leaves = (1..=steps).map(|at| format!("leaf-{at}"));
                let first = step("step-1".into(), leaves.clone().map(|leaf| (leaf, json!(true))).collect());
                std::iter::once(first).chain(leaves.map(|leaf| step(leaf, Map::new()))).collect()
            }
        };
        json!({ "workflow": { "name": "bench", "steps": steps }, "options": { "start": "step-1" } })
    }
}

/// `1KB`, `100MB`: names of decimal sizes.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        1_000_000.. => format!("{}MB", bytes / 1_000_000),
        1_000.. => format!("{}KB", bytes / 1_000),
        _ => format!("{bytes}B"),
    }
}

const KB: u64 = 1_000;
const MB: u64 = 1_000_000;

/// What fits into ten minutes: every shape and behaviour at one size, one shape at all sizes that Node gets through in that time, and
/// the graphs.
pub(crate) fn quick() -> Vec<Workload> {
    let chain = Graph::Chain(1);
    let fhir = |behaviour, size, graph| Workload { shape: Shape::Fhir, behaviour, size, graph };
    let mut all = Vec::new();
    for size in [KB, 100 * KB, MB, 10 * MB, 100 * MB] {
        all.push(fhir(Behaviour::OneKey, size, chain));
    }
    for size in [KB, 100 * KB, 10 * MB] {
        all.extend([Behaviour::Nothing, Behaviour::Map, Behaviour::Rewrite].map(|it| fhir(it, size, chain)));
    }
    all.push(fhir(Behaviour::Rewrite, 100 * MB, chain));
    for shape in Shape::ALL {
        all.extend(Behaviour::ALL.map(|behaviour| Workload { shape, behaviour, size: MB, graph: chain }));
    }
    for graph in [Graph::Chain(3), Graph::Chain(10), Graph::Fan(1), Graph::Fan(4), Graph::Fan(16)] {
        all.push(fhir(Behaviour::OneKey, 10 * MB, graph));
    }
    without_repeats(all)
}

/// Everything: hours, most of them Node's.
pub(crate) fn full() -> Vec<Workload> {
    let mut all = quick();
    for size in [KB, 100 * KB, MB, 10 * MB, 100 * MB, 500 * MB] {
        for shape in Shape::ALL {
            for behaviour in Behaviour::ALL {
                all.push(Workload { shape, behaviour, size, graph: Graph::Chain(1) });
            }
        }
    }
    for size in [KB, MB, 10 * MB, 100 * MB] {
        for graph in [Graph::Chain(3), Graph::Chain(10), Graph::Fan(1), Graph::Fan(4), Graph::Fan(16)] {
            for shape in Shape::ALL {
                for behaviour in [Behaviour::OneKey, Behaviour::Map] {
                    all.push(Workload { shape, behaviour, size, graph });
                }
            }
        }
    }
    without_repeats(all)
}

fn without_repeats(all: Vec<Workload>) -> Vec<Workload> {
    let mut kept: Vec<Workload> = Vec::new();
    for workload in all {
        if !kept.contains(&workload) {
            kept.push(workload);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_workloads_have_one_name() {
        let mut names: Vec<String> = full().iter().map(Workload::name).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn the_quick_set_is_a_part_of_the_full_one() {
        let full = full();
        assert!(quick().iter().all(|workload| full.contains(workload)));
        let one = |shape, behaviour| quick().iter().any(|it| it.shape == shape && it.behaviour == behaviour);
        assert!(Shape::ALL.iter().all(|shape| Behaviour::ALL.iter().all(|behaviour| one(*shape, *behaviour))));
    }

    #[test]
    fn workflows_lead_from_step_to_step() {
        let it = |graph| Workload { shape: Shape::Fhir, behaviour: Behaviour::Nothing, size: KB, graph };
        let chain = it(Graph::Chain(3)).workflow();
        assert_eq!(chain["workflow"]["steps"][1]["next"], json!({ "step-3": true }));
        assert!(chain["workflow"]["steps"][2].get("next").is_none());
        let fan = it(Graph::Fan(4)).workflow();
        assert_eq!(fan["workflow"]["steps"].as_array().unwrap().len(), 5);
        assert_eq!(fan["workflow"]["steps"][0]["next"].as_object().unwrap().len(), 4);
        assert_eq!(it(Graph::Fan(4)).name(), "fhir/nothing/1KB/fan-4");
    }
}
