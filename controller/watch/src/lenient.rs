//! An object that is taken even if it cannot be read, so that it does not spoil the list it is in.

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An object, or why it is none; what identifies it is known either way.
#[derive(Clone)]
pub(crate) struct Lenient<K>(pub Result<K, Unreadable>);

/// An object that cannot be read.
#[derive(Clone)]
pub(crate) struct Unreadable {
    /// Name, namespace and version, as far as they are there.
    metadata: ObjectMeta,
    /// Why, with the value that is wrong: not to be shown of a Secret.
    pub why: String,
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for Lenient<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(Self(K::deserialize(&value).map_err(|why| Unreadable {
            metadata: identity(&value),
            why: why.to_string(),
        })))
    }
}

fn identity(object: &Value) -> ObjectMeta {
    let field = |name: &str| {
        let field = object.get("metadata").and_then(|of| of.get(name));
        field.and_then(Value::as_str).map(String::from)
    };
    ObjectMeta {
        name: field("name"),
        namespace: field("namespace"),
        resource_version: field("resourceVersion"),
        ..ObjectMeta::default()
    }
}

impl<K: Resource> Resource for Lenient<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(of: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(of)
    }

    fn group(of: &Self::DynamicType) -> Cow<'_, str> {
        K::group(of)
    }

    fn version(of: &Self::DynamicType) -> Cow<'_, str> {
        K::version(of)
    }

    fn plural(of: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        match &self.0 {
            Ok(object) => object.meta(),
            Err(unreadable) => &unreadable.metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(object) => object.meta_mut(),
            Err(unreadable) => &mut unreadable.metadata,
        }
    }
}

impl<K: Resource> fmt::Debug for Lenient<K> {
    /// The client wants one; a Secret must not show its data in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lenient({:?})", self.meta().name)
    }
}
