//! What was asked of the CA, by name set.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;

use super::faults::Fault;

/// What is about no name set.
pub(crate) const NOBODY: &str = "";

/// What was asked of the CA.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// By name set, its names joined by commas.
    pub(crate) sets: BTreeMap<String, Page>,
    /// Which name set what stands at a path is about.
    owners: HashMap<String, String>,
    /// How many accounts the CA made.
    pub(crate) accounts: usize,
}

/// What was asked about one name set.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// How many requests.
    pub(crate) requests: usize,
    /// Which of them failed.
    pub(crate) faults: Vec<Fault>,
    /// How often an order was asked for.
    pub(crate) asked: usize,
    /// When the CA made an order.
    pub(crate) made: Vec<Timestamp>,
    /// How often the CA, or what stands in its place, gave no answer.
    pub(crate) lost: usize,
}

impl Book {
    /// Which name set a request is about.
    pub(crate) fn about(&self, path: &str, body: &[u8]) -> String {
        let owner = self.owners.get(path).cloned();
        owner.or_else(|| ordered(path, body)).unwrap_or_default()
    }

    /// Notes a request, and what becomes of it.
    pub(crate) fn asked(&mut self, set: &str, path: &str) -> Option<Fault> {
        let page = self.sets.entry(set.to_owned()).or_default();
        let fault = Fault::of(set, page.requests);
        page.requests += 1;
        page.asked += usize::from(path == NEW_ORDER);
        page.faults.extend(fault);
        fault
    }

    /// Notes that nobody answered.
    pub(crate) fn lost(&mut self, set: &str) {
        self.sets.entry(set.to_owned()).or_default().lost += 1;
    }

    /// Notes the CA's answer, and which URLs in it are about the same name set.
    pub(crate) fn answered(
        &mut self,
        set: &str,
        path: &str,
        (status, location): (u16, Option<&str>),
        body: &[u8],
        now: Timestamp,
    ) {
        self.accounts += usize::from(path == NEW_ACCOUNT && status == 201);
        if set == NOBODY {
            return;
        }
        if path == NEW_ORDER && status == 201 {
            let page = self.sets.entry(set.to_owned()).or_default();
            page.made.push(now);
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
        let challenges = list("challenges");
        let challenges = challenges.iter().map(|challenge| challenge["url"].clone());
        let single = ["finalize", "certificate"].map(|name| body[name].clone());
        let urls = list("authorizations")
            .into_iter()
            .chain(challenges)
            .chain(single);
        let urls = urls.filter_map(|url| Some(url.as_str()?.to_owned()));
        for url in urls.chain(location.map(str::to_owned)) {
            let path: http::Uri = url.parse().unwrap();
            self.owners.insert(path.path().to_owned(), set.to_owned());
        }
    }

    /// The sum of something over all name sets, and what is about none.
    pub(crate) fn sum(&self, of: impl Fn(&Page) -> usize) -> usize {
        self.sets.values().map(of).sum()
    }
}

/// Where pebble has new orders and new accounts.
const NEW_ORDER: &str = "/order-plz";
const NEW_ACCOUNT: &str = "/sign-me-up";

/// For which names an order is asked (RFC 8555, section 7.4).
fn ordered(path: &str, body: &[u8]) -> Option<String> {
    if path != NEW_ORDER {
        return None;
    }
    let jws: Value = serde_json::from_slice(body).ok()?;
    let payload = URL_SAFE_NO_PAD.decode(jws["payload"].as_str()?).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    let names = payload["identifiers"].as_array()?.iter();
    let mut names: Vec<_> = names.filter_map(|name| name["value"].as_str()).collect();
    names.sort_unstable();
    Some(names.join(","))
}
