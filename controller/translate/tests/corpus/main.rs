//! What was used against ingress-nginx, and what becomes of it here.
//!
//! `admission/tests/corpus` has an object a file, written as it was for one of the CVEs. Each says in
//! its head whether it is denied, with which codes, or harmless, and why. Everything is looked at in
//! both profiles, and like admission without Secrets.

#![cfg(test)]

mod harmless;
mod payload;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;

use portreeve_table::{Action, Config, HostPattern, Route};
use portreeve_translate::{Severity, Translation};

use payload::{Expected, PROFILES, Payload, payloads};

/// Every CVE of ingress-nginx from 2018 to 2026.
const CVES: [&str; 22] = [
    "2018-1002104",
    "2020-8553",
    "2021-25742",
    "2021-25745",
    "2021-25746",
    "2021-25748",
    "2022-4886",
    "2023-5043",
    "2023-5044",
    "2024-7646",
    "2025-1097",
    "2025-1098",
    "2025-15566",
    "2025-1974",
    "2025-24513",
    "2025-24514",
    "2026-1580",
    "2026-24512",
    "2026-24513",
    "2026-24514",
    "2026-3288",
    "2026-4342",
];

/// How much is said of one finding at most, so that it fits into an Event.
const LONGEST: usize = 1024;

#[test]
fn every_cve_has_payloads() {
    let payloads = payloads();
    assert!(payloads.len() >= 45, "{}", payloads.len());
    let about = |payload: &Payload| {
        let name = payload.name.strip_prefix("cve-").unwrap();
        let cve = CVES.into_iter().find(|cve| {
            let rest = name.strip_prefix(cve);
            rest.is_some_and(|rest| rest.starts_with('-'))
        });
        let cve = cve.unwrap_or_else(|| panic!("{name}: of which CVE?"));
        let head = format!("# CVE-{cve}: ");
        assert!(payload.text.starts_with(&head), "{name}: say {head:?}");
        cve
    };
    let known: BTreeSet<_> = payloads.iter().map(about).collect();
    assert_eq!(known, CVES.into_iter().collect());
}

#[test]
fn every_payload_is_denied_or_harmless() {
    for (payload, profile) in each() {
        let found = payload.translate(profile).diagnostics;
        let errors = found.iter().filter(|it| it.severity() == Severity::Error);
        let codes: BTreeSet<_> = errors.map(|error| error.code.to_string()).collect();
        let expected = match &payload.expected {
            Expected::Denied(codes) => codes.clone(),
            Expected::Harmless => BTreeSet::new(),
        };
        assert_eq!(codes, expected, "{}, {profile}: {found:#?}", payload.name);
    }
}

/// Should a denied object be there all the same, nothing is sent anywhere because of it.
#[test]
fn what_is_denied_serves_nothing() {
    for (payload, profile) in each().filter(|(payload, _)| payload.expected != Expected::Harmless) {
        let config = payload.translate(profile).config;
        for route in routes(&config) {
            let serves = matches!(route.action, Action::Forward(_) | Action::Redirect(_));
            assert!(!serves, "{}, {profile}: {route:?}", payload.name);
        }
        assert!(config.upstreams.is_empty() && config.certs.is_empty());
    }
}

/// Whoever reads a message sees all of it, and nothing that is not in it.
#[test]
fn no_message_holds_what_a_terminal_obeys_or_more_than_is_read() {
    let is_obeyed = |c: char| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c);
    for (payload, profile) in each() {
        for Translation {
            config,
            diagnostics,
            ..
        } in [payload.translate(profile), payload.with_secrets(profile)]
        {
            let found = diagnostics.iter();
            let said = found.flat_map(|it| {
                let object = it.object.as_ref().map(ToString::to_string);
                let texts = [&it.field, &it.message, &it.hint].map(Clone::clone);
                texts.into_iter().chain(object)
            });
            let reasons = routes(&config).filter_map(|route| match &route.action {
                Action::Unavailable { reason } => Some(reason.to_string()),
                _ => None,
            });
            for text in said.chain(reasons) {
                assert!(!text.contains(is_obeyed), "{}: {text:?}", payload.name);
                assert!(text.len() <= LONGEST, "{}: {text}", payload.name);
            }
        }
    }
}

#[test]
fn no_payload_changes_what_another_ingress_serves() {
    let bystander = HostPattern::parse("bystander.example").unwrap();
    for (payload, profile) in each() {
        let alone = Payload::bystander().translate(profile).config;
        let beside = payload.beside_bystander().translate(profile).config;
        let host = alone.hosts.get(&bystander);
        assert!(host.is_some());
        assert_eq!(beside.hosts.get(&bystander), host, "{}", payload.name);
    }
}

fn each() -> impl Iterator<Item = (Payload, portreeve_translate::Profile)> {
    let payloads = payloads().into_iter();
    payloads.flat_map(|payload| PROFILES.map(|profile| (payload.clone(), profile)))
}

fn routes(config: &Config) -> impl Iterator<Item = &Route> {
    config.hosts.values().flat_map(|host| &host.routes)
}
