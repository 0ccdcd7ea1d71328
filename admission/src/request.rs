//! A request for a review, as the API server sends it (admission.k8s.io/v1).
//!
//! Read with nothing copied but names: the objects stay text until it is known that they are to be
//! read, and whatever else is in a review is passed over.

use std::borrow::Cow;

use kube::core::admission::{META_API_VERSION_V1, META_KIND, Operation};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::refusal::Refusal;

/// What is to be reviewed.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// What the answer must name.
    pub(crate) uid: Cow<'a, str>,
    pub(crate) resource: Resource,
    pub(crate) namespace: Cow<'a, str>,
    pub(crate) name: Cow<'a, str>,
    pub(crate) operation: Operation,
    pub(crate) object: Option<&'a RawValue>,
    /// What an update is an update of.
    pub(crate) old: Option<&'a RawValue>,
}

/// What kind of object is reviewed, by its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Ingress,
    IngressClass,
    ConfigMap,
    /// One that nothing is known of.
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    request: Option<Body<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(borrow)]
    resource: Which<'a>,
    #[serde(borrow, default)]
    sub_resource: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    operation: Cow<'a, str>,
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    old_object: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Which<'a> {
    #[serde(borrow)]
    group: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    resource: Cow<'a, str>,
}

impl<'a> Request<'a> {
    /// Reads a review.
    ///
    /// # Errors
    /// When it is none that can be answered.
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Refusal> {
        let review: Review<'_> = serde_json::from_slice(text).map_err(|_| Refusal::NotJson)?;
        if review.kind != META_KIND || review.api_version != META_API_VERSION_V1 {
            return Err(Refusal::Version);
        }
        let body = review.request.ok_or(Refusal::NotJson)?;
        let there = |raw: &&RawValue| raw.get() != "null";
        Ok(Self {
            resource: Resource::of(&body),
            operation: operation(&body.operation)?,
            uid: body.uid,
            namespace: body.namespace.unwrap_or_default(),
            name: body.name.unwrap_or_default(),
            object: body.object.filter(there),
            old: body.old_object.filter(there),
        })
    }
}

impl Resource {
    fn of(body: &Body<'_>) -> Self {
        let Which {
            group,
            version,
            resource,
        } = &body.resource;
        if body
            .sub_resource
            .as_ref()
            .is_some_and(|sub| !sub.is_empty())
        {
            return Self::Other;
        }
        match (&**group, &**version, &**resource) {
            ("networking.k8s.io", "v1", "ingresses") => Self::Ingress,
            ("networking.k8s.io", "v1", "ingressclasses") => Self::IngressClass,
            ("", "v1", "configmaps") => Self::ConfigMap,
            _ => Self::Other,
        }
    }
}

fn operation(text: &str) -> Result<Operation, Refusal> {
    match text {
        "CREATE" => Ok(Operation::Create),
        "UPDATE" => Ok(Operation::Update),
        "DELETE" => Ok(Operation::Delete),
        "CONNECT" => Ok(Operation::Connect),
        _ => Err(Refusal::Operation),
    }
}
