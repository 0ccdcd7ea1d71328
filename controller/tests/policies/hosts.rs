//! Hosts that a namespace may use, by the list in its annotation.

use serde_json::{Value, json};

use crate::cluster::with_policies;
use crate::corner::{Corner, Refusal};

/// What an Ingress claims.
enum Claim {
    Host(&'static str),
    NoHost,
    Default,
    Tls(&'static str),
    Alias(&'static str),
    Www(&'static str),
}

use Claim::{Alias, Default, Host, NoHost, Tls, Www};

impl Claim {
    /// An Ingress that claims this, and beside it what its namespace may use anyway.
    fn ingress(&self, corner: &Corner) -> Value {
        let mut ingress = match self {
            Alias(names) => corner.ingress(&[("portreeve.dev/server-alias", names)]),
            Www(_) => corner.ingress(&[("portreeve.dev/from-to-www-redirect", "true")]),
            _ => corner.ingress(&[]),
        };
        let rule = &mut ingress["spec"]["rules"][0];
        match self {
            Host(host) | Www(host) => rule["host"] = json!(host),
            NoHost => rule["host"] = Value::Null,
            Default => {
                let backend = rule["http"]["paths"][0]["backend"].take();
                ingress["spec"]["rules"] = Value::Null;
                ingress["spec"]["defaultBackend"] = backend;
            }
            Tls(host) => ingress["spec"]["tls"] = json!([{"hosts": [host]}]),
            Alias(_) => {}
        }
        ingress
    }
}

/// A corner whose list is this, and what may be claimed there or not. `shop.example` is always in it,
/// for what else an Ingress must have.
async fn check(name: &'static str, list: &str, claims: &[(Claim, bool)]) {
    let corner = Corner::make(with_policies().await, name, Some(list)).await;
    for (claim, is_allowed) in claims {
        let ingress = claim.ingress(&corner);
        let said = corner.refusal(&ingress).await;
        let by = said.map(|said| said.policy);
        let expected = (!is_allowed).then(|| "portreeve-hosts".to_string());
        assert_eq!(by, expected, "{list:?}: {ingress}");
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn a_list_allows_its_names_and_what_is_below_its_wildcards() {
    let list = "shop.example, *.Team.example,,  Upper.Example. ";
    let claims = [
        (Host("shop.example"), true),
        (Host("eu.shop.example"), false),
        (Host("*.shop.example"), false),
        (Host("myshop.example"), false),
        (Host("example"), false),
        (Host("upper.example"), true),
        (Host("a.team.example"), true),
        (Host("c.b.a.team.example"), true),
        (Host("*.team.example"), true),
        (Host("*.a.team.example"), true),
        (Host("team.example"), false),
        (Host("ateam.example"), false),
        (Host("*.example"), false),
        (NoHost, false),
        (Default, false),
    ];
    check("hosts", list, &claims).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn every_place_that_names_a_host_is_looked_at() {
    let claims = [
        (Tls("shop.example"), true),
        (Tls("other.example"), false),
        (Tls("*.shop.example"), false),
        (Alias("a.team.example"), true),
        (Alias(" Shop.example. , A.TEAM.example"), true),
        (Alias("shop.example,other.example"), false),
        (Alias("a.team.example.other"), false),
        (Alias("~^(.+)$"), false),
        (Alias("other.example\nshop.example"), false),
        (Alias("*"), false),
        (Www("a.team.example"), true),
        (Www("www.a.team.example"), true),
        (Www("shop.example"), false),
        (Www("*.team.example"), true),
    ];
    check("host-places", "shop.example, *.team.example", &claims).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn a_lone_star_allows_everything() {
    let claims = [
        (Host("shop.example"), true),
        (Host("*.example"), true),
        (NoHost, true),
        (Default, true),
        (Tls("other.example"), true),
        (Alias("other.example,~^x$"), true),
        (Www("shop.example"), true),
    ];
    check("host-star", "*", &claims).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn what_is_no_host_in_a_list_allows_nothing() {
    let list = "shop.example; other.example, *.*.team.example, *team.example, *., .a.example";
    let claims = [
        (Host("shop.example"), false),
        (Host("other.example"), false),
        (Host("a.b.team.example"), false),
        (Host("ateam.example"), false),
        (Host("a.example"), false),
        (Host("b.a.example"), false),
    ];
    check("host-no-list", list, &claims).await;
}

/// The own prefix wins, so that the other one's names are not served.
#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn of_two_prefixes_the_one_that_counts_is_looked_at() {
    let corner = Corner::make(with_policies().await, "host-prefix", Some("shop.example")).await;
    for (own, nginx, is_allowed) in [
        ("shop.example", "other.example", true),
        ("other.example", "shop.example", false),
        (" ", "other.example", false),
        ("", "shop.example", true),
    ] {
        let said = corner
            .refusal(&corner.ingress(&[
                ("portreeve.dev/server-alias", own),
                ("nginx.ingress.kubernetes.io/server-alias", nginx),
            ]))
            .await;
        assert_eq!(said.is_none(), is_allowed, "{own:?} {nginx:?}");
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn it_is_said_what_may_be_used() {
    let long = (0..100).map(|n| format!("{n}.example")).collect::<Vec<_>>();
    for (name, list, alias, said) in [
        (
            "said-none",
            None,
            "shop.example",
            "may use no host, and so not shop.example",
        ),
        (
            "said-one",
            Some("shop.example, *.b.example"),
            "a.example, c.example, a.example",
            "may use shop.example, *.b.example and not a.example, nor others",
        ),
        (
            "said-many",
            Some(&*long.join(",")),
            "0.example",
            "may use the hosts in its annotation portreeve.dev/hosts and not shop.example",
        ),
        (
            "said-break",
            Some("shop.example"),
            "a.example\nallowed",
            "may use shop.example and not a name in server-alias",
        ),
    ] {
        let corner = Corner::make(with_policies().await, name, list).await;
        let ingress = corner.ingress(&[("portreeve.dev/server-alias", alias)]);
        let words = format!(
            "The namespace {name} {said}. Write: a host that the annotation portreeve.dev/hosts of \
             Namespace {name} lists, or let an administrator add it there."
        );
        let expected = Refusal {
            policy: "portreeve-hosts".into(),
            words,
        };
        assert_eq!(corner.refusal(&ingress).await, Some(expected));
    }
    let corner = Corner::make(with_policies().await, "said-rest", Some("shop.example")).await;
    let said = corner.refusal(&Default.ingress(&corner)).await.unwrap();
    let words = "The namespace said-rest may use shop.example and not hosts that no rule names. ";
    assert!(said.words.starts_with(words), "{}", said.words);
}
