//! What is no identity, and how that is said.

use portreeve_identity::{Identity, Pem, Role};
use portreeve_table::Secret;

use crate::authority::{Authority, expired};

fn complaint(pem: &Pem) -> String {
    let error = Identity::parse(Role::Proxy, pem, "Secret edge/x").unwrap_err();
    error.to_string()
}

#[test]
fn what_is_wrong_is_said() {
    let authority = Authority::new();
    let good = authority.certify(Role::Proxy);
    let other = authority.certify(Role::Proxy);
    let stranger = Authority::new();
    let garbled = good.chain.replace("M", "*");
    for (wrong, said) in [
        (
            Pem {
                ca: String::new(),
                ..good.clone()
            },
            "ca.crt is not PEM",
        ),
        (
            Pem {
                ca: good.key.expose().clone(),
                ..good.clone()
            },
            "ca.crt is not PEM",
        ),
        (
            Pem {
                chain: garbled,
                ..good.clone()
            },
            "tls.crt is not PEM",
        ),
        (
            Pem {
                key: Secret::new("-".into()),
                ..good.clone()
            },
            "tls.key is not PEM",
        ),
        (
            Pem {
                key: other.key,
                ..good.clone()
            },
            "tls.key does not belong to tls.crt",
        ),
        (
            Pem {
                ca: stranger.pem(),
                ..good.clone()
            },
            "not a certificate of the role proxy",
        ),
        (
            authority.certify(Role::Controller),
            "not a certificate of the role proxy",
        ),
    ] {
        let told = complaint(&wrong);
        assert!(
            told.starts_with("Secret edge/x: ") && told.contains(said),
            "{told}"
        );
        assert!(!told.contains("PRIVATE KEY"), "{told}");
    }
    assert!(Identity::parse(Role::Proxy, &good, "").is_ok());
}

#[test]
fn one_that_has_expired_is_still_one() {
    for role in Role::ALL {
        let mut pem = Authority::new().certify_as(role.dns_name(), expired);
        assert!(Identity::parse(role, &pem, "").is_ok());
        // But that it has expired excuses nothing else.
        pem.ca = Authority::new().pem();
        let told = Identity::parse(role, &pem, "").unwrap_err().to_string();
        assert!(told.contains("not a certificate of the role"), "{told}");
    }
}

#[test]
fn every_role_has_a_name_for_tls() {
    for role in Role::ALL {
        assert_eq!(role.server_name().to_str(), role.dns_name());
    }
}

#[test]
fn a_key_is_never_shown() {
    let pem = Authority::new().certify(Role::Proxy);
    let identity = Identity::parse(Role::Proxy, &pem, "").unwrap();
    let secret = pem.key.expose().lines().nth(1).unwrap().to_string();
    for shown in [format!("{pem:?}"), format!("{identity:?}")] {
        assert!(!shown.contains(&secret), "{shown}");
    }
}
