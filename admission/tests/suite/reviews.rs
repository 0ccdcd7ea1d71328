//! What is answered to reviews of every kind, as admission.k8s.io/v1 has it.

use portreeve_admission::{OnMissing, Refusal, WARNING};
use portreeve_translate::{HostOwnership, Options};
use serde_json::{Value, json};

use crate::site::{Site, of, review, seen};
use crate::support;

/// An Ingress of a name for a path of a host.
fn ingress(name: &str, host: &str, path: &str) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": "2026-05-01T00:00:00Z"},
        "spec": {"rules": [{"host": host, "http": {"paths": [{
            "path": path,
            "pathType": "Prefix",
            "backend": {"service": {"name": "web", "port": {"number": 80}}},
        }]}}]},
    })
}

/// A webhook that knows an older Ingress for `one.example/`.
fn site() -> Site {
    Site::yaml(
        "kind: Ingress\nmetadata: {name: first, namespace: shop, creationTimestamp: 2026-01-01T00:00:00Z}\nspec: {rules: [{host: one.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}",
    )
}

fn annotated(mut ingress: Value, key: &str, value: &str) -> Value {
    ingress["metadata"]["annotations"][key] = value.into();
    ingress
}

#[tokio::test]
async fn what_is_right_is_allowed_and_nothing_is_said() {
    let answer = site().create(&ingress("second", "two.example", "/")).await;
    let expected = json!({
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "allowed": true,
        "status": {"code": 200, "status": "Success"},
    });
    assert_eq!(answer, expected);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_names_who_has_the_path_and_where_it_stands() {
    let answer = site().create(&ingress("second", "one.example", "/")).await;
    assert_eq!(answer["allowed"], false);
    let status = &answer["status"];
    assert_eq!(
        (&status["code"], &status["reason"]),
        (&json!(422), &json!("Invalid"))
    );
    let details = &status["details"];
    assert_eq!(details["name"], "second");
    assert_eq!(details["kind"], "Ingress");
    assert_eq!(details["group"], "networking.k8s.io");
    let cause = &details["causes"][0];
    assert_eq!(cause["reason"], "PathTaken");
    assert_eq!(cause["field"], "spec.rules[0].http.paths[0].path");
    assert!(
        cause["message"].as_str().unwrap().contains("shop/first"),
        "{cause}"
    );
}

#[tokio::test]
async fn a_warning_lets_pass_and_is_told_whole_in_short_lines() {
    let given = ingress("second", "two.example", "/");
    let given = annotated(given, "portreeve.dev/proxy-read-timeout", "soon");
    let given = annotated(given, "portreeve.dev/rewrite-targets", "/");
    let answer = site().create(&given).await;
    assert_eq!(answer["allowed"], true);
    let warnings = answer["warnings"].as_array().unwrap();
    let warnings: Vec<_> = warnings.iter().map(|line| line.as_str().unwrap()).collect();
    assert!(
        warnings.iter().all(|line| line.len() <= WARNING),
        "{warnings:#?}"
    );
    let all = warnings.join(" ");
    assert!(
        all.contains("AnnotationIgnored: metadata.annotations[portreeve.dev/proxy-read-timeout]"),
        "{all}"
    );
    assert!(all.contains("Write: portreeve.dev/rewrite-target"), "{all}");
}

#[tokio::test]
async fn an_ingress_of_another_class_is_none_of_our_business() {
    let mut given = ingress("second", "one.example", "/");
    given["spec"]["ingressClassName"] = "theirs".into();
    let answer = site().create(&given).await;
    assert_eq!(answer["allowed"], true);
    assert_eq!(answer["warnings"], Value::Null);
}

#[tokio::test]
async fn an_ingress_of_a_namespace_that_is_not_served_is_none_of_our_business() {
    let site = Site::unaware(Options::standalone(), OnMissing::Deny);
    site.world
        .learn_of(seen(&[]), Some(["other".into()].into()));
    let answer = site.create(&ingress("second", "one.example", "/")).await;
    assert_eq!(
        (&answer["allowed"], &answer["warnings"]),
        (&json!(true), &Value::Null)
    );
}

#[tokio::test]
async fn an_update_that_makes_nothing_worse_passes_with_a_warning() {
    let site = site();
    let old = ingress("second", "one.example", "/");
    let better = annotated(old.clone(), "portreeve.dev/proxy-read-timeout", "5");
    let answer = site.ask(&review("UPDATE", &better, &old)).await;
    assert_eq!(answer["allowed"], true);
    assert!(
        answer["warnings"].to_string().contains("shop/first"),
        "{answer}"
    );

    let worse = annotated(
        old.clone(),
        "portreeve.dev/whitelist-source-range",
        "everybody",
    );
    let answer = site.ask(&review("UPDATE", &worse, &old)).await;
    assert_eq!(answer["allowed"], false);
    let causes = answer["status"]["details"]["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 1, "{causes:#?}");
    assert_eq!(causes[0]["reason"], "AnnotationInvalid");

    let right = ingress("second", "two.example", "/");
    let answer = site.ask(&review("UPDATE", &old, &right)).await;
    assert_eq!(answer["allowed"], false);
}

#[tokio::test(start_paused = true)]
async fn an_old_mistake_is_known_again_after_an_edit_and_a_second_one_is_new() {
    let site = site();
    let refused = |paths: &[&str]| {
        let mut given = ingress("second", "two.example", "/");
        let path = given["spec"]["rules"][0]["http"]["paths"][0].clone();
        let paths = paths.iter().map(|it| {
            let mut path = path.clone();
            path["path"] = (*it).into();
            path
        });
        given["spec"]["rules"][0]["http"]["paths"] = paths.collect();
        given
    };
    let auth = |given| annotated(given, "nginx.ingress.kubernetes.io/auth-url", "http://a");
    // What is said counts the routes, and the mistake is the same.
    let (one, two) = (auth(refused(&["/"])), auth(refused(&["/", "/a"])));
    for (old, new) in [(&one, &two), (&two, &one)] {
        let answer = site.ask(&review("UPDATE", new, old)).await;
        assert_eq!(answer["allowed"], true, "{answer}");
        assert!(answer["warnings"].to_string().contains("auth-url"));
    }
    // A default backend mends what a missing Service does, and not that it is missing.
    let missing = |given: Value| {
        let text = given.to_string().replace("\"web\"", "\"gone\"");
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let old = missing(refused(&["/"]));
    let better = annotated(old.clone(), "portreeve.dev/default-backend", "api");
    let answer = site.ask(&review("UPDATE", &better, &old)).await;
    assert_eq!(answer["allowed"], true, "{answer}");
    let worse = missing(refused(&["/", "/a"]));
    let answer = site.ask(&review("UPDATE", &worse, &old)).await;
    assert_eq!(answer["allowed"], false);
    let causes = answer["status"]["details"]["causes"].as_array().unwrap();
    assert_eq!(causes.len(), 1, "{causes:#?}");
}

#[tokio::test]
async fn what_becomes_small_enough_to_review_keeps_its_mistakes() {
    let mut old = ingress("second", "one.example", "/");
    let path = old["spec"]["rules"][0]["http"]["paths"][0].clone();
    let new = old.clone();
    old["spec"]["rules"][0]["http"]["paths"] = json!(vec![path; 4000]);
    let answer = site().ask(&review("UPDATE", &new, &old)).await;
    assert_eq!(answer["allowed"], true, "{answer}");
    assert!(answer["warnings"].to_string().contains("PathTaken"));
}

#[tokio::test]
async fn what_is_about_to_go_is_not_held_up_and_gets_no_worse() {
    let mut old = ingress("second", "one.example", "/");
    old["metadata"]["deletionTimestamp"] = "2026-06-01T00:00:00Z".into();
    let mut given = old.clone();
    old["metadata"]["finalizers"] = json!(["example.com/mine"]);
    let answer = site().ask(&review("UPDATE", &given, &old)).await;
    assert_eq!(answer["allowed"], true, "it loses its last finalizer");
    // It is served until then, for as long as its owner likes.
    let mut right = ingress("second", "two.example", "/");
    right["metadata"]["deletionTimestamp"] = "2026-06-01T00:00:00Z".into();
    given["metadata"]["finalizers"] = json!(["example.com/mine"]);
    let answer = site().ask(&review("UPDATE", &given, &right)).await;
    assert_eq!(answer["allowed"], false);
    for operation in ["DELETE", "CONNECT"] {
        let answer = site().ask(&review(operation, &Value::Null, &given)).await;
        assert_eq!(answer["allowed"], true, "{operation}");
    }
}

#[tokio::test]
async fn what_is_not_known_yet_is_let_pass_and_said() {
    let site = Site::unaware(Options::standalone(), OnMissing::Deny);
    let answer = site.create(&ingress("second", "one.example", "/")).await;
    assert_eq!(answer["allowed"], true);
    assert!(
        answer["warnings"][0]
            .as_str()
            .unwrap()
            .contains("does not know"),
        "{answer}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_created_just_now_is_waited_for() {
    let site = Site::of(&[], Options::standalone());
    let given = ingress("second", "one.example", "/");
    let came = async {
        tokio::task::yield_now().await;
        site.world.learn(seen(&support::case("").objects));
    };
    let (answer, ()) = tokio::join!(site.create(&given), came);
    assert_eq!(answer["allowed"], true, "{answer}");
    let nowhere = Site::of(&[], Options::standalone());
    let answer = nowhere.create(&given).await;
    assert_eq!(answer["allowed"], false);
    assert_eq!(
        answer["status"]["details"]["causes"][0]["reason"],
        "ServiceMissing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_was_made_just_now_with_its_hosts_is_waited_for() {
    let options = Options {
        host_ownership: HostOwnership::Listed,
        ..Options::standalone()
    };
    let site = Site::of(&support::case("").objects, options);
    let given = ingress("second", "one.example", "/");
    let answer = site.create(&given).await;
    assert_eq!(answer["allowed"], false);
    assert_eq!(
        answer["status"]["details"]["causes"][0]["reason"],
        "HostNotAllowed"
    );
    let namespace = "kind: Namespace\nmetadata: {name: shop, annotations: {portreeve.dev/hosts: one.example}}\n";
    let came = async {
        tokio::task::yield_now().await;
        site.world.learn(seen(&support::case(namespace).objects));
    };
    let (answer, ()) = tokio::join!(site.create(&given), came);
    assert_eq!(answer["allowed"], true, "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_path_whose_ingress_was_deleted_just_now_is_free() {
    let site = site();
    let given = ingress("second", "one.example", "/");
    let went = async {
        tokio::task::yield_now().await;
        site.world.learn(seen(&support::case("").objects));
    };
    let (answer, ()) = tokio::join!(site.create(&given), went);
    assert_eq!(answer["allowed"], true, "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_missing_service_only_warns_where_that_is_asked_for() {
    let site = Site::unaware(Options::standalone(), OnMissing::Warn);
    site.world.learn(seen(&[]));
    let answer = site.create(&ingress("second", "one.example", "/")).await;
    assert_eq!(answer["allowed"], true);
    assert!(
        answer["warnings"].to_string().contains("ServiceMissing"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_secret_that_is_not_seen_is_not_missing() {
    let mut given = ingress("second", "two.example", "/");
    given["spec"]["tls"] = json!([{"hosts": ["two.example"], "secretName": "nowhere"}]);
    let answer = site().create(&given).await;
    assert_eq!(
        (&answer["allowed"], &answer["warnings"]),
        (&json!(true), &Value::Null)
    );
}

#[tokio::test]
async fn settings_of_classes_are_reviewed_as_translation_reads_them() {
    let class = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": "ours"},
        "spec": {
            "controller": "portreeve.dev/ingress-controller",
            "parameters": {"kind": "ConfigMap", "name": "ours", "namespace": "portreeve", "scope": "Namespace"},
        },
    });
    let map = |profile: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "ours", "namespace": "portreeve"},
            "data": {"profile": profile},
        })
    };
    let of_class = |class: &Value| {
        of(
            "networking.k8s.io",
            "ingressclasses",
            "CREATE",
            class,
            &Value::Null,
        )
    };
    let answer = site().ask(&of_class(&class)).await;
    assert_eq!(answer["allowed"], true);
    assert!(
        answer["warnings"]
            .to_string()
            .contains("no ConfigMap portreeve/ours"),
        "{answer}"
    );

    let site = Site::yaml(&class.to_string());
    let of_map = |map: &Value| of("", "configmaps", "UPDATE", map, &Value::Null);
    let answer = site.ask(&of_map(&map("nginx"))).await;
    assert_eq!(
        (&answer["allowed"], &answer["warnings"]),
        (&json!(true), &Value::Null)
    );
    let answer = site.ask(&of_map(&map("nice"))).await;
    assert!(answer["warnings"].to_string().contains("nice"), "{answer}");
    let mut foreign = map("nice");
    foreign["metadata"]["name"] = "other".into();
    let answer = site.ask(&of_map(&foreign)).await;
    assert_eq!(answer["warnings"], Value::Null, "it is nobody's settings");
}

#[tokio::test]
async fn an_object_that_is_not_what_its_resource_says_is_refused() {
    let site = site();
    let mut service = ingress("second", "two.example", "/");
    service["kind"] = "Service".into();
    let mut renamed = review(
        "CREATE",
        &ingress("second", "two.example", "/"),
        &Value::Null,
    );
    renamed["request"]["name"] = "third".into();
    for review in [review("CREATE", &service, &Value::Null), renamed] {
        let answer = site.ask(&review).await;
        assert_eq!(answer["allowed"], false, "{answer}");
        assert_eq!(answer["status"]["code"], 400);
        assert_eq!(answer["status"]["reason"], "BadRequest");
    }
    for wrong in [
        json!([]),
        json!("x"),
        json!({"metadata": []}),
        json!({"kind": "Ingress", "spec": 5}),
    ] {
        let mut asked = review(
            "CREATE",
            &ingress("second", "two.example", "/"),
            &Value::Null,
        );
        asked["request"]["object"] = wrong.clone();
        let answer = site.ask(&asked).await;
        assert_eq!(answer["allowed"], false, "{wrong}: {answer}");
    }
}

#[tokio::test]
async fn a_resource_that_nothing_is_known_of_is_let_pass() {
    let site = site();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}});
    let answer = site
        .ask(&of("", "pods", "CREATE", &pod, &Value::Null))
        .await;
    assert_eq!(
        (&answer["allowed"], &answer["warnings"]),
        (&json!(true), &Value::Null)
    );
    let mut status = review(
        "UPDATE",
        &ingress("second", "one.example", "/"),
        &Value::Null,
    );
    status["request"]["subResource"] = "status".into();
    assert_eq!(site.ask(&status).await["allowed"], true);
}

#[tokio::test]
async fn what_is_no_review_is_refused_by_a_reason() {
    let site = site();
    let good = review(
        "CREATE",
        &ingress("second", "two.example", "/"),
        &Value::Null,
    );
    let with = |pointer: &str, value: Value| {
        let mut review = good.clone();
        *review.pointer_mut(pointer).unwrap() = value;
        review.to_string()
    };
    let whole = good.to_string();
    let (cut, _) = whole.split_at(whole.len() / 2);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_request = with("/request/options", json!("DEEP")).replace("\"DEEP\"", &deep);
    for (body, refusal) in [
        ("", Refusal::NotJson),
        ("hello", Refusal::NotJson),
        ("null", Refusal::NotJson),
        ("[]", Refusal::NotJson),
        (&*deep, Refusal::NotJson),
        (cut, Refusal::NotJson),
        (&*with("/request", Value::Null), Refusal::NotJson),
        (&*with("/request/uid", json!(5)), Refusal::NotJson),
        (
            &*with("/apiVersion", json!("admission.k8s.io/v1beta1")),
            Refusal::Version,
        ),
        (&*with("/kind", json!("Review")), Refusal::Version),
        (
            &*with("/request/operation", json!("PATCH")),
            Refusal::Operation,
        ),
    ] {
        let answer = site.raw(body.as_bytes()).await;
        assert_eq!(answer.err(), Some(refusal), "{:.200}", body);
    }
    assert_eq!(site.raw(&[0xff, 0xfe]).await.err(), Some(Refusal::NotJson));
    // What is not read may be as deep as it likes.
    assert!(site.raw(deep_request.as_bytes()).await.is_ok());
    let object = with("/request/object/metadata", json!("DEEP")).replace("\"DEEP\"", &deep);
    let answer = site.raw(object.as_bytes()).await.unwrap();
    assert_eq!(answer["response"]["allowed"], false);
}

#[tokio::test]
async fn what_would_take_too_much_to_review_is_let_pass_and_said() {
    let site = site();
    let mut many = ingress("second", "one.example", "/");
    let path = many["spec"]["rules"][0]["http"]["paths"][0].clone();
    many["spec"]["rules"][0]["http"]["paths"] = json!(vec![path.clone(); 4000]);
    let large = annotated(
        ingress("second", "one.example", "/"),
        "example.com/x",
        &"x".repeat(1 << 20),
    );
    for given in [many.clone(), large] {
        let answer = site.create(&given).await;
        assert_eq!(answer["allowed"], true);
        assert!(
            answer["warnings"][0]
                .as_str()
                .unwrap()
                .contains("too large"),
            "{answer:.300}"
        );
    }
    many["spec"]["rules"][0]["http"]["paths"] = json!(vec![path; 900]);
    // What kubectl leaves on it says everything twice, in a text.
    let many = annotated(many.clone(), "example.com/last-applied", &many.to_string());
    let answer = site.create(&many).await;
    assert_eq!(answer["allowed"], false);
    let said = answer["status"]["message"].as_str().unwrap();
    assert_eq!(
        said.lines().count(),
        21,
        "the first ones are told, and how many more there are"
    );
    assert!(said.ends_with("… and 880 more."), "{said}");
}
