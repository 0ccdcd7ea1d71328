//! How the text of a manifest becomes documents, and what is said of one that is none.

#![cfg(test)]

mod support;

use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{Code, Content};
use support::reading::{INGRESS, names, parse};

#[test]
fn documents_and_lists_are_read() {
    let text = format!(
        "{INGRESS}---\n# nothing\n---\n{}---\napiVersion: v1\nkind: List\nitems:\n- {{apiVersion: v1, kind: Service, metadata: {{name: a, namespace: shop}}}}\n- {{apiVersion: v1, kind: Secret, metadata: {{name: b}}}}\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSliceList\nitems:\n- {{metadata: {{name: c}}, addressType: IPv4}}\n",
        "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: own, namespace: ignored}\n"
    );
    let (objects, found) = parse(&text);
    assert_eq!(found, []);
    let expected = [
        "shop/web",
        "IngressClass own",
        "Service shop/a",
        "Secret default/b",
        "EndpointSlice default/c",
    ];
    assert_eq!(names(&objects), expected);
}

#[test]
fn json_is_read() {
    let service =
        r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"shop"}}"#;
    for file in ["a.json", "a.yaml"] {
        let (objects, found) = manifest::parse(file, service, &Limits::default()).unwrap();
        assert_eq!(
            (names(&objects), found),
            (vec!["Service shop/a".to_string()], vec![]),
            "{file}"
        );
    }
}

#[test]
fn kinds_that_are_not_served_are_passed_over_quietly() {
    for text in [
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n",
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: web}\n",
        "apiVersion: config.openshift.io/v1\nkind: Ingress\nmetadata: {name: cluster}\n",
        "",
        "# a comment\n",
        "---\n---\n",
    ] {
        let (objects, found) = parse(text);
        assert!(objects.is_empty() && found.is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn a_text_that_is_no_manifest_is_unreadable_as_a_whole() {
    for text in [
        "kind: [",
        "a: b: c",
        "spec:\n\tdefaultBackend: {}",
        "kind: Ingress\nmetadata: {name: web, namespace: sho",
        "a: 1\na: 2",
        "kind: Ingress\n  spec: x",
        "a: \"unfinished",
        "x: *nowhere",
    ] {
        let text = format!("{INGRESS}---\n{text}");
        let error = manifest::parse("a.yaml", &text, &Limits::default()).err();
        let error = error.unwrap_or_else(|| panic!("it is read: {text}"));
        assert_eq!(error.code, Code::ManifestUnreadable, "{text}");
        let shown = error.to_string();
        assert!(
            shown.starts_with("a.yaml: ManifestUnreadable\n") && shown.contains("line"),
            "{shown}"
        );
    }
    let cut = manifest::parse("a.json", "{\"kind\":", &Limits::default()).unwrap_err();
    assert!(cut.to_string().contains("JSON"), "{cut}");
    let twice = r#"{"kind":"Ingress","metadata":{"annotations":{"a":"1","a":"2"}}}"#;
    let twice = manifest::parse("a.json", twice, &Limits::default()).unwrap_err();
    assert!(twice.to_string().contains("stands twice"), "{twice}");
}

#[test]
fn a_text_may_not_be_larger_than_it_looks() {
    let small = Limits {
        bytes: 100,
        ..Limits::default()
    };
    let error = manifest::parse("a.yaml", INGRESS, &small).unwrap_err();
    assert!(error.message.contains("100 are allowed"), "{error}");
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..9 {
        let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
        bomb += &format!("a{n}: &a{n} [{aliases}]\n");
    }
    let deep = "[".repeat(10_000);
    let long = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(1 << 20),
        vec!["*a"; 1000].join(", ")
    );
    for text in [bomb, deep, long] {
        let error = manifest::parse("a.yaml", &text, &Limits::default()).unwrap_err();
        assert_eq!(error.code, Code::ManifestUnreadable);
    }
}

#[test]
fn a_few_aliases_are_read() {
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: &l {a: b}, annotations: *l}\n";
    assert_eq!(names(&parse(service).0), ["Service default/a"]);
}

#[test]
fn ordinary_aliases_in_a_short_text_are_read() {
    let mut text = INGRESS.replace("spec: {", "spec: {rules: [");
    text.truncate(text.find("defaultBackend").unwrap());
    text += "{host: h0.example, http: &h {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}";
    text.extend((1..200).map(|n| format!(", {{host: h{n}.example, http: *h}}")));
    text += "]}\n";
    let (objects, found) = parse(&text);
    assert_eq!(found, []);
    let Content::Ingress(ingress) = &objects[0].content else {
        panic!()
    };
    let rules = ingress.spec.as_ref().unwrap().rules.as_ref().unwrap();
    assert!(rules.len() == 200 && rules.iter().all(|rule| rule.http.is_some()));
}

#[test]
fn what_cannot_be_read_says_what_to_do_in_words_of_yaml() {
    let small = Limits {
        alias_bytes: 1000,
        ..Limits::default()
    };
    let aliases = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(100),
        ["*a"; 100].join(", ")
    );
    for (text, expected) in [
        (aliases.as_str(), "write out what the aliases repeat"),
        ("a: 1\na: 2\n", "stands twice"),
    ] {
        let error = manifest::parse("a.yaml", text, &small)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
        for internal in [
            "budget",
            "Budget",
            "DuplicateKeyPolicy",
            "Options",
            "breach",
        ] {
            assert!(!error.contains(internal), "{error}");
        }
    }
}

#[test]
fn a_large_text_is_read_all_the_same() {
    let text = vec![INGRESS; 20_000].join("---\n");
    assert_eq!(parse(&text).0.len(), 20_000);
}
