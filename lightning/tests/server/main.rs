//! The server over a real socket, with a client that knows as little as possible.

mod chaos;
mod clips;
mod connect;
mod faults;
mod http;
mod large;
mod limits;
mod queue;
mod quirks;
mod run;
mod support;
mod violations;
