//! Every annotation of the table, under both prefixes.

use portreeve_translate::annotations::{Annotation, Effect, Holds, NGINX_PREFIX, OWN_PREFIX, all};

use crate::cluster::with_policies;
use crate::corner::{Corner, Refusal};

fn keys() -> impl Iterator<Item = (String, &'static Annotation)> {
    all().flat_map(|annotation| {
        let names = [Some(annotation.name), annotation.alias];
        let names = names.into_iter().flatten();
        let keys = names.flat_map(|name| [NGINX_PREFIX, OWN_PREFIX].map(|p| format!("{p}{name}")));
        keys.map(move |key| (key, annotation))
    })
}

fn snippet(key: &str, annotation: &Annotation) -> Refusal {
    let Effect::Refused(refusal) = annotation.effect else {
        panic!("{key} is offered");
    };
    let (why, instead) = (refusal.why, refusal.instead);
    Refusal {
        policy: "portreeve-snippets".into(),
        words: format!("metadata.annotations[{key}]: {why} {instead}"),
    }
}

/// The examples of the table name objects of the namespace `shop`.
#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn raw_configuration_is_refused_and_every_other_annotation_is_not() {
    let corner = Corner::make(with_policies().await, "shop", Some("*")).await;
    let mut refused = 0;
    for (key, annotation) in keys() {
        let said = corner
            .refusal(&corner.ingress(&[(&key, annotation.example)]))
            .await;
        let expected = match annotation.holds {
            Holds::Configuration => Some(snippet(&key, annotation)),
            Holds::Setting | Holds::Object | Holds::Hosts | Holds::Www => None,
        };
        refused += usize::from(expected.is_some());
        assert_eq!(said, expected, "{key}");
    }
    assert_eq!(refused, 10);
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn what_only_looks_like_raw_configuration_is_not_refused() {
    let corner = Corner::make(with_policies().await, "siblings", Some("*")).await;
    for (key, value) in [
        ("nginx.ingress.kubernetes.io/server-snippet", ""),
        ("nginx.ingress.kubernetes.io/server-snippet", " \n\t\r\n"),
        ("nginx.ingress.kubernetes.io/server-snippets", "deny all;"),
        ("nginx.ingress.kubernetes.io/Server-Snippet", "deny all;"),
        ("nginx.org/server-snippets", "deny all;"),
        ("server-snippet", "deny all;"),
    ] {
        let said = corner.refusal(&corner.ingress(&[(key, value)])).await;
        assert_eq!(said, None, "{key}: {value:?}");
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn all_that_is_refused_is_named_at_once() {
    let corner = Corner::make(with_policies().await, "at-once", Some("*")).await;
    let snippets: Vec<_> = keys()
        .filter(|(_, annotation)| annotation.holds == Holds::Configuration)
        .collect();
    let given: Vec<_> = snippets.iter().map(|(key, _)| (&**key, "x")).collect();
    let said = corner.refusal(&corner.ingress(&given)).await.unwrap();
    let each = snippets
        .iter()
        .map(|(key, annotation)| snippet(key, annotation).words);
    assert_eq!(said.words, each.collect::<Vec<_>>().join(" "));

    // A message that is too long would be dropped.
    let longest = "a-namespace-with-the-longest-name-that-there-can-be-anywhere-at";
    let corner = Corner::make(with_policies().await, longest, Some("*")).await;
    let objects = keys().filter(|(_, annotation)| annotation.holds == Holds::Object);
    let objects: Vec<_> = objects.map(|(key, _)| key).collect();
    let other = format!("{}/x", "o".repeat(63));
    let given: Vec<_> = objects.iter().map(|key| (&**key, &*other)).collect();
    let said = corner.refusal(&corner.ingress(&given)).await.unwrap();
    let unsaid = objects.iter().find(|key| !said.words.contains(*key));
    assert_eq!(unsaid, None, "{}", said.words);
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn an_object_of_another_namespace_is_refused_and_one_of_the_own_is_not() {
    let corner = Corner::make(with_policies().await, "references", Some("*")).await;
    let mut guarded = 0;
    for (key, _) in keys().filter(|(_, annotation)| annotation.holds == Holds::Object) {
        guarded += 1;
        for value in ["web", "references/web", " references/web ", ""] {
            let said = corner.refusal(&corner.ingress(&[(&key, value)])).await;
            assert_eq!(said, None, "{key}: {value:?}");
        }
        for (value, of) in [
            ("shop/web", "the namespace shop"),
            (" shop/web", "the namespace shop"),
            ("shop/../references/web", "the namespace shop"),
            ("reference/web", "the namespace reference"),
            ("references-2/web", "the namespace references-2"),
            ("/web", "another namespace"),
            ("../references/web", "another namespace"),
            ("References/web", "another namespace"),
            ("shop\n/web", "another namespace"),
            ("shop\r\nallowed/web", "another namespace"),
        ] {
            let said = corner.refusal(&corner.ingress(&[(&key, value)])).await;
            let words = format!(
                "metadata.annotations[{key}]: It names an object of {of}, and an Ingress may only \
                 use those of its own. Write: NAME or references/NAME"
            );
            let expected = Refusal {
                policy: "portreeve-references".into(),
                words,
            };
            assert_eq!(said, Some(expected), "{key}: {value:?}");
        }
    }
    assert_eq!(guarded, 14);
}
