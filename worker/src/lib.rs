//! The worker.

#![cfg(target_os = "linux")]
