//! The addresses of Nodes: which are written, for how long they are believed, and in which term.

use super::*;
use crate::status::{NodeAddress, Proxies};

/// A setup that writes the addresses of the Nodes of proxies to the Ingress `web`.
fn by_nodes() -> Setup {
    let source = Source::Nodes(Proxies {
        namespace: "portreeve".into(),
        selector: "app=proxy".into(),
        address: NodeAddress::External,
    });
    Setup::with(&[("web", Owner::Ours, None)], source)
}

#[tokio::test(start_paused = true)]
async fn the_addresses_of_the_nodes_of_ready_proxies_are_written() {
    let setup = by_nodes();
    let pods = |pods: &[(&'static str, bool)]| setup.state.lock().unwrap().pods = pods.into();
    pods(&[("1", true), ("2", false), ("1", true)]);
    setup.pass(60).await;
    assert_eq!(
        setup.state.lock().unwrap().nodes_read,
        0,
        "it does not lead"
    );
    setup.state.lock().unwrap().forbids = true;
    setup.leads.send_replace(true);
    setup.put("old", Owner::Ours, Some(("10.0.1.9", "portreeve")));
    setup.pass(600).await;
    assert_eq!(setup.says("web"), None, "what may not be read is not known");
    setup.state.lock().unwrap().forbids = false;
    pods(&[]);
    setup.pass(600).await;
    let kept = setup.says("old");
    assert_eq!(
        kept.as_deref(),
        Some("10.0.1.9"),
        "the selector may be wrong"
    );
    pods(&[("1", true), ("2", false), ("1", true)]);
    setup.pass(11).await;
    assert_eq!(setup.says("web").as_deref(), Some("10.0.1.1"));
    setup.pass(120).await;
    let read = setup.state.lock().unwrap().nodes_read;
    assert_eq!(read, 1, "a Node is read once for long");
    // Another one is ready, and the first not any more.
    pods(&[("1", false), ("2", true)]);
    setup.pass(11).await;
    assert_eq!(setup.says("web").as_deref(), Some("10.0.1.2"));
    // That none is ready is for them to mend, and not for DNS; that there is none at all is said.
    pods(&[("1", false), ("2", false)]);
    setup.pass(600).await;
    assert_eq!(setup.says("web").as_deref(), Some("10.0.1.2"));
    pods(&[]);
    setup.pass(60 + 20).await;
    assert_eq!(setup.says("web"), None);
}

#[tokio::test(start_paused = true)]
async fn only_an_address_of_the_wanted_type_is_believed_for_long() {
    let setup = by_nodes();
    let addresses = |addresses: &[(&'static str, &'static str)]| {
        setup.state.lock().unwrap().addresses = addresses.into();
    };
    let read = || std::mem::take(&mut setup.state.lock().unwrap().nodes_read);
    setup.state.lock().unwrap().pods = vec![("1", true)];
    addresses(&[("Hostname", "n")]);
    setup.leads.send_replace(true);
    setup.pass(11).await;
    assert_eq!(setup.says("web"), None);
    addresses(&[("InternalIP", "10.0.1")]);
    setup.pass(10).await;
    assert_eq!(setup.says("web").as_deref(), Some("10.0.1.1"));
    addresses(&[("InternalIP", "10.0.1"), ("ExternalIP", "192.0.2")]);
    setup.pass(10).await;
    assert_eq!(setup.says("web").as_deref(), Some("192.0.2.1"));
    assert!(read() >= 3);
    // A Node whose address is taken away for a while is read again later, and changes nothing.
    addresses(&[]);
    setup.pass(120).await;
    assert_eq!(read(), 0);
    setup.pass(600).await;
    assert!(read() > 1);
    assert_eq!(setup.says("web").as_deref(), Some("192.0.2.1"));
}

#[tokio::test(start_paused = true)]
async fn who_leads_again_writes_no_address_of_an_earlier_term() {
    let setup = by_nodes();
    setup.state.lock().unwrap().pods = vec![("1", true)];
    setup.leads.send_replace(true);
    setup.pass(11).await;
    assert_eq!(setup.says("web").as_deref(), Some("10.0.1.1"));
    setup.leads.send_replace(false);
    setup.pass(11).await;
    // The proxies move, and another controller writes so. This one leads again, but cannot look.
    setup.state.lock().unwrap().pods = vec![("2", true)];
    setup.state.lock().unwrap().forbids = true;
    setup.put("web", Owner::Ours, Some(("10.0.1.2", "portreeve")));
    let _ = setup.asked();
    setup.leads.send_replace(true);
    setup.pass(600).await;
    assert_eq!(setup.asked(), [], "what it knew is of an earlier term");
    setup.state.lock().unwrap().forbids = false;
    setup.state.lock().unwrap().pods = vec![("3", true)];
    setup.pass(11).await;
    assert_eq!(setup.says("web").as_deref(), Some("10.0.1.3"));
    // Nor when leadership is lost and had again before anybody looks.
    setup.state.lock().unwrap().forbids = true;
    setup.leads.send_replace(false);
    setup.leads.send_replace(true);
    setup.put("web", Owner::Ours, Some(("10.0.1.2", "portreeve")));
    let _ = setup.asked();
    setup.pass(600).await;
    assert_eq!(setup.asked(), []);
}
