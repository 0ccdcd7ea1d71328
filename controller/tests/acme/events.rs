//! What is said in Events.

use std::collections::BTreeSet;

use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;

use crate::place::Place;
use crate::wait::until;

/// Waits until Events with these reasons are said about an Ingress, and returns the note of the last.
pub(crate) async fn told(place: &Place, namespace: &str, object: &str, reasons: &[&str]) -> String {
    let events: Api<Event> = Api::namespaced(place.client.clone(), namespace);
    let only = ListParams::default().fields(&format!("regarding.name={object}"));
    let mut note = None;
    until(&format!("{reasons:?} are said of {object}"), async || {
        let found = events.list(&only).await.unwrap().items;
        let said: BTreeSet<_> = found.iter().filter_map(|it| it.reason.as_deref()).collect();
        let last = found
            .iter()
            .find(|it| it.reason.as_deref() == reasons.last().copied());
        note = last.and_then(|it| it.note.clone());
        reasons.iter().all(|reason| said.contains(reason))
    })
    .await;
    note.unwrap()
}
