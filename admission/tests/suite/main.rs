//! What the webhook says of objects, without a network.

#![cfg(test)]

#[path = "../../../controller/translate/tests/support/mod.rs"]
mod support;

#[path = "../../../controller/translate/tests/corpus/payload.rs"]
mod payload;

mod corpus;
mod golden;
mod hostile;
mod reviews;

mod site;
