//! A delta as lines.
//!
//! This is one of the three places where private keys are exposed: on the wire they must be whole.

use std::collections::btree_map;
use std::fmt;

use serde::Serialize;

use crate::config::Cert;
use crate::delta::{Delta, Resource};
use crate::host::HostPattern;
use crate::key::ResourceKey;

/// Above how many bytes a delta goes on in another line.
const LINE: usize = 256 * 1024;

/// A resource that is too large for one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} takes {size} bytes, more than the {limit} that one resource may")]
pub struct TooLarge {
    /// Its name.
    pub key: ResourceKey,
    /// Its size in bytes.
    pub size: usize,
    /// The most that is sent.
    pub limit: usize,
}

/// The lines that tell of a delta, each with its end.
#[derive(Debug)]
pub struct Lines<'d> {
    seq: u64,
    upsert: btree_map::Iter<'d, ResourceKey, Resource>,
    remove: Option<Vec<String>>,
    is_told: bool,
    /// Resources that were left out.
    pub too_large: Vec<TooLarge>,
}

impl<'d> Lines<'d> {
    /// The most bytes that a line has: who reads lines may end a session that sends a longer one.
    pub const LIMIT: usize = 32 * 1024 * 1024;

    /// The lines that tell of `delta`; `unknown` are names of resources that the proxy has and that
    /// cannot be parsed here.
    pub fn new(seq: u64, delta: &'d Delta, unknown: &[Box<str>]) -> Self {
        let gone = delta.remove.iter().map(ToString::to_string);
        let unknown = unknown.iter().map(ToString::to_string);
        Self {
            seq,
            upsert: delta.upsert.iter(),
            remove: Some(gone.chain(unknown).collect()),
            is_told: false,
            too_large: Vec::new(),
        }
    }

    /// As many of the resources as fit into a line.
    fn upserts(&mut self) -> String {
        let mut text = String::new();
        for (key, resource) in self.upsert.by_ref() {
            let value = resource.exposed();
            if value.len() > Self::LIMIT / 2 {
                self.too_large.push(TooLarge {
                    key: key.clone(),
                    size: value.len(),
                    limit: Self::LIMIT / 2,
                });
                continue;
            }
            let comma = if text.is_empty() { "" } else { "," };
            let (key, hash) = (Quoted(key), resource.hash());
            text += &format!(r#"{comma}{key}:{{"hash":"{hash:032x}","value":{value}}}"#);
            if text.len() > LINE {
                break;
            }
        }
        text
    }
}

impl Iterator for Lines<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.is_told {
            return None;
        }
        let (seq, upsert) = (self.seq, self.upserts());
        let remove = self.remove.take().filter(|remove| !remove.is_empty());
        if upsert.is_empty() && remove.is_none() {
            self.is_told = true;
            return Some(format!("{{\"synced\":{{\"seq\":{seq}}}}}\n"));
        }
        let remove = remove.map(|names| serde_json::json!(names).to_string());
        let remove = remove.map_or(String::new(), |names| format!(r#","remove":{names}"#));
        Some(format!(
            "{{\"delta\":{{\"seq\":{seq},\"upsert\":{{{upsert}}}{remove}}}}}\n"
        ))
    }
}

/// A name as a JSON string.
struct Quoted<'k>(&'k ResourceKey);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", serde_json::json!(self.0.to_string()))
    }
}

/// A [`Cert`] as it travels.
#[derive(Serialize)]
struct ExposedCert<'a> {
    names: &'a [HostPattern],
    chain: &'a str,
    key: &'a str,
    not_after: i64,
}

impl Resource {
    /// Its JSON, with the private key of a certificate.
    fn exposed(&self) -> String {
        let text = match self {
            Self::Host(host) => serde_json::to_string(host),
            Self::Upstream(upstream) => serde_json::to_string(upstream),
            Self::Cert(cert) => serde_json::to_string(&exposed(cert)),
            Self::Challenge(challenge) => serde_json::to_string(challenge),
        };
        // Nothing in a resource fails to be written; an object without fields is no resource and
        // would be rejected by name.
        text.unwrap_or_else(|_| "{}".into())
    }
}

fn exposed(cert: &Cert) -> ExposedCert<'_> {
    ExposedCert {
        names: &cert.names,
        chain: &cert.chain,
        key: cert.key.expose(),
        not_after: cert.not_after,
    }
}
