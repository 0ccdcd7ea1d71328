//! What the controller and a proxy say to each other: one JSON object a line, both ways.
//!
//! A proxy says what it has, the controller says what is different, and the proxy says whether it
//! could take that. A delta may come in several lines; it is applied when it is said to be whole.
//! What the other side does not know is passed over where that is harmless, and closed where it
//! is not: a message, a resource or a field can be new, but a route that cannot be read as it was
//! meant answers 503.

mod buffer;
mod lines;
mod read;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::route::Origin;

pub use buffer::{LineBuffer, LineTooLong};
pub use lines::{Lines, TooLarge};

/// The version of the messages; it grows when one side must know what the other can read, at most
/// by one from one minor version to the next.
pub const SCHEMA: u32 = 1;

/// How far two who speak to each other may be apart in [`SCHEMA`], in either direction.
pub const SKEW: u32 = 1;

/// Two who are too far apart to understand each other; each says so of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it speaks schema {theirs} and this {} speaks {SCHEMA}, which is more than {SKEW} apart; update the {}",
    .who, if *.theirs < SCHEMA { .other } else { .who }
)]
pub struct TooFar {
    theirs: u32,
    who: &'static str,
    other: &'static str,
}

impl TooFar {
    /// Whether this proxy can follow a controller that speaks `schema`.
    ///
    /// # Errors
    /// When it is more than [`SKEW`] away.
    pub fn check_controller(schema: u32) -> Result<(), Self> {
        Self::check(schema, "proxy", "controller")
    }

    /// Whether this controller can tell a proxy that speaks `schema`.
    ///
    /// # Errors
    /// When it is more than [`SKEW`] away.
    pub fn check_proxy(schema: u32) -> Result<(), Self> {
        Self::check(schema, "controller", "proxy")
    }

    fn check(theirs: u32, who: &'static str, other: &'static str) -> Result<(), Self> {
        match theirs.abs_diff(SCHEMA) {
            0..=SKEW => Ok(()),
            _ => Err(Self { theirs, who, other }),
        }
    }
}

/// Where the controller takes a proxy's session.
pub const PATH: &str = "/v1/config";

/// A hash, written as hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub u128);

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let hash = u128::from_str_radix(&text, 16).map_err(serde::de::Error::custom)?;
        Ok(Self(hash))
    }
}

/// What a proxy says. One of the fields is there; a message with none is of a newer proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToController {
    /// The first message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hello: Option<Hello>,
    /// A delta was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<Seq>,
    /// A delta was taken but for some of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nack: Option<Verdict>,
    /// All upstreams whose external names lead where no request may be sent, and what that is:
    /// said when these are others than before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Vec<Told>>,
}

/// Who a proxy is and what it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The proxy's name, for people.
    pub node: Box<str>,
    /// The [`SCHEMA`] it speaks.
    pub schema: u32,
    /// Its resources by name; the controller may not know all of their kinds.
    #[serde(default)]
    pub have: BTreeMap<Box<str>, Hash>,
}

/// Which delta is spoken of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seq {
    /// Counts up from 1 within a session.
    pub seq: u64,
}

/// What a proxy could not take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Which delta is spoken of.
    pub seq: u64,
    /// The resources that it could not take, or not as they were meant.
    pub rejected: Vec<Told>,
}

/// Something of a resource that a proxy could not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The resource's name.
    pub key: Box<str>,
    /// The Ingress whose route it is, when it is not all of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Why.
    pub error: String,
}

/// What the controller says. One of the fields is there; a message with none is of a newer
/// controller.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ToProxy<'l> {
    /// The first message: who speaks.
    pub welcome: Option<Welcome>,
    /// A part of a delta.
    #[serde(borrow)]
    pub delta: Option<Part<'l>>,
    /// A delta is whole.
    pub synced: Option<Seq>,
}

/// What a controller says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The [`SCHEMA`] it speaks.
    pub schema: u32,
}

impl Welcome {
    /// What this version says, as a line with its end.
    pub fn line() -> String {
        format!("{{\"welcome\":{{\"schema\":{SCHEMA}}}}}\n")
    }
}

/// A part of a delta.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Part<'l> {
    /// The delta's number.
    pub seq: u64,
    /// New and changed resources by name.
    #[serde(borrow)]
    pub upsert: BTreeMap<Box<str>, Sent<'l>>,
    /// Names of resources that are gone.
    pub remove: Vec<Box<str>>,
}

/// A resource on its way.
#[derive(Debug, Deserialize)]
pub struct Sent<'l> {
    /// The hash that the controller knows it by.
    pub hash: Hash,
    /// What it is, by the kind that its name says.
    #[serde(borrow)]
    pub value: &'l RawValue,
}
