//! What is said about objects that are wrong: the file, the object, the field and the fix.

#![cfg(test)]

mod support;

use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{Code, Content, Diagnostic, Object, Snapshot};
use support::reading::{INGRESS, names, parse};

/// The one finding about `text`, as people see it.
fn finding(text: &str) -> String {
    let (_, found) = parse(text);
    let [found] = found.as_slice() else {
        panic!("one finding, not {found:#?}")
    };
    found.to_string()
}

#[test]
fn a_refused_object_keeps_its_last_good_value_and_no_other_does() {
    let named =
        |name: &str| INGRESS.replace("name: web, namespace", &format!("name: {name}, namespace"));
    let bad = named("bad").replace("name: bad,", "name: bad, annotations: {a: true},");
    let old = named("old").replace("networking.k8s.io/v1", "extensions/v1beta1");
    let (last, _) =
        parse(&[named("bad"), named("old"), named("gone"), named("right")].join("---\n"));
    let (mut objects, found) = parse(&[bad, old, named("right"), named("new")].join("---\n"));
    assert_eq!(names(&objects), ["shop/right", "shop/new"]);
    manifest::keep_refused(&mut objects, &found, &last);
    assert_eq!(
        names(&objects),
        ["shop/right", "shop/new", "shop/bad", "shop/old"]
    );
}

#[test]
fn what_stands_for_a_refused_ingress_gives_way_to_any_that_can_be_used() {
    let read = |file, text: &str| manifest::parse(file, text, &Limits::default()).unwrap();
    let bad = INGRESS.replace("number: 80", "number: x");
    let (mut again, found) = read("a.yaml", &bad);
    assert!(is_stand_in(&again[0]));
    manifest::keep_refused(&mut again, &found, &read("a.yaml", &bad).0);
    assert_eq!(again.len(), 1, "one of before does not come to it");
    manifest::keep_refused(&mut again, &found, &read("a.yaml", INGRESS).0);
    assert!(again.len() == 1 && !is_stand_in(&again[0]));
    let elsewhere = [read("a.yaml", &bad).0, read("b.yaml", INGRESS).0].concat();
    let (snapshot, found) = Snapshot::from_objects(elsewhere);
    assert_eq!(found, []);
    let options = portreeve_translate::Options::standalone();
    let found = portreeve_translate::translate(&snapshot, &options).diagnostics;
    assert!(found[0].to_string().starts_with("b.yaml: "), "{}", found[0]);
}

#[test]
fn an_unknown_field_is_named() {
    let text = INGRESS.replace("spec: {", "spec: {tsl: [{hosts: [a.example]}], ");
    assert_eq!(
        finding(&text),
        "a.yaml: shop/web  spec.tsl  FieldUnknown\n  Ingress objects have no such field; it does nothing.\n  Write: another spelling or indentation, or nothing"
    );
    let (objects, _) = parse(&text);
    assert_eq!(
        names(&objects),
        ["shop/web"],
        "what is right about it is used"
    );
}

#[test]
fn the_fields_of_older_versions_say_what_they_are_called_now() {
    let text = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\nspec: {rules: [{http: {paths: [{path: /, backend: {serviceName: web}}]}}]}";
    let found = finding(text);
    assert!(
        found.contains("spec.rules[0].http.paths[0].backend.serviceName"),
        "{found}"
    );
    assert!(
        found.contains("service: {name: NAME, port: {number: PORT}}"),
        "{found}"
    );
}

#[test]
fn what_the_api_server_writes_itself_is_known() {
    let text = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: web\n  creationTimestamp: \"2026-01-01T00:00:00Z\"\n  uid: x\n  generation: 1\n  managedFields: [{manager: kubectl, operation: Update, time: \"2026-01-01T00:00:00Z\", fieldsType: FieldsV1, fieldsV1: {\"f:spec\": {}}}]\n  ownerReferences: []\n  selfLink: null\nspec: {rules: null, defaultBackend: {service: {name: web, port: {number: 80}}}}\nstatus: {loadBalancer: {}}\n";
    assert_eq!(parse(text).1, []);
}

#[test]
fn a_wrong_api_version_says_what_to_write() {
    for (version, kind, expected) in [
        ("extensions/v1beta1", "Ingress", "networking.k8s.io/v1"),
        (
            "networking.k8s.io/v1beta1",
            "Ingress",
            "networking.k8s.io/v1",
        ),
        (
            "networking.k8s.io/v1beta1",
            "IngressClass",
            "networking.k8s.io/v1",
        ),
        (
            "discovery.k8s.io/v1beta1",
            "EndpointSlice",
            "discovery.k8s.io/v1",
        ),
        ("v2", "Service", "v1"),
    ] {
        let found = finding(&format!(
            "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: web, namespace: shop}}\n"
        ));
        assert!(found.contains("apiVersion  ApiVersionUnknown"), "{found}");
        assert!(found.contains(&format!("Write: {expected}")), "{found}");
    }
    let found = finding("kind: Ingress\nmetadata: {name: web}");
    assert!(found.contains("no apiVersion"), "{found}");
}

#[test]
fn a_value_of_another_type_is_named_by_its_field() {
    for (from, to, field) in [
        (
            "number: 80",
            "number: \"80\"",
            "spec.defaultBackend.service.port.number",
        ),
        (
            "name: web, port",
            "name: [web], port",
            "spec.defaultBackend.service.name",
        ),
        ("spec: {", "spec: {rules: {}, ", "spec.rules"),
        (
            "spec: {",
            "spec: {rules: [{host: a.example}, {host: 5}], ",
            "spec.rules[1].host",
        ),
        (
            "name: web, namespace",
            "name: web, creationTimestamp: now, namespace",
            "metadata.creationTimestamp",
        ),
    ] {
        let text = INGRESS.replace(from, to);
        let (objects, found) = parse(&text);
        assert!(objects.is_empty(), "{text}");
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(
            (found[0].code, found[0].field.as_str()),
            (Code::ObjectInvalid, field),
            "{text}"
        );
        assert_eq!(found[0].object.as_ref().unwrap().to_string(), "shop/web");
    }
}

#[test]
fn a_wrong_value_among_thousands_is_found_at_once() {
    let endpoint = |n: usize| format!("{{addresses: [10.0.{}.{}]}}", n / 256, n % 256);
    let mut endpoints: Vec<_> = (0..5000).map(endpoint).collect();
    endpoints[3210] = "{addresses: [{}]}".into();
    let (_, found) = parse(&format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: a}}\naddressType: IPv4\nendpoints: [{}]",
        endpoints.join(", ")
    ));
    assert_eq!(found[0].field, "endpoints[3210].addresses[0]");
}

#[test]
fn one_bad_document_harms_no_other() {
    let (objects, found) = parse(&format!(
        "{}---\n{INGRESS}",
        INGRESS
            .replace("number: 80", "number: x")
            .replace("name: web, namespace", "name: bad, namespace")
    ));
    assert_eq!(names(&objects), ["shop/web"]);
    assert_eq!(found[0].object.as_ref().unwrap().to_string(), "shop/bad");
}

#[test]
fn annotations_are_texts() {
    let text = INGRESS.replace("name: web, namespace", "name: web, annotations: {portreeve.dev/use-regex: true, portreeve.dev/proxy-read-timeout: 60}, namespace");
    let (objects, found) = parse(&text);
    assert!(objects.is_empty());
    let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "a.yaml: shop/web  metadata.annotations[portreeve.dev/proxy-read-timeout]  ObjectInvalid\n  60 is not a text, so this object is refused; what it said before still holds, if it was ever right.\n  Write: \"60\", in quotes",
            "a.yaml: shop/web  metadata.annotations[portreeve.dev/use-regex]  ObjectInvalid\n  true is not a text, so this object is refused; what it said before still holds, if it was ever right.\n  Write: \"true\", in quotes",
        ]
    );
}

#[test]
fn what_has_no_kind_or_name_is_counted() {
    for (text, what) in [
        (
            "just text",
            "a.yaml: ObjectInvalid\n  Document 2 is not an object",
        ),
        (
            "metadata: {name: web}",
            "a.yaml: ObjectInvalid\n  Document 2 has no kind",
        ),
        (
            "kind: List\nitems: [null, {metadata: {name: web}}]",
            "a.yaml: ObjectInvalid\n  Item 2 of document 2 has no kind",
        ),
        (
            "apiVersion: v1\nkind: Service\n",
            "a.yaml: Service default/(document 2 of a.yaml)  metadata.name  ObjectInvalid\n",
        ),
        (
            "apiVersion: v1\nkind: Serivce\nmetadata: {name: web}\n",
            "a.yaml: Service default/web  kind  ObjectInvalid\n  \"Serivce\" is not a kind; did you mean Service?",
        ),
    ] {
        let found = finding(&format!("{INGRESS}---\n{text}"));
        assert!(found.starts_with(what), "{found}");
    }
}

#[test]
fn what_loses_its_name_or_kind_keeps_its_last_good_value() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n";
    let file = format!("{INGRESS}---\n{service}");
    for (from, to, kept) in [
        ("name: web, namespace", "namespace", "shop/web"),
        ("kind: Ingress\n", "", "shop/web"),
        ("kind: Ingress\n", "kind: ingres\n", "shop/web"),
        ("kind: Service\n", "", "Service shop/web"),
    ] {
        let (last, _) = read(&file);
        let (mut objects, found) = read(&file.replacen(from, to, 1));
        let mut again = objects.clone();
        manifest::keep_refused(&mut objects, &found, &last);
        assert_eq!(objects.len(), 2, "{to}: {objects:?}");
        assert!(!objects.iter().any(is_stand_in), "{to}: {objects:?}");
        assert!(names(&objects).contains(&kept.to_string()), "{to}");
        manifest::keep_refused(&mut again, &found, &objects);
        assert_eq!(
            names(&again),
            names(&objects),
            "and for as long as it has none"
        );
    }
}

#[test]
fn what_never_had_a_name_keeps_nothing_else() {
    let nameless = INGRESS.replace("name: web, namespace", "namespace");
    let (last, _) = read(&format!("{nameless}---\n{INGRESS}"));
    let (mut objects, found) = read(&nameless);
    manifest::keep_refused(&mut objects, &found, &last);
    assert_eq!(names(&objects), ["shop/(document 1 of a.yaml)"]);
    assert!(is_stand_in(&objects[0]));
    let two = format!("{nameless}---\n{nameless}");
    let (mut objects, found) = read(&two);
    manifest::keep_refused(&mut objects, &found, &read(INGRESS).0);
    let stand_ins = objects.iter().filter(|object| is_stand_in(object)).count();
    assert_eq!(
        (stand_ins, objects.len()),
        (2, 3),
        "which of the two it was is not known"
    );
}

fn read(text: &str) -> (Vec<Object>, Vec<Diagnostic>) {
    manifest::parse("a.yaml", text, &Limits::default()).unwrap()
}

fn is_stand_in(object: &Object) -> bool {
    matches!(object.content, Content::Refused(_))
}

#[test]
fn string_data_becomes_data_and_wins() {
    let (objects, found) = parse(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {x: b2xk, y: b2xk}\nstringData: {x: new}\n",
    );
    assert_eq!(found, []);
    let Content::Secret(secret) = &objects[0].content else {
        panic!()
    };
    let data = secret.secret().data.as_ref().unwrap();
    assert_eq!((&*data["x"].0, &*data["y"].0), (&b"new"[..], &b"old"[..]));
}

#[test]
fn nothing_said_about_a_secret_quotes_it() {
    for data in [
        "data: {tls.key: hunter2!}",
        "stringData: {tls.key: [hunter2]}",
        "data: hunter2",
        "data: {hunter: {two: hunter2}}",
        "type: {x: hunter2}",
        "  annotations: {data: {tls.key: hunter2}}",
        "  labels: {tls.key: [hunter2]}",
    ] {
        let (objects, found) = parse(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n{data}\n"
        ));
        assert!(objects.is_empty() && !found.is_empty(), "{data}");
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    }
    let (objects, _) = parse(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {tls.key: hunter2}\n",
    );
    assert!(!format!("{objects:?}").contains("hunter2"));
    let (snapshot, _) = Snapshot::from_objects(objects);
    assert!(!format!("{snapshot:?}").contains("hunter2"));
}

#[test]
fn of_two_objects_with_one_name_the_second_is_named_with_both_files() {
    let read = |file| {
        manifest::parse(file, INGRESS, &Limits::default())
            .unwrap()
            .0
    };
    let (_, found) = Snapshot::from_objects([read("a.yaml"), read("b.yaml")].concat());
    assert_eq!(
        found[0].to_string(),
        "b.yaml: shop/web  ObjectTwice\n  An object with this name stands already in a.yaml; this one is not used.\n  Write: another name, or remove one"
    );
}

#[test]
fn what_a_translation_finds_names_the_file() {
    let (objects, _) = parse(INGRESS);
    let (snapshot, _) = Snapshot::from_objects(objects);
    let options = portreeve_translate::Options::standalone();
    let found = portreeve_translate::translate(&snapshot, &options).diagnostics;
    assert!(
        found[0]
            .to_string()
            .starts_with("a.yaml: shop/web  spec.defaultBackend  ServiceMissing"),
        "{}",
        found[0]
    );
}
