//! Takes away the history that watches stand on.

use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use portreeve_cluster::{Action, Control};
use serde_json::json;

use crate::place::Place;

/// Makes history that no watch hears of, so that all are behind it, and then takes it away.
///
/// `name` is one that was not used before.
pub(crate) async fn forget(place: &Place, name: &str) {
    let secrets = place.api::<Secret>();
    for n in 0..10 {
        let name = format!("{name}-{n}");
        let secret = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        let params = PostParams::default();
        secrets.create(&params, &secret).await.unwrap();
    }
    let control = Control::from_env();
    let api_server = || "kube-apiserver".to_string();
    for action in [
        Action::Stop(api_server()),
        Action::Compact,
        Action::Start(api_server()),
    ] {
        control.act(&action).await.unwrap();
    }
}
