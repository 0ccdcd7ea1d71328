//! What differs between two readings of the directory, as far as it decides how much to do again.
//!
//! Endpoints are most of what changes and touch no route. When nothing else differs, only the
//! upstreams of their Services are translated again.

use std::collections::BTreeSet;

use portreeve_translate::{Content, Object, ObjectKey};

/// What differs.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Whether anything does.
    pub(super) any: bool,
    /// Whether more than endpoints do.
    pub(super) more: bool,
    /// The Services whose endpoints may.
    pub(super) services: BTreeSet<ObjectKey>,
}

impl Changes {
    /// Notes that a file said `before` and says `after`.
    pub(super) fn add(&mut self, before: &[Object], after: &[Object]) {
        self.any = true;
        let slices = before.iter().chain(after).filter_map(service);
        self.services.extend(slices);
        let [before, after] = [before, after].map(|all| all.iter().filter(|o| !is_slice(o)));
        self.more |= before.clone().count() != after.clone().count();
        self.more |= !before
            .zip(after)
            .all(|(a, b)| is_same(&a.content, &b.content));
    }

    /// Notes that something is to be said anew, or no longer.
    pub(super) fn add_more(&mut self) {
        (self.any, self.more) = (true, true);
    }
}

fn is_slice(object: &Object) -> bool {
    matches!(object.content, Content::EndpointSlice(_))
}

fn service(object: &Object) -> Option<ObjectKey> {
    match &object.content {
        Content::EndpointSlice(slice) => portreeve_translate::service::of_slice(slice),
        _ => None,
    }
}

/// Secrets are not compared: there are few, and what takes one for changed does no harm.
fn is_same(a: &Content, b: &Content) -> bool {
    match (a, b) {
        (Content::Ingress(a), Content::Ingress(b)) => a == b,
        (Content::IngressClass(a), Content::IngressClass(b)) => a == b,
        (Content::Service(a), Content::Service(b)) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portreeve_translate::manifest::{self, Limits};

    const SERVICE: &str = "{apiVersion: v1, kind: Service, metadata: {name: a}}\n---\n";
    const SLICE: &str = "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, \
        metadata: {name: s, labels: {kubernetes.io/service-name: a}}, endpoints: [{addresses: [1.1.1.1]}]}";

    fn changes(before: &str, after: &str) -> Changes {
        let [before, after] = [before, after].map(|text| {
            manifest::parse("a.yaml", text, &Limits::default())
                .unwrap()
                .0
        });
        let mut changes = Changes::default();
        changes.add(&before, &after);
        changes
    }

    #[test]
    fn another_endpoint_is_no_more_than_that() {
        let both = SERVICE.to_string() + SLICE;
        let a = BTreeSet::from([ObjectKey::new("default", "a")]);
        for (before, after) in [
            (&both, both.replace("1.1.1.1", "1.1.1.2")),
            (&both, SERVICE.into()),
            (&SERVICE.into(), both.clone()),
        ] {
            let changes = changes(before, &after);
            assert_eq!((changes.more, &changes.services), (false, &a), "{after}");
        }
    }

    #[test]
    fn whatever_else_differs_is_more() {
        let both = SERVICE.to_string() + SLICE;
        for after in ["", SLICE, &both.replace("name: a}", "name: b}")] {
            assert!(changes(&both, after).more, "{after}");
        }
        let secret = "{apiVersion: v1, kind: Secret, metadata: {name: t}}";
        assert!(changes(secret, secret).more);
    }
}
