//! The client's side of Phoenix channels.
