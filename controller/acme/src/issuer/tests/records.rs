//! What is kept: where it cannot be read or written, and what becomes of it when nobody wants it.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_nobody_wants_any_more_stays_and_is_not_renewed() {
    let (world, [gone, stays]) = (World::new(), [0, 1].map(want));
    let mut process = Process::start(&world, policy(), vec![gone.clone(), stays.clone()]);
    process.issued(&gone).await;
    process.wants.send_replace(Arc::new(vec![stays.clone()]));
    process.until(&stays, |status| status.issued == 2).await;
    let names = |names: &[Name]| names == gone.names();
    world.with(|state| {
        assert_eq!(state.asked.iter().filter(|(_, n, _)| names(n)).count(), 1);
        // What was counted for it counts no more.
        assert_eq!(state.records.keys().collect::<Vec<_>>(), [&stays.id()]);
    });
    assert!(!process.statuses.borrow().contains_key(&gone.id()));
    chain(&world, &gone);
    // It comes back, long after it has expired.
    process.wants.send_replace(Arc::new(vec![gone.clone()]));
    process.until(&gone, |status| status.issued == 1).await;
    world.with(|state| assert_eq!(state.records[&gone.id()].0.unwanted, None));
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_of_others_is_looked_through_hourly_however_often_wants_change() {
    let (world, [comes, stays]) = (World::new(), [0, 1].map(want));
    let both = vec![comes.clone(), stays.clone()];
    let mut process = Process::start(&world, policy(), both.clone());
    process.issued(&comes).await;
    for _ in 0..50 {
        process.wants.send_replace(Arc::new(vec![stays.clone()]));
        sleep(Duration::from_secs(30)).await;
        process.wants.send_replace(Arc::new(both.clone()));
        sleep(Duration::from_secs(30)).await;
    }
    // When it began, and once to see who is wanted.
    world.with(|state| assert_eq!(state.listed, 2));
    process.wants.send_replace(Arc::new(vec![stays]));
    sleep(Duration::from_secs(3600)).await;
    world.with(|state| assert!(state.records[&comes.id()].0.unwanted.is_some()));
}

#[tokio::test(start_paused = true)]
async fn it_is_pruned_only_where_that_is_asked_for() {
    let (world, [gone, stays]) = (World::new(), [0, 1].map(want));
    let mut policy = policy();
    policy.prune_after = Some(10 * DAY);
    let mut process = Process::start(&world, policy, vec![gone.clone(), stays.clone()]);
    process.issued(&gone).await;
    process.issued(&stays).await;
    process.wants.send_replace(Arc::new(vec![stays.clone()]));
    sleep(9 * DAY).await;
    chain(&world, &gone);
    sleep(2 * DAY).await;
    world.with(|state| {
        assert!(!state.certificates.contains_key(&gone.secret));
        assert!(!state.records.contains_key(&gone.id()));
    });
    chain(&world, &stays);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_costs_no_order() {
    let (world, want) = (World::new(), want(0));
    let down = Failure::new(FailureKind::Store, "down");
    world.with(|state| state.failures.insert("put_record", vec![down; 7].into()));
    let mut process = Process::start(&world, policy(), vec![want.clone()]);
    process.issued(&want).await;
    world.with(|state| assert_eq!(state.orders.len(), 1));
    assert!(
        world.now() > "2030-01-01T00:03:00Z".parse().unwrap(),
        "no hot loop"
    );
}

/// Whoever asks for another certificate has it, and what is wrong is said where it is.
#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_stops_no_other() {
    let (world, [garbled, other]) = (World::new(), [0, 1].map(want));
    let mut lost = [2, 3].map(want);
    lost.sort_by_key(Want::id);
    let [unwanted, gone] = lost;
    let all = vec![garbled.clone(), unwanted.clone(), gone.clone()];
    let mut process = Process::start(&world, policy(), all);
    for want in [&garbled, &unwanted, &gone] {
        process.issued(want).await;
    }
    process.die().await;
    world.with(|state| state.garbled.extend([garbled.id(), unwanted.id()]));
    let mut process = Process::start(&world, policy(), vec![garbled.clone(), other.clone()]);
    process.issued(&other).await;
    let is_said = |status: &crate::Status| {
        let failing = status.failing.as_ref();
        failing.is_some_and(|failing| failing.last.detail == "record cannot be read: garbled")
    };
    process.until(&garbled, is_said).await;
    sleep(DAY).await;
    world.with(|state| assert!(state.records[&gone.id()].0.unwanted.is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_is_said_and_read_again() {
    let (world, [stays, goes]) = (World::new(), [0, 1].map(want));
    let down = Failure::new(FailureKind::Store, "down");
    world.with(|state| drop(state.failures.insert("records", vec![down; 5].into())));
    let mut process = Process::start(&world, policy(), vec![stays.clone(), goes.clone()]);
    let is_said = |status: &crate::Status| {
        let failing = status.failing.as_ref();
        failing.is_some_and(|failing| failing.last.detail == "memory: down")
    };
    process.until(&stays, is_said).await;
    process.until(&goes, is_said).await;
    process.wants.send_replace(Arc::new(vec![stays.clone()]));
    process.issued(&stays).await;
    assert!(!process.statuses.borrow().contains_key(&goes.id()));
    assert!(world.now() < "2030-01-01T00:02:00Z".parse().unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_account_that_cannot_be_kept_yet_is_not_made_again() {
    let (world, want) = (World::new(), want(0));
    let down = Failure::new(FailureKind::Store, "down");
    world.with(|state| drop(state.failures.insert("put_account", vec![down; 3].into())));
    let mut process = Process::start(&world, policy(), vec![want.clone()]);
    process.issued(&want).await;
    world.with(|state| assert_eq!(state.made_accounts, 1));
}
