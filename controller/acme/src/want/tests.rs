//! Which wants are one, and which names can be proven.

use super::*;

fn want(secret: &str, names: &[&str]) -> Want {
    let origin = Origin {
        namespace: "shop".into(),
        name: "web".into(),
    };
    let names = names.iter().map(|name| name.parse().unwrap());
    Want::new(origin, secret.parse().unwrap(), names)
}

#[test]
fn the_order_of_names_and_who_asks_do_not_matter() {
    let a = want("shop/tls", &["b.example", "a.example", "B.example"]);
    let mut b = want("shop/tls", &["a.example", "b.example"]);
    b.origin.name = "other".into();
    b.key_type = Some(KeyType::Rsa2048);
    assert_eq!(a.id(), b.id());
    assert_eq!(a.id().as_str().len(), 64);
}

#[test]
fn other_names_or_another_secret_are_another_want() {
    let one = want("shop/tls", &["a.example"]);
    for other in [
        want("shop/tls2", &["a.example"]),
        want("shop/tls", &["a.example", "b.example"]),
        want("shop/tls", &["b.example"]),
        want("shop/tls", &["10.0.0.1"]),
    ] {
        assert_ne!(one.id(), other.id());
    }
}

#[test]
fn names_that_can_be_proven_are_read_and_others_are_not() {
    for name in [
        "shop.example",
        "xn--bcher-kva.example",
        "10.0.0.1",
        "fd00::1",
    ] {
        assert_eq!(name.parse::<Name>().unwrap().to_string(), name);
    }
    for name in [
        "",
        "*",
        "*.shop.example",
        "a b",
        "bücher.example",
        "-a",
        "a/b",
    ] {
        assert!(name.parse::<Name>().is_err(), "{name}");
    }
}

#[test]
fn the_names_of_choices_are_those_of_annotations_and_flags() {
    let text = |value: serde_json::Value| value.as_str().unwrap().to_owned();
    let json = |key: KeyType| text(serde_json::to_value(key).unwrap());
    let flag = |key: KeyType| clap::ValueEnum::to_possible_value(&key).unwrap();
    for key in <KeyType as clap::ValueEnum>::value_variants() {
        assert_eq!(json(*key), flag(*key).get_name());
    }
    for choice in <ChallengeChoice as clap::ValueEnum>::value_variants() {
        let said = text(serde_json::to_value(choice).unwrap());
        let flag = clap::ValueEnum::to_possible_value(choice).unwrap();
        assert_eq!(said, flag.get_name());
    }
}
