//! The routing table: what is sent to a proxy, compiled, and matched.
//!
//! Everything here is a value or a pure function of values.
//! This crate must never do IO, read a clock or link a runtime: the controller, the admission
//! webhook, the command line and every proxy call it and must all get the same answer.

#![forbid(unsafe_code)]

mod challenge;
mod compile;
mod config;
mod delta;
mod filter;
mod header;
mod host;
mod identifier;
mod key;
mod legible;
mod lenient;
mod path;
mod paths;
mod pattern;
mod policy;
mod redirect;
mod regex;
mod rewrite;
mod route;
mod secret;
mod shorten;
mod target;
mod text;
mod wire;

pub use challenge::{Challenge, ChallengeKind, ChallengeKindError};
pub use compile::{CompiledHost, CompiledRoute, Matched, Rejected, Table, Target};
pub use config::{Cert, Config, Endpoint, External, Host, Shared, Stage, Upstream};
pub use delta::{Delta, Have, Resource};
pub use filter::{Filter, Ranges, RangesError};
pub use header::is_hop_by_hop;
pub use host::{HostError, HostPattern, Hosts};
pub use identifier::{Identifier, IdentifierError};
pub use key::{CertKey, KeyError, ResourceKey, Token, UpstreamKey, Via};
pub use legible::legible;
pub use lenient::lenient;
pub use path::{NormalPath, PathError, matched_form, normalize};
pub use paths::{Known, Paths};
pub use pattern::{UrlPattern, UrlPatternError};
pub use policy::{Affinity, AffinityMode, Cookie, HashKey, HashKeyError, HashPart, Policy};
pub use redirect::{Location, Redirect, RequestUrl};
pub use regex::{CompiledRegex, PathRegex, RegexError, STEP_LIMIT, Shape};
pub use rewrite::{Template, TemplateError};
pub use route::{
    Action, Backend, Conditions, Forward, Millis, Origin, PathMatch, Protocol, Retry, RetryOn,
    Route, Timeouts, ValueMatch,
};
pub use secret::Secret;
pub use shorten::shorten;
pub use target::{Forbidden, TargetRange, TargetRangeError, Targets};
pub use text::Text;
pub use wire::{
    Hash, Hello, LineBuffer, LineTooLong, Lines, PATH, Part, SCHEMA, SKEW, Sent, Seq, ToController,
    ToProxy, Told, TooFar, TooLarge, Verdict, Welcome,
};
