//! The live line of a run that takes its time: which step, for how long, with how much memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fulgurite_runtime::{Event, Execution};

use crate::screen::{Paint, Screen};
use crate::units;

/// Runs that are over by then show no live line.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the line is drawn anew.
pub const TICK: Duration = Duration::from_millis(100);

/// Draws the live line.
pub struct Progress {
    screen: Arc<Screen>,
    started: Instant,
    drawn: Option<Instant>,
    turn: usize,
    /// Executions that ended.
    done: usize,
    /// The step that runs, and those that it calls, in the order in which they began.
    current: Vec<Current>,
}

struct Current {
    execution: Execution,
    step: String,
    started: Instant,
    bytes_in: usize,
}

impl Progress {
    /// Nothing is drawn before some time has passed.
    pub fn new(screen: Arc<Screen>) -> Progress {
        Progress { screen, started: Instant::now(), drawn: None, turn: 0, done: 0, current: Vec::new() }
    }

    /// Keeps up with the run.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::StepStart(step) => {
                let name = step.name.as_deref().unwrap_or(step.step.as_str());
                self.current.push(Current {
                    execution: step.execution,
                    step: name.to_owned(),
                    started: Instant::now(),
                    bytes_in: step.bytes_in,
                });
            }
            Event::StepComplete(step) => {
                self.done += 1;
                self.current.retain(|current| current.execution != step.execution);
            }
            Event::RunStart(_) | Event::Log(_) | Event::RunComplete(_) => {}
        }
    }

    /// Draws the line, if it is time to: with the bytes of V8 heap in use, 0 while nothing is known. To be called every [`TICK`]
    /// or more often.
    pub fn draw(&mut self, heap: usize) {
        let now = Instant::now();
        if !self.screen.style().terminal
            || now - self.started < PATIENCE
            || self.drawn.is_some_and(|drawn| now - drawn < TICK)
        {
            return;
        }
        self.drawn = Some(now);
        self.turn += 1;
        const FRAMES: [char; 4] = ['◐', '◓', '◑', '◒'];
        let mut line = format!("{} ", FRAMES[self.turn % FRAMES.len()]);
        match self.current.last() {
            Some(current) => {
                let elapsed = now - current.started;
                let bytes = units::bytes(current.bytes_in);
                line.push_str(&format!("{} · {} · {bytes} in", current.step, seconds(elapsed)));
            }
            None => line.push_str("between steps"),
        }
        // Nothing is known of the heap before the first garbage collection.
        match heap {
            0 => {}
            heap => line.push_str(&format!(" · heap {}", units::bytes(heap))),
        }
        if self.done > 0 {
            let all = now - self.started;
            line.push_str(&format!(" · {} done · {} in all", units::count(self.done, "step"), seconds(all)));
        }
        self.screen.live(&line, Paint::Dim);
    }
}

/// Tenths of seconds: finer digits would only flicker.
fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(60) { format!("{:.1} s", time.as_secs_f64()) } else { units::time(time) }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.screen.clear();
    }
}
