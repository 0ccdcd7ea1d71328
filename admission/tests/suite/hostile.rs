//! Reviews that are made to cost much, and reviews that are garbage.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::site::{Site, review};

/// An Ingress with everything that is read.
fn rich() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "creationTimestamp": "2026-05-01T00:00:00Z",
            "annotations": {
                "nginx.ingress.kubernetes.io/rewrite-target": "/$1",
                "portreeve.dev/whitelist-source-range": "10.0.0.0/8",
                "kubernetes.io/ingress.class": "nginx",
                "example.com/other": "x",
            },
        },
        "spec": {
            "defaultBackend": {"service": {"name": "api", "port": {"name": "http"}}},
            "tls": [{"hosts": ["a.example"], "secretName": "tls"}],
            "rules": [
                {"host": "a.example", "http": {"paths": [
                    {"path": "/a(/|$)(.*)", "pathType": "ImplementationSpecific", "backend": {"service": {"name": "web", "port": {"number": 80}}}},
                    {"path": "/b", "pathType": "Exact", "backend": {"resource": {"kind": "Bucket", "name": "b"}}},
                ]}},
                {"host": "*.b.example"},
            ],
        },
    })
}

/// Puts something in the place of some value.
fn mutate(value: &mut Value, place: Index, with: &Value) {
    let mut paths = Vec::new();
    pointers(value, String::new(), &mut paths);
    if let Some(found) = value.pointer_mut(place.get::<String>(&paths)) {
        *found = with.clone();
    }
}

fn pointers(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(value, format!("{at}/{key}"), into);
            }
        }
        Value::Array(items) => {
            for (number, value) in items.iter().enumerate() {
                pointers(value, format!("{at}/{number}"), into);
            }
        }
        _ => {}
    }
    into.push(at);
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "[a-z./$()*~^{}|\\\\\n\r\t#;%-]{0,30}".prop_map(Value::from),
        Just(json!("x".repeat(10_000))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{1,12}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// How many cases there are: some thousands, or as many as are asked for.
fn cases() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok();
    let cases = cases.and_then(|cases| cases.parse().ok()).unwrap_or(2000);
    ProptestConfig {
        cases,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    /// Whatever is sent, there is one answer, for the review that was asked about, or none.
    #[test]
    fn whatever_is_sent_there_is_an_answer_or_a_reason(
        mutations in prop::collection::vec((any::<Index>(), anything()), 0..6),
        cut in prop::option::weighted(0.2, any::<Index>()),
        flips in prop::collection::vec((any::<Index>(), any::<u8>()), 0..3),
        operation in prop::sample::select(vec!["CREATE", "UPDATE"]),
    ) {
        let mut sent = review(operation, &rich(), &rich());
        for (place, with) in mutations {
            mutate(&mut sent, place, &with);
        }
        let mut bytes = sent.to_string().into_bytes();
        for (place, byte) in flips {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let site = Site::yaml("");
        if let Ok(answer) = runtime.block_on(site.raw(&bytes)) {
            let response = &answer["response"];
            prop_assert!(response["uid"].is_string() && response["allowed"].is_boolean(), "{answer}");
            let why = response["status"]["message"].as_str();
            prop_assert!(response["allowed"] == true || why.is_some_and(|why| !why.is_empty()), "{answer}");
        }
    }
}
