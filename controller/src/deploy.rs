//! That the manifests say what the controller understands, and allow what it asks for.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use clap::{Args, Command, CommandFactory, FromArgMatches, Parser};
use portreeve_identity::Role;
use portreeve_settings::AcmeWanting;
use serde_json::{Value, json};

use crate::acme;
use crate::lease::Timing;
use crate::options::Options;
use crate::pki::{ADMISSION_SERVICE, Entry};

const NAMESPACE: &str = "portreeve";

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    std::fs::read_to_string(path.join(file)).unwrap()
}

/// The objects of a kind in a file of `deploy`.
fn objects(file: &str, kind: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(&read(file)).unwrap();
    let of_kind = documents.into_iter().filter(|it| it["kind"] == kind);
    of_kind.collect()
}

/// The first of them.
fn object(file: &str, kind: &str) -> Value {
    objects(file, kind).remove(0)
}

/// The one of them with this name.
fn named(file: &str, kind: &str, name: &str) -> Value {
    let mut objects = objects(file, kind).into_iter();
    let found = objects.find(|it| it["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("{kind} {name} is not in {file}"))
}

fn pod(file: &str) -> Value {
    object(file, "Deployment")["spec"]["template"]["spec"].clone()
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn options() -> Options {
    let args = texts(&pod("controller.yaml")["containers"][0]["args"]);
    let args = args.iter().map(|arg| {
        let arg = arg.replace("$(POD_IP)", "10.0.0.1");
        arg.replace("$(POD_NAMESPACE)", NAMESPACE)
    });
    Options::try_parse_from(["portreeve-controller".to_owned()].into_iter().chain(args)).unwrap()
}

/// The names that a rule of the controller's is for.
fn names(kind: &str, resource: &str) -> Vec<String> {
    let role = named("rbac.yaml", kind, "portreeve-controller");
    let rules = role["rules"].as_array().unwrap().iter();
    let rule = rules
        .filter(|rule| rule["resources"][0] == resource)
        .find(|rule| rule["resourceNames"].is_array());
    texts(&rule.unwrap()["resourceNames"])
}

fn webhooks() -> Vec<Value> {
    let configuration = object("webhook.yaml", "ValidatingWebhookConfiguration");
    configuration["webhooks"].as_array().unwrap().clone()
}

#[test]
fn every_flag_is_one_and_names_what_there_is() {
    let options = options();
    let service = options.publish_service.unwrap();
    let proxies = object("proxy.yaml", "Service");
    assert_eq!(proxies["metadata"]["name"], *service.name);
    let class = object("ingressclass.yaml", "IngressClass");
    let controller = class["spec"]["controller"].as_str().unwrap();
    assert!(
        options
            .settings
            .controller_class
            .iter()
            .any(|class| class == controller)
    );
    let port = &object("controller.yaml", "Service")["spec"]["ports"][0]["port"];
    assert_eq!(*port, options.config_listen.port());
}

#[test]
fn the_rights_are_for_the_names_that_are_used() {
    assert_eq!(names("Role", "leases"), [options().election_id]);
    let leaves = Role::ALL.map(|role| Entry::Leaf(role).secret());
    let entries = [&[Entry::Authority.secret()][..], &leaves].concat();
    assert_eq!(names("Role", "secrets"), entries);
    let configuration = object("webhook.yaml", "ValidatingWebhookConfiguration");
    let told = options().admission_webhook_configuration;
    assert_eq!(configuration["metadata"]["name"], told);
    let resource = "validatingwebhookconfigurations";
    assert_eq!(names("ClusterRole", resource), [told]);
}

#[test]
fn a_pod_has_more_time_to_stop_than_the_controller_takes() {
    let grace = &pod("controller.yaml")["terminationGracePeriodSeconds"];
    let grace = Duration::from_secs(grace.as_u64().unwrap());
    let takes = crate::siblings::PATIENCE
        + crate::status::FAREWELL
        + Timing::of(options().election_ttl).call;
    assert!(grace > takes, "{grace:?} is not more than {takes:?}");
}

/// From the API server's question to the answer of a Pod, by the names that everybody knows.
#[test]
fn the_api_server_finds_the_admission_webhook_and_believes_it() {
    let service = object("admission.yaml", "Service");
    assert_eq!(service["metadata"]["name"], ADMISSION_SERVICE);
    let port = &service["spec"]["ports"][0];
    for webhook in webhooks() {
        let leads_to = &webhook["clientConfig"]["service"];
        assert_eq!(leads_to["name"], ADMISSION_SERVICE);
        assert_eq!(leads_to["namespace"], NAMESPACE);
        assert_eq!(leads_to["port"], port["port"]);
        // Written by the controller, and left alone by whoever applies this again.
        assert_eq!(webhook["clientConfig"]["caBundle"], Value::Null);
    }
    let pod = pod("admission.yaml");
    let ports = pod["containers"][0]["ports"].as_array().unwrap();
    assert!(ports.iter().any(|it| it["name"] == port["targetPort"]));
    let mounted = &pod["volumes"][0]["secret"]["secretName"];
    assert_eq!(*mounted, Entry::Leaf(Role::Admission).secret());
}

#[test]
fn a_webhook_that_is_away_keeps_nobody_waiting_for_long() {
    for webhook in webhooks() {
        assert_eq!(webhook["failurePolicy"], "Ignore");
        assert!(webhook["timeoutSeconds"].as_u64().unwrap() <= 5);
        assert_eq!(webhook["sideEffects"], "None");
        assert_eq!(webhook["matchPolicy"], "Equivalent");
        assert_eq!(webhook["admissionReviewVersions"], json!(["v1"]));
        let selector = &webhook["namespaceSelector"];
        assert!(selector.is_object(), "it is asked about every namespace");
    }
}

#[test]
fn the_admission_webhook_may_write_nothing_and_read_no_secret() {
    let mut resources = BTreeSet::new();
    for kind in ["ClusterRole", "Role"] {
        let role = named("rbac.yaml", kind, ADMISSION_SERVICE);
        for rule in role["rules"].as_array().unwrap() {
            assert_eq!(texts(&rule["verbs"]), ["get", "list", "watch"]);
            resources.extend(texts(&rule["resources"]));
        }
    }
    let known = ["configmaps", "ingressclasses", "ingresses", "services"];
    assert_eq!(resources, known.map(String::from).into());
}

/// What both must take the same way comes from one place.
#[test]
fn controllers_and_the_admission_webhook_cannot_be_configured_apart() {
    let from = |file: &str| pod(file)["containers"][0]["envFrom"].clone();
    let options = json!([{"configMapRef": {"name": "portreeve-options"}}]);
    assert_eq!(from("controller.yaml"), options);
    assert_eq!(from("admission.yaml"), options);
    let command = Options::command();
    let known: BTreeSet<_> = command
        .get_arguments()
        .filter_map(|flag| flag.get_env()?.to_str())
        .collect();
    let text = read("options.env");
    let lines = text.lines().map(|line| line.trim_start_matches('#'));
    let shown: Vec<_> = lines.filter_map(|line| line.split_once('=')).collect();
    assert!(!shown.is_empty());
    for (name, _) in shown {
        assert!(known.contains(name), "{name} is no flag's");
    }
}

/// What decides how an Ingress is read, the admission webhook is told by the same words.
#[test]
fn certificates_cannot_be_wanted_of_one_and_not_of_the_other() {
    let controller = Options::command();
    let admission = AcmeWanting::augment_args(Command::new("admission"));
    for flag in admission.get_arguments() {
        let (name, env) = (flag.get_long(), flag.get_env());
        let mut all = controller.get_arguments();
        let same = all.find(|it| it.get_long() == name);
        let same = same.unwrap_or_else(|| panic!("{name:?} is no flag of the controller"));
        assert_eq!(same.get_env(), env);
        assert_eq!(same.get_default_values(), flag.get_default_values());
    }
    for given in [
        &[][..],
        &["--acme-directory=letsencrypt", "--acme-tls-acme"],
        &[
            "--acme-directory=https://ca.example/dir",
            "--acme-allow=shop=*.shop.example,*=example",
        ],
    ] {
        let arguments = ["program"].iter().chain(given);
        let mut there = portreeve_translate::Options::default();
        let parsed = admission
            .clone()
            .try_get_matches_from(arguments.clone())
            .unwrap();
        AcmeWanting::from_arg_matches(&parsed)
            .unwrap()
            .tell(&mut there);
        let here = Options::try_parse_from(arguments).unwrap().translation();
        let of = |it: portreeve_translate::Options| (it.acme, it.tls_acme, it.acme_allowed);
        assert_eq!(of(here), of(there), "{given:?}");
    }
}

/// What the component that orders certificates says is understood, and the Service that it names has
/// the ports that proxies are asked at.
#[test]
fn the_component_for_certificates_names_what_there_is() {
    let component: Value = serde_saphyr::from_str(&read("acme/kustomization.yaml")).unwrap();
    let options = texts(&component["configMapGenerator"][0]["literals"]);
    let command = Options::command();
    for option in &options {
        let (name, _) = option.split_once('=').unwrap();
        let known = command.get_arguments().filter_map(|flag| flag.get_env());
        assert!(
            known.into_iter().any(|env| env == name),
            "{name} is no flag's"
        );
    }
    let services = options
        .iter()
        .filter_map(|it| it.strip_prefix("PORTREEVE_ACME_SERVICE="));
    let service = object("proxy.yaml", "Service");
    let name = service["metadata"]["name"].as_str().unwrap();
    assert_eq!(
        services.collect::<Vec<_>>(),
        [format!("{NAMESPACE}/{name}")]
    );
    let ports = service["spec"]["ports"].as_array().unwrap().iter();
    let ports: BTreeSet<_> = ports.map(|port| port["name"].as_str().unwrap()).collect();
    assert_eq!(ports, BTreeSet::from(["http", "https"]));
}

/// Nothing of the controller's that an alert looks at is misspelt, and of each it is said what to do.
#[test]
fn alerts_look_at_what_there_is() {
    let rules = object("alerts.yaml", "PrometheusRule");
    let rules = rules["spec"]["groups"][0]["rules"]
        .as_array()
        .unwrap()
        .clone();
    let operations = read("../docs/operations.md");
    for rule in rules {
        let alert = rule["alert"].as_str().unwrap();
        assert!(operations.contains(&format!("| `{alert}` |")), "{alert}");
        let expression = rule["expr"].as_str().unwrap();
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = expression.split(|c| !letter(c));
        for word in words.filter(|word| word.starts_with("portreeve_")) {
            let known = acme::FAMILIES.iter().any(|family| family.name == word);
            assert!(known, "{alert}: {word}");
        }
        if let Some((_, rest)) = expression.split_once("reason=\"") {
            let reason = rest.split('"').next().unwrap();
            let known = acme::Reason::ALL.iter().any(|it| it.as_str() == reason);
            assert!(known, "{alert}: {reason}");
        }
    }
}

/// By that name it would be the controller's, who would make it its own again.
#[test]
fn cert_manager_keeps_a_secret_of_its_own() {
    let certificate = named(
        "cert-manager/certificate.yaml",
        "Certificate",
        ADMISSION_SERVICE,
    );
    let secret = certificate["spec"]["secretName"].as_str().unwrap();
    let ours = Role::ALL.map(|role| Entry::Leaf(role).secret());
    assert!(!ours.contains(&secret));
    let patch = read("cert-manager/kustomization.yaml");
    assert!(patch.contains(&format!("value: {secret}\n")));
    let name = format!("{ADMISSION_SERVICE}.{NAMESPACE}.svc");
    assert!(texts(&certificate["spec"]["dnsNames"]).contains(&name));
}
