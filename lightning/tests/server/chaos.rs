//! A worker that asks until it is answered, under cuts at random: nothing is held against it, and nothing is lost.

use fulgurite_lightning::{Chaos, Config, NewRun, RunState};
use serde_json::{Value, json};

use crate::support::{CLIP, STEP, Scene, Worker, plan};

impl Scene {
    /// Connects and joins until that has worked.
    async fn recover(&mut self) {
        loop {
            self.worker = Worker::connect(&self.server).await;
            if self.ask("phx_join", json!({"token": self.token})).await == json!(["ok", {}]) {
                return;
            }
        }
    }

    /// Asks until there is an answer. A crash says that it was stored before.
    async fn insist(&mut self, event: &str, payload: Value) {
        loop {
            let reply = self.ask(event, payload.clone()).await;
            match reply[0].as_str() {
                Some("ok") => return,
                Some("error") => {
                    assert_eq!(reply, json!(["error", {"state": ["already in completed state"]}]), "{event}");
                    return;
                }
                _ if reply == "phx_error" => {
                    if self.ask("phx_join", json!({"token": self.token})).await != json!(["ok", {}]) {
                        self.recover().await;
                    }
                    return;
                }
                // A binary reply, too, is text.
                _ if reply != "broken" => return,
                _ => self.recover().await,
            }
        }
    }

    /// Sends lines one behind the other, and all of them again until each has been answered.
    async fn insist_on_lines(&mut self, lines: &[Value]) {
        loop {
            let (topic, mut refs) = (self.topic.clone(), Vec::new());
            for line in lines {
                refs.push(self.worker.send(&topic, "run:log", line.clone()).await);
            }
            let mut answered = 0;
            for reference in refs {
                if self.worker.answer(&reference).await == "broken" {
                    break;
                }
                answered += 1;
            }
            if answered == lines.len() {
                return;
            }
            self.recover().await;
        }
    }
}

#[tokio::test]
async fn a_stubborn_worker_gets_through() {
    let mut cuts = 0;
    for seed in 0..30 {
        let mut scene = Scene::with(Config::default(), NewRun::new(plan(), "{}")).await;
        scene.handle.chaos(Chaos { seed, every: 4, limit: None, spare: vec![] });
        let input = scene.handle.run(&scene.run).unwrap().dataclip_id;
        let mut at = 1_767_225_600_000_000_i64;
        let mut lines = |step: Option<&str>| -> Vec<Value> {
            let line = |n: i64| json!({"timestamp": (at + n).to_string(), "message": [n], "step_id": step});
            let lines = (1..=4).map(line).collect();
            at += 4;
            lines
        };
        scene.insist("fetch:plan", json!({})).await;
        scene.insist("fetch:dataclip", json!({"id": input})).await;
        scene.insist("run:start", json!({})).await;
        scene.insist_on_lines(&lines(None)).await;
        scene.insist("step:start", json!({"step_id": STEP, "job_id": "a", "input_dataclip_id": input})).await;
        scene.insist_on_lines(&lines(Some(STEP))).await;
        let done = json!({"step_id": STEP, "reason": "success", "output_dataclip": "{}", "output_dataclip_id": CLIP});
        scene.insist("step:complete", done).await;
        scene.insist_on_lines(&lines(None)).await;
        scene.insist("run:complete", json!({"reason": "success", "final_dataclip_id": CLIP})).await;

        let run = scene.handle.wait(&scene.run).await;
        assert_eq!((run.state, run.steps.len()), (RunState::Success, 1), "seed {seed}");
        let mut stamps: Vec<i64> = run.logs.iter().map(|line| line.timestamp).collect();
        stamps.sort_unstable();
        stamps.dedup();
        assert_eq!(stamps.len(), 12, "seed {seed}");
        assert_eq!(scene.handle.violations(), Vec::<String>::new(), "seed {seed}: {:#?}", scene.handle.cuts());
        cuts += scene.handle.cuts().len();
    }
    assert!(cuts > 100, "{cuts}");
}
