//! What of a file's last version still holds beside its next one.

use std::collections::BTreeSet;

use crate::code::Code;
use crate::content::Object;
use crate::diagnostic::Diagnostic;
use crate::object::{Kind, ObjectRef};

/// Adds to what was read of a file the `last` good values of the objects that were refused, by
/// what was found: without them, what such an object restricts would be open, or closed at best.
///
/// One whose name is missing may be any of its kind that the file had and has no longer, and one
/// whose kind is missing may be any at all, so all of those are kept.
pub fn keep_refused(objects: &mut Vec<Object>, found: &[Diagnostic], last: &[Object]) {
    let refused = found
        .iter()
        .filter(|found| matches!(found.code, Code::ObjectInvalid | Code::ApiVersionUnknown));
    let refused: BTreeSet<_> = refused.map(|found| found.object.as_ref()).collect();
    if refused.is_empty() {
        return;
    }
    let here: BTreeSet<_> = objects.iter().map(Object::reference).collect();
    // Those that had no name before either are none that the file has no longer.
    let before = last.iter().filter(|last| is_nameless(last)).count();
    let nameless = objects.iter().filter(|object| is_nameless(object)).count();
    let is_lost = |object: &ObjectRef| {
        let nameless_of = |kind| {
            refused
                .iter()
                .flatten()
                .any(|r| r.is_nameless() && r.kind == kind)
        };
        let is_likely = match object.kind {
            Kind::Ingress => nameless > before,
            kind => nameless_of(kind),
        };
        (is_likely || refused.contains(&None)) && !here.contains(object)
    };
    let good = last.iter().filter(|last| !last.is_refused());
    let good = good.map(|last| (last.reference(), last));
    let (known, others): (Vec<_>, Vec<_>) = good.partition(|(r, _)| refused.contains(&Some(r)));
    let lost: Vec<_> = others.into_iter().filter(|(r, _)| is_lost(r)).collect();
    let lost_ingresses = lost.iter().filter(|(r, _)| r.kind == Kind::Ingress).count();
    let names: BTreeSet<_> = known.iter().map(|(r, _)| r).collect();
    objects.retain(|object| {
        let is_replaced = match is_nameless(object) {
            true => lost_ingresses >= nameless,
            false => names.contains(&object.reference()),
        };
        !(object.is_refused() && is_replaced)
    });
    let kept = known.iter().chain(&lost);
    objects.extend(kept.map(|(_, object)| (*object).clone()));
}

/// Whether it stands for an Ingress whose name is not known.
fn is_nameless(object: &Object) -> bool {
    object.is_refused() && object.reference().is_nameless()
}
