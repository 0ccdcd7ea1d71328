//! Which Ingresses are ours, and by which letter each is read; docs/classes.md tells users.
//!
//! An Ingress of somebody else's class is none of our business: nothing is said about it.

use k8s_openapi::api::networking::v1::{Ingress, IngressClass};

use crate::options::{ByName, Options, Profile};
use crate::parameters::Settings;
use crate::snapshot::Snapshot;

/// The annotation that named a class before there was a field for it.
const LEGACY_CLASS: &str = "kubernetes.io/ingress.class";

/// The controller of ingress-nginx's classes; its Ingresses are read as it reads them.
const INGRESS_NGINX: &str = "k8s.io/ingress-nginx";

/// Whose an Ingress is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// It is translated.
    Ours,
    /// It names a class that is not ours: somebody serves it, or is meant to.
    Other,
    /// It names no class, and Ingresses without one are not ours.
    Nobody,
}

/// Whose `ingress` is: whoever writes its status must agree with whoever translates it.
pub fn owner(ingress: &Ingress, snapshot: &Snapshot, options: &Options) -> Owner {
    if profile(ingress, snapshot, options).is_some() {
        return Owner::Ours;
    }
    let spec = ingress.spec.as_ref();
    let field = spec.and_then(|spec| spec.ingress_class_name.as_deref());
    match field.or_else(|| legacy(ingress)) {
        Some(_) => Owner::Other,
        None => Owner::Nobody,
    }
}

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
        return of_class(name, snapshot, options).or_else(|| of_name(name, snapshot, options));
    }
    match legacy(ingress) {
        Some(name) if is_ours(name, options) => match snapshot.class(name) {
            Some(_) => {
                of_class(name, snapshot, options).or_else(|| of_name(name, snapshot, options))
            }
            None => Some(options.profile),
        },
        Some(_) => None,
        None => options.watch_without_class.then_some(options.profile),
    }
}

/// The class that the annotation names.
fn legacy(ingress: &Ingress) -> Option<&str> {
    let annotations = ingress.metadata.annotations.as_ref();
    let name = annotations.and_then(|all| all.get(LEGACY_CLASS));
    name.map(String::as_str).filter(|name| !name.is_empty())
}

fn is_ours(name: &str, options: &Options) -> bool {
    options.ingress_classes.iter().any(|class| class == name)
}

/// The profile of a class that is taken by its name.
fn of_name(name: &str, snapshot: &Snapshot, options: &Options) -> Option<Profile> {
    let class = snapshot.class(name);
    let is_taken = is_ours(name, options)
        && match options.class_by_name {
            ByName::No => false,
            ByName::WithoutClass => class.is_none(),
            ByName::Yes => true,
        };
    let set = class.and_then(|class| Settings::of(class, snapshot, options).profile);
    is_taken.then(|| set.unwrap_or(options.profile))
}

/// The profile of the IngressClass of this name, when it exists and one of our controllers' is it.
fn of_class(name: &str, snapshot: &Snapshot, options: &Options) -> Option<Profile> {
    let class = snapshot.class(name)?;
    let usual = match controller(class, options)? {
        INGRESS_NGINX => Profile::Nginx,
        _ => Profile::Standard,
    };
    let settings = Settings::of(class, snapshot, options);
    Some(settings.profile.unwrap_or(usual))
}

/// The controller of a class, when it is one of ours.
pub(crate) fn controller<'a>(class: &'a IngressClass, options: &Options) -> Option<&'a str> {
    let controller = class.spec.as_ref()?.controller.as_deref()?;
    let ours = options.controllers.iter().any(|c| c == controller);
    ours.then_some(controller)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(ingress: Value, options: &Options) -> Owner {
        let class = |name: &str, controller: &str| -> IngressClass {
            let class = json!({"metadata": {"name": name}, "spec": {"controller": controller}});
            serde_json::from_value(class).unwrap()
        };
        let ours = class("own", "portreeve.dev/ingress-controller");
        let objects = [ours.into(), class("theirs", "example.com/other").into()];
        let (snapshot, _) = Snapshot::from_objects(objects);
        let ingress: Ingress = serde_json::from_value(ingress).unwrap();
        owner(&ingress, &snapshot, options)
    }

    #[test]
    fn an_ingress_is_ours_or_somebody_elses_or_nobodys() {
        let field = |name: &str| json!({"spec": {"ingressClassName": name}});
        let annotated = |name: &str| json!({"metadata": {"annotations": {LEGACY_CLASS: name}}});
        for (ingress, owner) in [
            (field("own"), Owner::Ours),
            (field("theirs"), Owner::Other),
            // Its class may be about to be made again, or a controller goes by the name.
            (field("missing"), Owner::Other),
            (annotated("nginx"), Owner::Ours),
            (annotated("theirs"), Owner::Other),
            (annotated(""), Owner::Nobody),
            (json!({}), Owner::Nobody),
        ] {
            assert_eq!(of(ingress.clone(), &Options::default()), owner, "{ingress}");
        }
        assert_eq!(of(json!({}), &Options::standalone()), Owner::Ours);
    }
}
