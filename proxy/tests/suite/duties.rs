//! What a proxy owes to clients and endpoints, to the byte, over raw sockets.
//!
//! hyper leaves sixteen duties to a proxy; each is a row or several in these tables, and so are
//! the known ways to make two servers read one request differently.

mod bodies;
mod fields;
mod framing;
mod h2;
mod head;
mod table;
