//! What must hold of the table of annotations as a whole.

#![cfg(test)]

mod support;

use std::collections::BTreeSet;

use portreeve_translate::annotations::{ANNOTATIONS, Consequence, Effect, Settings, all};

/// Every annotation of ingress-nginx 1.15.1, aliases counted once.
const INGRESS_NGINX: &str = include_str!("support/ingress-nginx.txt");

#[test]
fn every_annotation_of_ingress_nginx_is_in_the_table_and_no_other() {
    let known: BTreeSet<_> = INGRESS_NGINX.lines().collect();
    let theirs = all().filter(|annotation| !annotation.is_own);
    let table: BTreeSet<_> = theirs.map(|annotation| annotation.name).collect();
    assert_eq!(known.len(), 136);
    assert_eq!(table, known);
}

#[test]
fn no_annotation_that_is_ours_alone_has_a_name_of_ingress_nginx() {
    let known: BTreeSet<_> = INGRESS_NGINX.lines().collect();
    let ours: BTreeSet<_> = all().filter(|a| a.is_own).map(|a| a.name).collect();
    assert!(!ours.is_empty() && known.is_disjoint(&ours), "{ours:?}");
}

#[test]
fn names_are_unique_and_sorted_within_their_groups() {
    let names: Vec<_> = all()
        .flat_map(|a| [Some(a.name), a.alias])
        .flatten()
        .collect();
    let unique: BTreeSet<_> = names.iter().collect();
    assert_eq!(names.len(), unique.len());
    for group in ANNOTATIONS {
        assert!(
            group.annotations.is_sorted_by_key(|a| a.name),
            "{}",
            group.title
        );
    }
}

#[test]
fn what_is_said_about_them_is_sentences() {
    for annotation in all() {
        let mut said = vec![annotation.doc];
        if let Effect::Refused(refusal) = annotation.effect {
            said.extend([refusal.why, refusal.instead]);
        }
        for text in said {
            assert!(text.ends_with('.'), "{}: {text}", annotation.name);
        }
        assert!(
            !annotation.value.is_empty() && !annotation.example.is_empty(),
            "{}",
            annotation.name
        );
    }
}

#[test]
fn every_example_does_something() {
    for annotation in all() {
        match annotation.effect {
            Effect::Set { set, .. } => {
                let mut settings = Settings::default();
                set(annotation.example, &mut settings).unwrap();
                assert_ne!(settings, Settings::default(), "{}", annotation.name);
            }
            Effect::Refused(refusal) => {
                assert!(
                    !(refusal.harmless)(annotation.example),
                    "{}",
                    annotation.name
                );
            }
            Effect::Hint => {}
        }
    }
}

#[test]
fn every_default_of_what_is_refused_is_harmless() {
    let refused = all().filter(|a| !a.default.is_empty());
    for annotation in refused {
        if let Effect::Refused(refusal) = annotation.effect
            && refusal.consequence != Consequence::Warns
        {
            let asks = annotation.name == "auth-tls-verify-client"; // on, but only beside a Secret
            assert!(
                asks || (refusal.harmless)(annotation.default),
                "{}",
                annotation.name
            );
        }
    }
}

#[test]
fn what_protects_closes_its_routes_while_it_is_not_offered() {
    for name in [
        "auth-url",
        "auth-type",
        "auth-secret",
        "auth-tls-secret",
        "auth-tls-match-cn",
        "auth-tls-verify-client",
        "enable-modsecurity",
        "enable-owasp-core-rules",
        "limit-rps",
        "limit-rpm",
        "limit-connections",
        "proxy-ssl-verify",
        "proxy-ssl-secret",
        "ssl-passthrough",
        "configuration-snippet",
        "server-snippet",
        "auth-snippet",
        "stream-snippet",
        "modsecurity-snippet",
    ] {
        let annotation = all().find(|annotation| annotation.name == name).unwrap();
        let closes = match annotation.effect {
            Effect::Refused(refusal) => refusal.consequence == Consequence::Closes,
            _ => false,
        };
        assert!(closes, "{name}");
    }
}
