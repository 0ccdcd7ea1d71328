//! The settings of a class: a ConfigMap that its IngressClass names in `spec.parameters`.
//!
//! A setting that cannot be read is said of the IngressClass, and the class is as without it.

use k8s_openapi::api::networking::v1::{IngressClass, IngressClassParametersReference};
use portreeve_table::shorten;

use crate::class;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::object::{Kind, ObjectKey, ObjectRef};
use crate::options::{Options, Profile};
use crate::snapshot::Snapshot;

/// The one setting there is so far.
const PROFILE: &str = "profile";

/// What a class may say of itself.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// By whose letter its Ingresses are read.
    pub(crate) profile: Option<Profile>,
    found: Vec<Finding>,
}

/// Something that is wrong: the field, what it is, and what to write.
#[derive(Debug)]
struct Finding(&'static str, String, String);

impl Settings {
    pub(crate) fn of(class: &IngressClass, snapshot: &Snapshot, options: &Options) -> Self {
        let mut settings = Self::default();
        let spec = class.spec.as_ref();
        if let Some(reference) = spec.and_then(|spec| spec.parameters.as_ref()) {
            match config_map(reference, options) {
                Ok(key) => settings.read(&key, snapshot),
                Err(finding) => settings.found.push(finding),
            }
        }
        settings
    }

    fn read(&mut self, key: &ObjectKey, snapshot: &Snapshot) {
        let Some(map) = snapshot.config_map(key) else {
            let message = format!("There is no ConfigMap {key}, so the class has no settings.");
            let hint = "the name of a ConfigMap in that namespace".into();
            return self
                .found
                .push(Finding("spec.parameters.name", message, hint));
        };
        for (name, value) in map.data.iter().flatten() {
            let (place, hint) = ("spec.parameters", format!("{PROFILE}: standard or nginx"));
            if name != PROFILE {
                let name = shorten(name);
                let message = format!("ConfigMap {key} has {name:?}, which is no setting.");
                self.found.push(Finding(place, message, hint));
                continue;
            }
            match value.trim().parse() {
                Ok(profile) => self.profile = Some(profile),
                Err(_) => {
                    let value = shorten(value);
                    let message = format!(
                        "ConfigMap {key} has {PROFILE}: {value:?}, which is none, so the class has that of its controller."
                    );
                    self.found.push(Finding(place, message, hint));
                }
            }
        }
    }
}

/// Which ConfigMap is meant.
fn config_map(
    reference: &IngressClassParametersReference,
    options: &Options,
) -> Result<ObjectKey, Finding> {
    let group = reference.api_group.as_deref().unwrap_or_default();
    if reference.kind != Kind::ConfigMap.as_str() || !group.is_empty() {
        let kind = shorten(&reference.kind);
        let message = format!("{kind:?} is not read, so the class has no settings.");
        let hint = "kind: ConfigMap, without an apiGroup".into();
        return Err(Finding("spec.parameters.kind", message, hint));
    }
    let ours = options.parameters.as_deref();
    let example = ours.unwrap_or("NAMESPACE");
    let hint = || format!("scope: Namespace and namespace: {example}");
    match reference.namespace.as_deref().filter(|it| !it.is_empty()) {
        None => {
            let message =
                "The namespace of the ConfigMap is missing, so the class has no settings.";
            Err(Finding("spec.parameters.namespace", message.into(), hint()))
        }
        Some(other) if ours.is_some_and(|ours| ours != other) => {
            let other = shorten(other);
            let message = format!(
                "ConfigMaps in the namespace {other:?} are not read, so the class has no settings."
            );
            Err(Finding("spec.parameters.namespace", message, hint()))
        }
        Some(namespace) => Ok(ObjectKey::new(namespace, &reference.name)),
    }
}

/// What is wrong with the settings of classes that are ours.
pub(crate) fn diagnostics(snapshot: &Snapshot, options: &Options) -> Vec<Diagnostic> {
    let ours = snapshot
        .classes()
        .filter(|(_, class)| class::controller(class, options).is_some());
    let found = ours.flat_map(|(name, class)| {
        let object = ObjectRef {
            kind: Kind::IngressClass,
            namespace: "".into(),
            name: name.into(),
        };
        let found = Settings::of(class, snapshot, options).found.into_iter();
        found.map(move |Finding(field, message, hint)| {
            Diagnostic::new(Code::ClassParameters, object.clone(), message)
                .field(field)
                .hint(hint)
        })
    });
    found.collect()
}
