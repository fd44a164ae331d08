//! A Lightning server in memory.
