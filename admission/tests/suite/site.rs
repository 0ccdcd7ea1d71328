//! A webhook that knows some objects, and questions to it.

use std::sync::Arc;

use portreeve_admission::{Handler, OnMissing, Refusal, World};
use portreeve_translate::{Content, Object, Options, Snapshot};
use serde_json::{Value, json};

use crate::support;

/// A webhook.
pub(crate) struct Site {
    handler: Handler,
    pub(crate) world: Arc<World>,
}

impl Site {
    /// One that knows what a controller would, but for what it may not see.
    pub(crate) fn of(objects: &[Object], options: Options) -> Self {
        let site = Self::unaware(options, OnMissing::Deny);
        site.world.learn(seen(objects));
        site
    }

    /// One that knows nothing yet.
    pub(crate) fn unaware(options: Options, on_missing: OnMissing) -> Self {
        let world = Arc::new(World::new(options, on_missing));
        Self {
            handler: Handler::new(Arc::clone(&world)),
            world,
        }
    }

    /// One with the objects of a YAML text and the Services of every test.
    pub(crate) fn yaml(yaml: &str) -> Self {
        let case = support::case(yaml);
        Self::of(&case.objects, case.options)
    }

    /// The answer to a review, without what is around it.
    pub(crate) async fn ask(&self, review: &Value) -> Value {
        let answer = self.raw(review.to_string().as_bytes()).await.unwrap();
        assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
        assert_eq!(answer["kind"], "AdmissionReview");
        assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
        answer["response"].clone()
    }

    /// The answer to anything.
    pub(crate) async fn raw(&self, body: &[u8]) -> Result<Value, Refusal> {
        let answer = self.handler.review(body).await?;
        Ok(serde_json::from_slice(&answer).unwrap())
    }

    /// The answer to the creation of an Ingress.
    pub(crate) async fn create(&self, ingress: &Value) -> Value {
        self.ask(&review("CREATE", ingress, &Value::Null)).await
    }
}

/// What the webhook sees of objects: it has no right to read Secrets and endpoints.
pub(crate) fn seen(objects: &[Object]) -> Snapshot {
    let is_seen = |object: &&Object| {
        !matches!(
            object.content,
            Content::Secret(_) | Content::EndpointSlice(_) | Content::Refused(_)
        )
    };
    let seen = objects.iter().filter(is_seen).cloned();
    Snapshot::from_objects(seen).0.without_secrets()
}

/// A review of an Ingress as the API server asks for it.
pub(crate) fn review(operation: &str, object: &Value, old: &Value) -> Value {
    of("networking.k8s.io", "ingresses", operation, object, old)
}

/// A review of any object.
pub(crate) fn of(
    group: &str,
    resource: &str,
    operation: &str,
    object: &Value,
    old: &Value,
) -> Value {
    let about = if object.is_null() { old } else { object };
    let kind = json!({"group": group, "version": "v1", "kind": about["kind"]});
    let resource = json!({"group": group, "version": "v1", "resource": resource});
    let namespace = match resource["resource"].as_str() {
        Some("ingressclasses") => Value::Null,
        _ => json!(about["metadata"]["namespace"].as_str().unwrap_or("default")),
    };
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": kind,
            "resource": resource,
            "requestKind": kind,
            "requestResource": resource,
            "name": about["metadata"]["name"],
            "namespace": namespace,
            "operation": operation,
            "userInfo": {"username": "admin", "groups": ["system:authenticated"]},
            "object": object,
            "oldObject": old,
            "dryRun": false,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
        },
    })
}
