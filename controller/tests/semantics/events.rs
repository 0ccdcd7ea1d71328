//! What is said in Events.

use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;

use crate::place::Place;
use crate::wait::until;

/// Waits for an Event with this reason about an object, and returns what it says. What has no
/// namespace is told of in `default`.
pub(crate) async fn told(place: &Place, namespace: &str, object: &str, reason: &str) -> String {
    let events: Api<Event> = Api::namespaced(place.client.clone(), namespace);
    let selector = format!("regarding.name={object},reason={reason}");
    let selector = ListParams::default().fields(&selector);
    let mut note = None;
    until(&format!("{reason} is said of {object}"), async || {
        let found = events.list(&selector).await.unwrap().items;
        note = found.into_iter().find_map(|event| event.note);
        note.is_some()
    })
    .await;
    note.unwrap()
}
