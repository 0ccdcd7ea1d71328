//! Several candidates for one Lease: whatever happens, never do two lead.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::api::{Api, Mode};
use crate::election::{PATH, Running, stand};

fn leaders(running: &[Running]) -> usize {
    let leads = |one: &&Running| one.leadership.is_leader();
    running.iter().filter(leads).count()
}

#[tokio::test(start_paused = true)]
async fn one_of_many_leads() {
    let api = Api::default();
    let running: Vec<_> = (0..5).map(|n| stand(&api.link(), &n.to_string())).collect();
    for _ in 0..100 {
        sleep(Duration::from_millis(700)).await;
        assert_eq!(leaders(&running), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_leads_soon_after_one_stopped() {
    let api = Api::default();
    let mut one = stand(&api.link(), "one");
    one.leadership.gained().await;
    let mut two = stand(&api.link(), "two");
    sleep(Duration::from_secs(60)).await;
    assert!(!two.leadership.is_leader());
    let start = Instant::now();
    one.stop().await;
    two.leadership.gained().await;
    assert!(start.elapsed() <= Duration::from_secs(2));
    assert_eq!(api.get(PATH).unwrap()["spec"]["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn the_next_leads_in_time_after_one_was_cut_off() {
    let api = Api::default();
    let link = api.link();
    let mut one = stand(&link, "one");
    one.leadership.gained().await;
    let mut two = stand(&api.link(), "two");
    sleep(Duration::from_secs(60)).await;
    link.set(Mode::Silent);
    let start = Instant::now();
    two.leadership.gained().await;
    assert!(!one.leadership.is_leader());
    assert!(
        start.elapsed() >= Duration::from_secs(28),
        "{:?}",
        start.elapsed()
    );
    assert!(
        start.elapsed() <= Duration::from_secs(34),
        "{:?}",
        start.elapsed()
    );
    // Whoever comes back finds another, and leaves it in peace.
    link.set(Mode::Up);
    let back = timeout(Duration::from_secs(120), one.leadership.gained());
    assert!(back.await.is_err());
}

/// Many short histories of failures, each reproduced by its number.
#[tokio::test(start_paused = true)]
async fn never_do_two_lead() {
    let mut led = 0;
    for seed in 0..60 {
        led += history(seed).await;
    }
    assert!(led > 60 * 150, "hardly anybody ever led: {led}");
}

/// Says how often somebody led when it was looked.
async fn history(seed: u64) -> usize {
    let mut random = Random(seed);
    let api = Api::default();
    let links: Vec<_> = (0..3).map(|_| api.link()).collect();
    let stand_all = |links: &[crate::api::Link]| -> Vec<_> {
        let named = links.iter().enumerate();
        named.map(|(n, link)| stand(link, &n.to_string())).collect()
    };
    let running = stand_all(&links);
    // Who never saw the Lease cannot know that it was deleted; so all have looked once.
    sleep(Duration::from_secs(3)).await;
    let mut led = 0;
    let deleted_at = random.below(600);
    for step in 0..400 {
        if random.below(20) == 0 {
            let modes = [
                Mode::Silent,
                Mode::Mute,
                Mode::Refusing(500),
                Mode::Up,
                Mode::Up,
            ];
            links[random.below(3)].set(modes[random.below(5)]);
        }
        // Once: who deletes it twice between two looks can have two for a moment.
        if deleted_at == step {
            api.delete(PATH);
        }
        sleep(Duration::from_millis(250 + random.below(1000) as u64)).await;
        let leaders = leaders(&running);
        assert!(leaders <= 1, "seed {seed}");
        led += leaders;
    }
    for link in &links {
        link.set(Mode::Up);
    }
    for one in running {
        one.stop().await;
    }
    led
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % bound
    }
}
