//! Which Ingresses are ours, and by which letter each is read.
//!
//! An Ingress of somebody else's class is none of our business: nothing is said about it.

use k8s_openapi::api::networking::v1::Ingress;

use crate::options::{Options, Profile};
use crate::snapshot::Snapshot;

/// The annotation that named a class before there was a field for it.
const LEGACY_CLASS: &str = "kubernetes.io/ingress.class";

/// The controller of ingress-nginx's classes; its Ingresses are read as it reads them.
const INGRESS_NGINX: &str = "k8s.io/ingress-nginx";

/// The profile in which an Ingress is served; `None` when it is not ours.
///
/// The field comes first, then the annotation, then whether Ingresses without a class are served.
pub(crate) fn profile(
    ingress: &Ingress,
    snapshot: &Snapshot,
    options: &Options,
) -> Option<Profile> {
    let spec = ingress.spec.as_ref();
    let field = spec.and_then(|spec| spec.ingress_class_name.as_deref());
    if let Some(name) = field {
        // A class that exists says itself whose it is.
        let named = options.class_by_name && snapshot.class(name).is_none();
        let named = named && is_ours(name, options);
        return of_class(name, snapshot, options).or_else(|| named.then_some(options.profile));
    }
    let annotations = ingress.metadata.annotations.as_ref();
    let legacy = annotations.and_then(|all| all.get(LEGACY_CLASS));
    match legacy.map(String::as_str).filter(|name| !name.is_empty()) {
        Some(name) if is_ours(name, options) => match snapshot.class(name) {
            Some(_) => of_class(name, snapshot, options),
            None => Some(options.profile),
        },
        Some(_) => None,
        None => options.watch_without_class.then_some(options.profile),
    }
}

fn is_ours(name: &str, options: &Options) -> bool {
    options.ingress_classes.iter().any(|class| class == name)
}

/// The profile of the IngressClass of this name, when it exists and one of our controllers' is it.
fn of_class(name: &str, snapshot: &Snapshot, options: &Options) -> Option<Profile> {
    let controller = snapshot.class(name)?.spec.as_ref()?.controller.as_deref()?;
    let ours = options.controllers.iter().any(|c| c == controller);
    ours.then_some(match controller {
        INGRESS_NGINX => Profile::Nginx,
        _ => Profile::Standard,
    })
}
