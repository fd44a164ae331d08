//! The error stream: whole lines, and at its end at most one live line, which is gone before anything else appears.
//!
//! Everything that this process prints for people goes through here: the log, reports, and tracing's lines. A reader that
//! went away is no error.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The error stream of this process.
#[derive(Debug)]
pub struct Screen {
    style: Style,
    live: Mutex<bool>,
}

/// What the error stream can show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// It is a terminal: a line can be taken back.
    pub terminal: bool,
    /// It shows colours.
    pub color: bool,
}

/// A colour of the terminal's own palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Errors.
    Red,
    /// Warnings.
    Yellow,
    /// What went well.
    Green,
    /// Frames and gutters.
    Blue,
    /// What matters less.
    Dim,
    /// What matters more.
    Bold,
}

impl Style {
    /// The text in a colour, where there are colours.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Red => "1;31",
            Paint::Yellow => "1;33",
            Paint::Green => "32",
            Paint::Blue => "34",
            Paint::Dim => "2",
            Paint::Bold => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

impl Screen {
    /// A screen with nothing on it.
    pub fn new(style: Style) -> Screen {
        Screen { style, live: Mutex::new(false) }
    }

    /// What it can show.
    pub fn style(&self) -> Style {
        self.style
    }

    /// Prints text that ends with a line break, in one write.
    pub fn print(&self, text: &str) {
        self.write(text.as_bytes());
    }

    /// Shows the live line, in place of the one before. Does nothing where lines cannot be taken back.
    pub fn live(&self, line: &str, paint: Paint) {
        if !self.style.terminal {
            return;
        }
        let width = terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| usize::from(width.0));
        let line: String = visible(line).chars().take(width.saturating_sub(1)).collect();
        let line = self.style.paint(paint, &line);
        let mut live = self.lock();
        let _ = io::stderr().write_all(format!("\r\x1b[2K{line}").as_bytes());
        *live = true;
    }

    /// Takes the live line back.
    pub fn clear(&self) {
        self.write(b"");
    }

    fn write(&self, text: &[u8]) {
        let mut live = self.lock();
        if std::mem::take(&mut *live) {
            let _ = io::stderr().write_all(b"\r\x1b[2K");
        }
        let _ = io::stderr().write_all(text);
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For tracing, which writes each of its lines with one call.
impl Write for &Screen {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        Screen::write(self, text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The text with everything that could steer a terminal made visible. What jobs log, and what errors quote, is not ours.
/// Line breaks and tabs stay.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            // What turns the reading direction makes a line say something else than it means.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => shown.extend(c.escape_unicode()),
            '\r' => shown.push_str("\\r"),
            _ if c.is_control() => shown.extend(c.escape_unicode()),
            _ => shown.push(c),
        }
    }
    shown
}
