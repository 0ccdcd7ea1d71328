//! Keys of every type, and the requests made with them.

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

use super::*;

#[test]
fn each_type_of_key_can_ask_for_names_and_addresses() {
    let names = ["a.example", "xn--bcher-kva.example", "10.0.0.1", "fd00::1"];
    let names = names.map(|name| name.parse().unwrap());
    for (key_type, algorithm, bits) in [
        (KeyType::EcdsaP256, "1.2.840.10045.2.1", 256),
        (KeyType::EcdsaP384, "1.2.840.10045.2.1", 384),
        (KeyType::Rsa2048, "1.2.840.113549.1.1.1", 2048),
    ] {
        let key = generate(key_type).unwrap();
        assert!(key.expose().starts_with("-----BEGIN PRIVATE KEY-----"));
        let der = csr(&names, &key).unwrap();
        let (rest, request) = X509CertificationRequest::from_der(&der).unwrap();
        assert!(rest.is_empty());
        let info = &request.certification_request_info;
        assert_eq!(info.subject.as_raw(), [0x30, 0], "an empty subject");
        let public = &info.subject_pki;
        assert_eq!(public.algorithm.algorithm.to_id_string(), algorithm);
        assert_eq!(public.parsed().unwrap().key_size(), bits);
        let mut extensions = request.requested_extensions().unwrap();
        let asked = extensions.find_map(|extension| match extension {
            ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
            _ => None,
        });
        let expected = [
            GeneralName::DNSName("a.example"),
            GeneralName::DNSName("xn--bcher-kva.example"),
            GeneralName::IPAddress(&[10, 0, 0, 1]),
            GeneralName::IPAddress(&[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ];
        assert_eq!(asked.unwrap().as_slice(), expected);
    }
}

#[test]
fn what_is_no_key_is_said_without_showing_it() {
    let failure = csr(
        &["a.example".parse().unwrap()],
        &Secret::new("hunter2".into()),
    );
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Store);
    assert!(!failure.detail.contains("hunter2"), "{failure}");
}
