//! Texts of modules that cross once for each child, however many runs import them.
//!
//! The parent decides everything: which number a text has, and when a child drops it. Equal texts are found by their content,
//! all of it: a digest could be made to collide, and the module of one tenant must not become that of another.

use std::collections::HashMap;

use bytes::Bytes;

use crate::channel::{Error, Pieces};
use crate::message::Module;

/// What a child has, as its parent knows.
#[derive(Debug)]
pub struct Given {
    by_text: HashMap<Bytes, Known>,
    bytes: usize,
    limit: usize,
    count: u64,
    runs: u64,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    number: u64,
    last_run: u64,
}

impl Given {
    /// Nothing yet; at most so many bytes later, unless one run needs more.
    pub fn new(limit: usize) -> Given {
        Given { by_text: HashMap::new(), bytes: 0, limit, count: 0, runs: 0 }
    }

    /// The modules of the next run as they cross, and what the child can drop. New texts are added to the bodies.
    pub fn give(&mut self, modules: &[(String, Bytes)], bodies: &mut Vec<Pieces>) -> (Vec<Module>, Vec<u64>) {
        self.runs += 1;
        let mut given = Vec::with_capacity(modules.len());
        for (url, text) in modules {
            let known = self.by_text.get_mut(text);
            let (number, body) = match known {
                Some(known) => {
                    known.last_run = self.runs;
                    (known.number, None)
                }
                None => {
                    self.count += 1;
                    self.bytes += text.len();
                    self.by_text.insert(text.clone(), Known { number: self.count, last_run: self.runs });
                    bodies.push(vec![text.clone()]);
                    (self.count, Some(bodies.len() as u32 - 1))
                }
            };
            given.push(Module { url: url.clone(), text: number, body });
        }
        (given, self.forget())
    }

    /// Drops what was not used for longest, but nothing of this run.
    fn forget(&mut self) -> Vec<u64> {
        if self.bytes <= self.limit {
            return Vec::new();
        }
        let mut old: Vec<(Known, Bytes)> = self
            .by_text
            .iter()
            .filter(|(_, known)| known.last_run < self.runs)
            .map(|(text, known)| (*known, text.clone()))
            .collect();
        old.sort_by_key(|(known, _)| (known.last_run, known.number));
        let mut forgotten = Vec::new();
        for (known, text) in old {
            if self.bytes <= self.limit {
                break;
            }
            self.bytes -= text.len();
            self.by_text.remove(&text);
            forgotten.push(known.number);
        }
        forgotten
    }
}

/// What a child has, at the child.
#[derive(Debug, Default)]
pub struct Kept(HashMap<u64, Bytes>);

impl Kept {
    /// The modules of a run, with their texts.
    ///
    /// # Errors
    /// When the parent believes that we have what we do not have.
    pub fn take(
        &mut self,
        modules: Vec<Module>,
        forget: &[u64],
        bodies: &[Bytes],
    ) -> Result<Vec<(String, Bytes)>, Error> {
        for number in forget {
            self.0.remove(number);
        }
        let mut taken = Vec::with_capacity(modules.len());
        for module in modules {
            if let Some(body) = module.body {
                let text = bodies.get(body as usize).ok_or(Error::Order("a module without its body"))?;
                // A copy: the body is a slice of memory that also holds the run's state.
                self.0.insert(module.text, Bytes::copy_from_slice(text));
            }
            let text = self.0.get(&module.text).ok_or(Error::Order("a module that was never given"))?;
            taken.push((module.url, text.clone()));
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_crosses_once() {
        let (mut given, mut kept) = (Given::new(10), Kept::default());
        let mut run = |modules: &[(&str, &'static str)]| {
            let modules: Vec<_> =
                modules.iter().map(|(url, text)| (url.to_string(), Bytes::from_static(text.as_bytes()))).collect();
            let mut bodies = vec![vec![Bytes::from_static(b"plan")]];
            let (crossing, forget) = given.give(&modules, &mut bodies);
            let flat: Vec<Bytes> = bodies.iter().map(|pieces| pieces.concat().into()).collect();
            assert_eq!(kept.take(crossing, &forget, &flat).unwrap(), modules);
            (bodies.len() - 1, forget, kept.0.len())
        };
        assert_eq!(run(&[("a", "aaaa"), ("b", "bbbb"), ("a2", "aaaa")]), (2, vec![], 2));
        assert_eq!(run(&[("a", "aaaa"), ("b", "bbbb")]), (0, vec![], 2));
        assert_eq!(run(&[("b", "bbbb")]), (0, vec![], 2));
        assert_eq!(run(&[("c", "cccc")]), (1, vec![1], 2));
        // The same address, another text.
        assert_eq!(run(&[("b", "BBBB")]), (1, vec![2], 2));
        // More than there should be, but all of one run.
        assert_eq!(run(&[("x", "xxxxxxxx"), ("y", "yyyyyyyy")]), (2, vec![3, 4], 2));
        assert_eq!(run(&[("a", "aaaa")]), (1, vec![5, 6], 1));
    }

    #[test]
    fn a_parent_that_errs_is_told() {
        let module = |body| Module { url: "a".into(), text: 1, body };
        assert!(Kept::default().take(vec![module(None)], &[], &[]).is_err());
        assert!(Kept::default().take(vec![module(Some(3))], &[], &[]).is_err());
    }
}
