//! The closed list of findings: each has a name to search for, a severity, a meaning and a fix.
//!
//! `docs/diagnostics.md` is made from this list, so a code without a description cannot exist.

use std::fmt::{self, Write as _};

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Served, but not as its author may think.
    Warning,
    /// Part of the object is not served, or answers 503.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[expect(missing_docs, reason = "each is described in CODES")]
pub enum Code {
    AcmeCertManager,
    AcmeIncomplete,
    AcmeNameNotAllowed,
    AcmeNameTaken,
    AcmeOff,
    AcmeSecretTaken,
    AcmeTooManyNames,
    AcmeWildcard,
    AliasOfFirst,
    AliasTaken,
    AnnotationIgnored,
    AnnotationInvalid,
    AnnotationRefused,
    AnnotationUnknown,
    AnnotationUnsupported,
    ApiVersionUnknown,
    BackendInvalid,
    BackendUnsupported,
    CertificateExpired,
    CertificateNames,
    ChallengeInvalid,
    ClassParameters,
    CookiePathNeeded,
    DefaultBackendTaken,
    EndpointRefused,
    ExternalNameRefused,
    FieldUnknown,
    HostInvalid,
    HostListInvalid,
    HostNotAllowed,
    HostTaken,
    IngressEmpty,
    KeyMismatch,
    ManifestUnreadable,
    ObjectInvalid,
    ObjectTwice,
    PathCovers,
    PathInvalid,
    PathTaken,
    PortMissing,
    RegexImplied,
    RegexInvalid,
    RewriteGroupMissing,
    SecretInvalid,
    SecretMissing,
    ServiceMissing,
    SliceWithoutPort,
    SliceWithoutService,
    TargetForbidden,
    TlsNameTaken,
    TlsWithoutNames,
    WeightInvalid,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Code {
    /// How bad it is.
    pub fn severity(self) -> Severity {
        let entry = CODES.iter().find(|entry| entry.code == self);
        entry.map_or(Severity::Error, |entry| entry.severity)
    }
}

/// What is said about a code in the documentation.
#[derive(Clone, Copy, Debug)]
pub struct CodeEntry {
    /// The code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What it means.
    pub doc: &'static str,
    /// What to do.
    pub fix: &'static str,
}

const fn error(code: Code, doc: &'static str, fix: &'static str) -> CodeEntry {
    CodeEntry {
        code,
        severity: Severity::Error,
        doc,
        fix,
    }
}

const fn warning(code: Code, doc: &'static str, fix: &'static str) -> CodeEntry {
    CodeEntry {
        code,
        severity: Severity::Warning,
        doc,
        fix,
    }
}

/// Every code, in alphabetical order.
pub const CODES: &[CodeEntry] = &[
    warning(
        Code::AcmeCertManager,
        "A certificate is wanted by ACME and of cert-manager, for the same Secret; it is left to cert-manager.",
        "Remove `portreeve.dev/acme`, or the annotation of cert-manager and its Certificate.",
    ),
    warning(
        Code::AcmeIncomplete,
        "A certificate is wanted by ACME, but it is not said into which Secret or for which hosts; none is ordered.",
        "Write a `tls` entry with `hosts` and `secretName`.",
    ),
    error(
        Code::AcmeNameNotAllowed,
        "A certificate is wanted by ACME for a name that the administrator's list does not allow in this namespace; none is ordered for it, and its routes are served all the same.",
        "Use a name that is allowed, or let an administrator add it with `--acme-allow`.",
    ),
    error(
        Code::AcmeNameTaken,
        "A certificate is wanted by ACME for a host that an older Ingress in another namespace has a rule for; none is ordered for it, and its routes are served all the same.",
        "Let the namespace that has the host order the certificate.",
    ),
    warning(
        Code::AcmeOff,
        "A certificate is wanted by ACME, and no authority is named; none is ordered.",
        "Name one with `--acme-directory`, or bring a Secret of your own and remove the annotation.",
    ),
    warning(
        Code::AcmeSecretTaken,
        "A certificate is wanted by ACME in a Secret that is there already and was not ordered by us; it is served as it is and never written.",
        "Name a Secret that does not exist, or hand this one over with the annotation `portreeve.dev/acme-issuer`.",
    ),
    error(
        Code::AcmeTooManyNames,
        "A certificate that is wanted by ACME would have more than 100 names; none is ordered.",
        "Divide the names among several `tls` entries, each with a Secret of its own.",
    ),
    error(
        Code::AcmeWildcard,
        "A certificate is wanted by ACME for a wildcard, which an authority grants only by DNS; none is ordered for it, and its routes are served all the same.",
        "List each name by itself, or use cert-manager with a DNS-01 issuer, or bring a Secret of your own.",
    ),
    warning(
        Code::AliasOfFirst,
        "An Ingress with several hosts has `server-alias`; the names stand for its first host.",
        "Write an Ingress of its own for each host that has other names.",
    ),
    warning(
        Code::AliasTaken,
        "A name in `server-alias`, or the one that `from-to-www-redirect` would redirect, is the host of a rule or an older Ingress' name; it stays with that one.",
        "Remove the name from `server-alias`, the redirect, or the rule that has the name.",
    ),
    warning(
        Code::AnnotationIgnored,
        "An annotation's value cannot be used, in whole or in part, is empty where it should protect, or is overridden by another key of the same annotation; what is used instead is said.",
        "Write a value as docs/annotations.md has it.",
    ),
    error(
        Code::AnnotationInvalid,
        "The value of an annotation that restricts or directs traffic cannot be used, so the routes of the Ingress answer 503.",
        "Write a value as docs/annotations.md has it.",
    ),
    error(
        Code::AnnotationRefused,
        "The annotation asks for what is not offered and cannot be left out: where it protects, the routes of the Ingress answer 503; a canary, which would take another Ingress' traffic, takes none.",
        "Use what docs/annotations.md names instead, or remove the annotation when the protection is not needed.",
    ),
    warning(
        Code::AnnotationUnknown,
        "There is no annotation of this name; it does nothing.",
        "Correct the spelling, or remove it.",
    ),
    warning(
        Code::AnnotationUnsupported,
        "The annotation is known from ingress-nginx but does nothing here.",
        "Use what docs/annotations.md names instead, or remove it.",
    ),
    error(
        Code::ApiVersionUnknown,
        "The object has a kind that is served, but in an API version that is not; the object keeps its last good value; when it has none, it is not used, but the hosts and paths of an Ingress answer 503.",
        "Write the API version that the message names; fields may have moved as well.",
    ),
    error(
        Code::BackendInvalid,
        "A backend names both a Service and a resource, or neither, or a Service without a port; its route answers 503.",
        "Write one Service with one port, by number or by name.",
    ),
    error(
        Code::BackendUnsupported,
        "A backend is a resource other than a Service, or speaks a protocol that is not offered; its route answers 503.",
        "Put a Service in its place.",
    ),
    warning(
        Code::CertificateExpired,
        "A certificate has expired; it is served all the same, and clients will refuse it.",
        "Renew the certificate in the Secret.",
    ),
    warning(
        Code::CertificateNames,
        "A certificate does not cover a name that it is listed for; the default certificate is served for that name.",
        "Put a certificate for this name into the Secret, or take the name off the list.",
    ),
    error(
        Code::ChallengeInvalid,
        "A Secret of ACME challenges, or one of its entries, cannot be used; it is not answered.",
        "Nothing by hand: delete the Secret when it was written by hand, and look at the logs of whoever orders certificates when it was not.",
    ),
    warning(
        Code::ClassParameters,
        "The settings of an IngressClass cannot be read, in whole or in part; it is as without what cannot be read.",
        "Name a ConfigMap in the controller's namespace, with settings that docs/classes.md has.",
    ),
    warning(
        Code::CookiePathNeeded,
        "The path is a regular expression, or holds what ends the attribute of a cookie, and cannot be the path of the affinity cookie, which is `/` now.",
        "Set `session-cookie-path`.",
    ),
    error(
        Code::DefaultBackendTaken,
        "Two Ingresses without rules each name a default backend for all hosts; the older one's is used.",
        "Remove one of the two.",
    ),
    error(
        Code::EndpointRefused,
        "An endpoint's address is not one to send requests to: not an IP address, loopback, link-local, multicast or unspecified, a cloud's metadata, the API server, a listener of ours, or what an administrator forbids.",
        "Write the address of a pod or a machine; loopback addresses are allowed in standalone mode, and others by `--allow-target`.",
    ),
    error(
        Code::ExternalNameRefused,
        "A Service of type ExternalName has a name that is not allowed, so its routes answer 503.",
        "Write a DNS name that is not this machine's, the API server's or a controller's, or allow external names.",
    ),
    warning(
        Code::FieldUnknown,
        "The object has a field that its kind does not have; it does nothing.",
        "Correct the spelling or the indentation, or remove it.",
    ),
    error(
        Code::HostInvalid,
        "A host is not a DNS name; the rule or the name is not served.",
        "Write a DNS name such as `shop.example.com`, or `*.example.com`, without a port.",
    ),
    warning(
        Code::HostListInvalid,
        "The annotation `portreeve.dev/hosts` of a Namespace lists what is no host; it allows nothing, and the rest of the list counts.",
        "Write DNS names such as `shop.example.com`, `*.example.com` for every name below one, or `*` for all.",
    ),
    error(
        Code::HostNotAllowed,
        "The namespace may not use the host (`--host-ownership listed`), so what the Ingress asks for this host is not served: no rule, no default backend, no other name, no redirect and no certificate.",
        "Use a host that the annotation `portreeve.dev/hosts` of the Namespace lists, or let an administrator add it there.",
    ),
    error(
        Code::HostTaken,
        "The host belongs to another namespace, which was the first to claim it (`--host-ownership first`), so what the Ingress asks for this host is not served: no rule, no default backend, no other name, no redirect and no certificate.",
        "Use another host, or move the Ingress to the namespace that has the host.",
    ),
    error(
        Code::IngressEmpty,
        "An Ingress has neither rules nor a default backend; it serves nothing.",
        "Add rules or a default backend.",
    ),
    error(
        Code::KeyMismatch,
        "The private key in a Secret does not belong to the certificate beside it; the default certificate is served.",
        "Put the key and the certificate that belong together into the Secret.",
    ),
    error(
        Code::ManifestUnreadable,
        "A file is not YAML or JSON, is cut short or is larger than allowed; its objects keep their last good value.",
        "Correct the file where the message points.",
    ),
    error(
        Code::ObjectInvalid,
        "A value in an object is not of the type that its field has, or the object has no name, or no kind that there is; the object keeps its last good value; when it has none, it is not used, but the hosts and paths of an Ingress answer 503.",
        "Write a value of the type that the message names, or the name or the kind.",
    ),
    error(
        Code::ObjectTwice,
        "Two objects of one kind have the same namespace and name; the first is used.",
        "Give one of them another name, or remove it.",
    ),
    warning(
        Code::PathCovers,
        "A regular expression takes every path of a host, and goes before shorter paths of an older Ingress in another namespace.",
        "Write `/` of type Prefix for what no other path takes, or use another host.",
    ),
    error(
        Code::PathInvalid,
        "A path cannot be the path of any request, or its type is none that there is; what it is likely to mean answers 503 and is kept from younger Ingresses, and the message says when that cannot be told.",
        "Write a path that starts with `/` and has no query, control characters or `..` above the root, of type Exact, Prefix or ImplementationSpecific.",
    ),
    error(
        Code::PathTaken,
        "An older Ingress has the same path of the same type on the same host, a Prefix of the same text as a plain expression, or a path that cannot be read and may mean this one; the older one's route is served or answers 503.",
        "Change one of the two paths or hosts, or remove one.",
    ),
    error(
        Code::PortMissing,
        "The Service has no such port; the route answers 503.",
        "Write one of the Service's ports, by number or by name.",
    ),
    warning(
        Code::RegexImplied,
        "A Prefix path holds characters of a regular expression and is taken as one because of `rewrite-target`.",
        "Write `pathType: ImplementationSpecific` to say so.",
    ),
    error(
        Code::RegexInvalid,
        "A regular expression cannot be used, or those of the Ingress come to too much together; what begins as its alternatives do, up to their first special characters, answers 503, and no younger Ingress has a path there unless it is longer or Exact; one that begins with a special character is not served, and closes the same for the whole host when its Ingress restricts clients.",
        "Correct the expression as the message says; look-around and back-references are not offered.",
    ),
    warning(
        Code::RewriteGroupMissing,
        "`rewrite-target` refers to a group that the path does not have; it is empty.",
        "Add the group to the path, or remove it from `rewrite-target`.",
    ),
    error(
        Code::SecretInvalid,
        "A TLS Secret does not hold a usable certificate and key; the default certificate is served.",
        "Put a PEM chain, leaf first, into `tls.crt` and its PEM key into `tls.key`.",
    ),
    error(
        Code::SecretMissing,
        "A TLS Secret does not exist in the namespace of the Ingress; the default certificate is served until it does.",
        "Create the Secret, or correct its name.",
    ),
    error(
        Code::ServiceMissing,
        "A Service does not exist in the namespace of the Ingress; the route answers 503 until it does, or by the Service of `default-backend`. When that one is missing, it is not used.",
        "Create the Service, or correct its name.",
    ),
    warning(
        Code::SliceWithoutPort,
        "An EndpointSlice has no port of the name that the Service's port has; its endpoints are not used.",
        "Give the slice's port the name of the Service's port.",
    ),
    warning(
        Code::SliceWithoutService,
        "An EndpointSlice does not say which Service it belongs to; its endpoints are not used.",
        "Add the label `kubernetes.io/service-name`.",
    ),
    error(
        Code::TargetForbidden,
        "A Service leads where no request may be sent: to this machine, its link, a cloud's metadata, the API server, a listener of ours, or what an administrator forbids; that is left out, and the route answers 503 when nothing else is left.",
        "Let the Service lead to Pods; an administrator may allow the address with `--allow-target`.",
    ),
    error(
        Code::TlsNameTaken,
        "An older Ingress has another certificate for the same name; the older one's is served.",
        "Use the same Secret, or remove the name from one of the two.",
    ),
    warning(
        Code::TlsWithoutNames,
        "A `tls` entry lists no hosts and its certificate covers none of the Ingress' hosts; it is not served.",
        "List the names in `hosts`.",
    ),
    warning(
        Code::WeightInvalid,
        "The weight of an EndpointSlice is not a number from 0 to 65535; it is 1.",
        "Write a number such as `\"5\"`, in quotes.",
    ),
];

/// `docs/diagnostics.md`.
pub fn docs() -> String {
    let mut text = String::from(
        "# Diagnostics\n\n\
         <!-- Made from controller/translate/src/code.rs; rewrite it with `UPDATE=1 cargo test -p portreeve-translate`. -->\n\n\
         Every finding about an object names the object, the field and one of these codes.\n\
         An error means that part of the object is not served or answers 503; nothing else is harmed.\n\
         A warning means that it is served, but perhaps not as meant.\n",
    );
    for entry in CODES {
        let CodeEntry {
            code,
            severity,
            doc,
            fix,
        } = entry;
        // Writing to a String cannot fail.
        let _ = write!(text, "\n## {code}\n\n*{severity}*\n\n{doc}\n\n{fix}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_described_once_in_order() {
        for (place, entry) in CODES.iter().enumerate() {
            assert_eq!(entry.code as usize, place, "{}", entry.code);
            assert!(
                entry.doc.ends_with('.') && entry.fix.ends_with('.'),
                "{}",
                entry.code
            );
        }
        assert_eq!(CODES.len(), Code::WeightInvalid as usize + 1);
        let names: Vec<_> = CODES.iter().map(|entry| entry.code.to_string()).collect();
        assert!(names.is_sorted(), "{names:?}");
    }
}
