//! Controllers come and go, and nobody who asks the proxy notices.

use serde_json::json;

use super::{FOLLOWED, LEFT_ALONE, Load, contact, probe, proxy, serving, text};
use crate::harness::authority::Authority;
use crate::harness::controller::{Controller, any_session, reserved};
use crate::harness::session::{Resources, have};
use crate::harness::told::{all, host, upstream};
use crate::harness::{Backend, wait_until};
use portreeve_table::Lines;

#[test]
fn after_a_loss_only_the_difference_is_needed() {
    let [one, two] = ["one", "two"].map(Backend::named);
    let authority = Authority::new();
    let mut controller = Controller::start(authority.controller());
    let proxy = proxy(&authority, &[controller.address]).listening();
    let mut session = controller.session();
    let first = all([serving(&one), host("gone.example", "t/s:80")]);
    session.tell(1, &first);
    assert_eq!(contact(&proxy), FOLLOWED);
    // What is cut off in the middle is as if it had never been said.
    session.part(2, &host("cut.example", "t/s:80"), &["host/a.example"]);

    let mut load = Load::on(&proxy);
    (0..100).for_each(|_| load.ask());
    let address = controller.kill();
    wait_until("the loss", || {
        load.ask();
        contact(&proxy) == LEFT_ALONE
    });
    (0..100).for_each(|_| load.ask());
    assert_eq!(probe(&proxy, "/readyz"), 200);

    let controller = Controller::at(address, authority.controller());
    let (_, mut session) = any_session(&mut [controller], || load.ask());
    assert_eq!(session.have(), have(&first));
    assert_eq!(contact(&proxy), LEFT_ALONE, "nothing is known to be fresh");
    session.part(
        1,
        &upstream("t/s:80", &[two.address]),
        &["host/gone.example"],
    );
    assert_eq!(session.synced(1), json!({"ack": {"seq": 1}}));
    assert_eq!(contact(&proxy), FOLLOWED);
    load.ask();
    assert_eq!(text(&proxy, "a.example"), "two");
    for host in ["gone.example", "cut.example"] {
        assert_eq!(super::status(&proxy, host), 404, "{host}");
    }
}

#[test]
fn one_controller_after_the_other_is_killed_and_no_request_fails() {
    let [one, two] = ["one", "two"].map(Backend::named);
    let authority = Authority::new();
    let dead = reserved();
    let start = || Controller::start(authority.controller());
    let mut controllers = [start(), start()];
    let addresses = [dead, controllers[0].address, controllers[1].address];
    let proxy = proxy(&authority, &addresses).listening();
    let (mut used, mut session) = any_session(&mut controllers, || ());
    assert_eq!(used, 0, "the first that is alive");
    let mut truth = serving(&one);
    session.tell(1, &truth);

    let mut load = Load::on(&proxy);
    for kill in 0..20 {
        let address = controllers[used].address;
        let other = Controller::start(authority.controller());
        std::mem::replace(&mut controllers[used], other).kill();
        let (next, mut session) = any_session(&mut controllers, || load.ask());
        assert_ne!(next, used, "kill {kill}");
        assert_eq!(session.have(), have(&truth), "kill {kill}");
        controllers[used] = Controller::at(address, authority.controller());
        let backend = [&two, &one][kill % 2];
        let change = upstream("t/s:80", &[backend.address]);
        session.tell(1, &change);
        truth.extend(change);
        (0..20).for_each(|_| load.ask());
        assert_eq!(contact(&proxy), FOLLOWED);
        used = next;
    }
    assert!(load.served > 800, "{}", load.served);
}

#[test]
fn a_controller_that_makes_no_sense_is_left_and_the_configuration_stays() {
    let backend = Backend::named("here");
    let authority = Authority::new();
    let mut controller = Controller::start(authority.controller());
    let proxy = proxy(&authority, &[controller.address]).listening();
    let truth = serving(&backend);
    controller.session().tell(1, &truth);
    let long = || " ".repeat(Lines::LIMIT + 1);
    let (garbage, mixed) = (
        "garbage\n",
        "{\"delta\":{\"seq\":1}}\n{\"synced\":{\"seq\":2}}\n",
    );
    for (said, why) in [
        (garbage.to_string(), "cannot be read"),
        (mixed.to_string(), "makes no sense"),
        (long(), "a line is longer than"),
    ] {
        let mut session = controller.session();
        assert_eq!(session.have(), have(&truth));
        session.tell(1, &Resources::new());
        session.part(2, &host("b.example", "t/s:80"), &["host/a.example"]);
        session.say_text(said);
        session.left();
        wait_until(why, || proxy.said().contains(why));
        assert_eq!(text(&proxy, "a.example"), "here");
    }
}
