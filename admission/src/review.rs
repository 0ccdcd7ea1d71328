//! What is found in an object when it is translated among all others.

use std::time::{SystemTime, UNIX_EPOCH};

use k8s_openapi::api::networking::v1::Ingress;
use portreeve_translate::{
    Diagnostic, Kind, Neighbours, Object, ObjectRef, Options, Owner, Snapshot, owner, translate,
};

use crate::verdict::Verdict;

/// Reviews an Ingress. `neighbours` is up to date with the snapshot.
pub(crate) fn ingress(
    snapshot: &Snapshot,
    neighbours: &Neighbours,
    candidate: Ingress,
    options: &Options,
) -> Verdict {
    if owner(&candidate, snapshot, options) != Owner::Ours {
        return Verdict::Other;
    }
    let object = reference(&candidate);
    let around = neighbours.around(snapshot, candidate);
    Verdict::of(found(&around, &now(options), |about| *about == object))
}

fn reference(candidate: &Ingress) -> ObjectRef {
    let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
    ObjectRef {
        kind: Kind::Ingress,
        namespace: text(&candidate.metadata.namespace),
        name: text(&candidate.metadata.name),
    }
}

/// Reviews an IngressClass.
pub(crate) fn class(snapshot: &Snapshot, class: Object, options: &Options) -> Verdict {
    let object = class.reference();
    let mut around = snapshot.without_ingresses();
    around.insert(class);
    Verdict::of(found(&around, options, |about| *about == object))
}

/// Reviews a ConfigMap by what the classes say that have it as their settings.
pub(crate) fn settings(snapshot: &Snapshot, map: Object, options: &Options) -> Verdict {
    let of_classes = |about: &ObjectRef| about.kind == Kind::IngressClass;
    let mut around = snapshot.without_ingresses();
    let before = found(&around, options, of_classes);
    around.insert(map);
    let mut new = found(&around, options, of_classes);
    new.retain(|found| !before.contains(found));
    Verdict::of(new)
}

fn found(
    snapshot: &Snapshot,
    options: &Options,
    is_meant: impl Fn(&ObjectRef) -> bool,
) -> Vec<Diagnostic> {
    let mut found = translate(snapshot, options).diagnostics;
    found.retain(|found| found.object.as_ref().is_some_and(&is_meant));
    found
}

/// The options at this moment: certificates are not seen, but what is translated has a time.
fn now(options: &Options) -> Options {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    Options {
        now: i64::try_from(now).unwrap_or(i64::MAX),
        ..options.clone()
    }
}
