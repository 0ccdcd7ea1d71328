//! What reviews cost where there are many Ingresses, and what the largest ones take.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::PostParams;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::client::{Client, review};
use crate::place::Place;
use crate::reviewer::Reviewer;
use crate::room::Room;
use crate::support::wait::until;
use crate::{ALONE, http, is_measured};

/// Reviews that are asked for each second.
const RATE: u32 = 50;
/// Reviews of the largest size that are under way at a time.
const PARALLEL: usize = 100;
/// How large a review may be: what the webhook takes.
const LARGEST: usize = 3 << 20;

const P99: Duration = Duration::from_millis(50);
/// In units of 1000 bytes.
const ABOVE_IDLE: u64 = 20_000;
const RESIDENT: u64 = 200_000;

/// An Ingress with a host of its own.
fn ingress(place: &Place, number: usize) -> Value {
    let name = format!("web{number}");
    json!({
        "metadata": {"name": name, "namespace": place.name},
        "spec": {"ingressClassName": place.name, "rules": [place.rule(&name, "web", &json!({"number": 80}))]},
    })
}

async fn fill(place: &Place, ingresses: usize) {
    let api = place.api::<Ingress>();
    let made = stream::iter(0..ingresses).map(|number| {
        let object: Ingress = serde_json::from_value(ingress(place, number)).unwrap();
        let api = api.clone();
        async move { api.create(&PostParams::default(), &object).await.unwrap() }
    });
    made.buffer_unordered(16).for_each(async |_| ()).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn reviews_among_many_ingresses_are_answered_soon_and_in_little_room() {
    let _alone = ALONE.lock().await;
    let (ingresses, reviews) = if is_measured() {
        (10_000, 3_000)
    } else {
        (300, 200)
    };
    let place = Place::new("admission-crowd", 64).await;
    fill(&place, ingresses).await;
    let reviewer = Reviewer::start(&place).await;
    until("every Ingress is known", async || {
        let known = http::metric(reviewer.admin, "portreeve_watch_objects{kind=\"Ingress\"}").await;
        known.is_ok_and(|known| known >= ingresses as f64)
    })
    .await;

    let took = steady(&place, &reviewer, reviews, ingresses).await;
    let quantile = |of: f64| took[((took.len() - 1) as f64 * of) as usize];
    let idle = Room::of(&reviewer.process);
    let answered = largest(&place, &reviewer).await;
    let loaded = Room::of(&reviewer.process);
    let above = loaded.most.saturating_sub(idle.resident);
    println!(
        "{ingresses} Ingresses, {reviews} reviews at {RATE} a second: p50 {:?}, p99 {:?}, most {:?}; resident {} kB, {} kB more at most under {PARALLEL} reviews of {LARGEST} bytes, of which {answered} were answered",
        quantile(0.5),
        quantile(0.99),
        quantile(1.0),
        idle.resident,
        above,
    );
    // What is built for tests takes more.
    let bound = if is_measured() {
        ABOVE_IDLE
    } else {
        2 * ABOVE_IDLE
    };
    assert!(above <= bound, "{above} kB above idle");
    assert!(loaded.most <= RESIDENT, "{} kB", loaded.most);
    if is_measured() {
        assert!(quantile(0.99) <= P99, "{:?}", quantile(0.99));
    }
}

/// Asks for reviews at the rate, half of them right and half in conflict, and says how long each
/// took, sorted.
async fn steady(
    place: &Place,
    reviewer: &Reviewer,
    reviews: usize,
    ingresses: usize,
) -> Vec<Duration> {
    let tls = reviewer.tls();
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(Client::connect(reviewer.address, &tls).await);
    }
    let mut tick = interval(Duration::from_secs(1) / RATE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut took = Vec::with_capacity(reviews);
    for number in 0..reviews {
        let taken = ingress(place, number * 7 % ingresses);
        let mut spec = taken["spec"].clone();
        if number % 2 == 0 {
            spec["rules"][0]["host"] = json!(format!("new{number}.example"));
        }
        let asked = review(place, &format!("new{number}"), &spec);
        let client = &mut clients[number % 4];
        tick.tick().await;
        let start = Instant::now();
        let (status, answer) = client.ask(&asked).await;
        took.push(start.elapsed());
        assert_eq!(status, 200);
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["response"]["allowed"], number % 2 == 0, "{answer}");
    }
    took.sort();
    took
}

/// Reviews of the largest size: one of very many paths, one that is as large and is reviewed all the
/// same because its paths are long, and one that is no larger than what is reviewed of an update.
fn shapes(place: &Place) -> [Vec<u8>; 3] {
    let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
    let spec = |number: usize, length: usize| {
        let path = |number: usize| {
            let path = format!("/{}{number:06}", "a".repeat(length));
            json!({"path": path, "pathType": "Prefix", "backend": backend})
        };
        let paths: Vec<_> = (0..number).map(path).collect();
        json!({"ingressClassName": place.name, "rules": [{"host": "large.example", "http": {"paths": paths}}]})
    };
    let many = review(place, "large", &spec(LARGEST / 130, 4));
    let long = review(place, "large", &spec(470, 430));
    let mut update: Value = serde_json::from_slice(&long).unwrap();
    update["request"]["operation"] = "UPDATE".into();
    update["request"]["oldObject"] = update["request"]["object"].clone();
    update["request"]["options"] = json!({"padding": "x".repeat(LARGEST - 2 * long.len())});
    [many, long, update.to_string().into_bytes()]
}

/// Asks for reviews of the largest sizes, all at a time, and says how many were answered: the others
/// are told that too many are asked for.
async fn largest(place: &Place, reviewer: &Reviewer) -> usize {
    let tls = reviewer.tls();
    let mut answered = 0;
    for large in shapes(place) {
        assert!(
            (240_000..=LARGEST).contains(&large.len()),
            "{}",
            large.len()
        );
        let large = Arc::new(large);
        let asked = (0..PARALLEL).map(|_| {
            let (large, tls, address) = (Arc::clone(&large), tls.clone(), reviewer.address);
            tokio::spawn(async move {
                let mut client = Client::connect(address, &tls).await;
                client.ask(&large).await.0
            })
        });
        let asked: Vec<_> = asked.collect();
        for status in asked {
            match status.await.unwrap() {
                200 => answered += 1,
                status => assert_eq!(status, 503),
            }
        }
        println!(
            "{} bytes: {answered} answered so far, at most {} kB",
            large.len(),
            Room::of(&reviewer.process).most
        );
    }
    answered
}
