//! What is found in an object when it is translated among all others.

use k8s_openapi::api::networking::v1::Ingress;
use portreeve_translate::{
    Diagnostic, Kind, Neighbours, Object, ObjectKey, ObjectRef, Options, Owner, Snapshot, owner,
    translate,
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
    let object = ObjectKey::of(&candidate.metadata).reference(Kind::Ingress);
    let around = neighbours.around(snapshot, candidate);
    Verdict::of(found(&around, options, |about| *about == object))
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
