//! `deploy` as it is, in a cluster: that everything comes up, that it serves, and that it asks for
//! no right that it does not have and has none that it does not ask for.

#![forbid(unsafe_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod admission;
mod place;
mod rights;
mod shop;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use place::Place;

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn what_is_deployed_serves_and_asks_for_nothing_that_it_may_not() {
    let place = Place::new().await;
    place.kubectl(&["apply", "-k", "deploy"]);
    for name in [
        "portreeve-controller",
        "portreeve-proxy",
        "portreeve-admission",
    ] {
        place.until(place.ours::<Deployment>(), name, has(2)).await;
    }

    shop::open(&place).await;
    shop::is_served_by_every_proxy(&place).await;
    shop::has_the_address_of_the_proxies(&place).await;
    shop::says_what_is_wrong(&place).await;
    shop::is_refused_a_snippet(&place).await;
    shop::has_a_class_with_a_wrong_setting(&place).await;
    admission::refuses_what_is_wrong_and_says_why(&place).await;

    rights::proxies_have_no_token(&place).await;
    rights::are_no_more_than_needed().await;
    rights::were_enough(&place).await;

    admission::reads_what_controllers_read(&place).await;
    rights::were_enough(&place).await;
    stops(&place).await;
    has_no_load_balancer(&place).await;
    lists_hosts(&place).await;
    keeps_certificates(&place).await;
}

/// Statuses outlive one controller of two, and not the last; what is served outlives both.
async fn stops(place: &Place) {
    let scale = |replicas: &str| {
        let replicas = format!("--replicas={replicas}");
        let deployment = "deployment/portreeve-controller";
        place.kubectl(&["-n", "portreeve", "scale", deployment, &replicas]);
    };
    scale("1");
    let controllers = place.until_pods("controller", 1).await;
    let left = controllers[0].metadata.name.clone().unwrap();
    let leads = |lease: &Lease| {
        let spec = lease.spec.as_ref()?;
        let holder = spec.holder_identity.as_ref()?;
        holder.starts_with(&left).then_some(())
    };
    let leases = place.ours::<Lease>();
    place
        .until(leases, "ingress-controller-leader", leads)
        .await;
    assert_eq!(shop::addresses(place).await, [shop::ADDRESS]);
    rights::were_enough(place).await;
    scale("0");
    shop::has_no_address(place).await;
    place.until_pods("controller", 0).await;
    shop::is_served_by_every_proxy(place).await;
}

/// Without a load balancer, statuses say where the Nodes of the proxies are; and when all controllers
/// stop at once, one of them is the last and takes that back.
async fn has_no_load_balancer(place: &Place) {
    place.apply_with("node-addresses");
    let controllers = "portreeve-controller";
    let deployments = place.ours::<Deployment>();
    place.until(deployments, controllers, has(2)).await;
    shop::has_the_address(place, portreeve_cluster::HOST).await;
    rights::of_nodes_are_to_read_one_by_one().await;
    admission::is_left_to_cert_manager(place).await;
    rights::were_enough(place).await;
    let none = [
        "-n",
        "portreeve",
        "scale",
        "deployment",
        controllers,
        "--replicas=0",
    ];
    place.kubectl(&none);
    shop::has_no_address(place).await;
    place.until_pods("controller", 0).await;
}

/// With the component, a namespace uses the hosts that its Namespace lists, which takes the right to
/// read them.
async fn lists_hosts(place: &Place) {
    place.apply_with("host-ownership");
    let controllers = "portreeve-controller";
    place
        .until(place.ours::<Deployment>(), controllers, has(2))
        .await;
    shop::may_not_use_its_hosts(place).await;
    place.kubectl(&["annotate", "namespace", "shop", "portreeve.dev/hosts=*"]);
    shop::is_served_by_every_proxy(place).await;
    rights::of_namespaces_are_to_read().await;
    rights::were_enough(place).await;
}

/// With the component, the controller may keep certificates in Secrets of tenants, and its state in its
/// own.
async fn keeps_certificates(place: &Place) {
    place.apply_with("acme");
    for name in ["portreeve-controller", "portreeve-admission"] {
        place.until(place.ours::<Deployment>(), name, has(2)).await;
    }
    rights::of_secrets_are_to_write_but_not_to_delete().await;
    rights::were_enough(place).await;
}

fn has(replicas: i32) -> impl Fn(&Deployment) -> Option<()> {
    move |deployment| {
        let status = deployment.status.as_ref()?;
        let all = [status.ready_replicas, status.updated_replicas];
        (all == [Some(replicas); 2]).then_some(())
    }
}
