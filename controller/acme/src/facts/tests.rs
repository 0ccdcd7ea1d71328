//! Each fact by itself.

use std::time::Duration;

use portreeve_table::Origin;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::record::Asked;
use crate::want::Want;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn want() -> Want {
    let origin = Origin {
        namespace: "shop".into(),
        name: "web".into(),
    };
    let names = ["shop.example".parse().unwrap()];
    Want::new(origin, "shop/web-tls".parse().unwrap(), names)
}

#[test]
fn a_name_leads_here_when_no_address_of_it_leads_elsewhere() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let (one, two, other) = (ip("192.0.2.1"), ip("2001:db8::1"), ip("198.51.100.1"));
    let ours = [one, two];
    assert_eq!(pointing(&[one, two], &ours), Pointing::Here);
    assert_eq!(pointing(&[two], &ours), Pointing::Here);
    assert_eq!(
        pointing(&[one, other], &ours),
        Pointing::AlsoTo(vec![other])
    );
    assert_eq!(pointing(&[other], &ours), Pointing::Elsewhere(vec![other]));
    assert_eq!(pointing(&[], &ours), Pointing::Nowhere);
}

#[tokio::test]
async fn a_port_is_reached_by_the_path_that_a_ca_asks_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 1024];
        let read = stream.read(&mut head).await.unwrap();
        let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    };
    let name = "2001:db8::1".parse().unwrap();
    let (status, asked) = tokio::join!(reach(address, &name), serve);
    assert_eq!(status.unwrap(), 404);
    assert!(
        asked.starts_with("GET /.well-known/acme-challenge/check HTTP/1.1\r\n"),
        "{asked}"
    );
    assert!(asked.contains("host: [2001:db8::1]\r\n"), "{asked}");
    drop(listener);
    let refused = reach(address, &name).await.unwrap_err();
    assert!(matches!(refused, Unreachable::Connect(_)), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = "shop.example".parse().unwrap();
    let silent = reach(listener.local_addr().unwrap(), &name)
        .await
        .unwrap_err();
    assert!(matches!(silent, Unreachable::Silent), "{silent}");
}

#[test]
fn caa_allows_whom_it_names_and_everybody_where_it_names_nobody() {
    let caa = |is_critical, tag: &str, value: &str| Caa {
        is_critical,
        tag: tag.into(),
        value: value.into(),
    };
    let issue = |value| caa(false, "issue", value);
    for (records, expected) in [
        (vec![], true),
        (vec![caa(false, "iodef", "mailto:a@shop.example")], true),
        (vec![caa(false, "issuewild", ";")], true),
        (vec![issue("letsencrypt.org")], true),
        (
            vec![issue("LetsEncrypt.org; validationmethods=dns-01")],
            true,
        ),
        (vec![issue("other.example"), issue("letsencrypt.org")], true),
        (vec![issue("other.example")], false),
        (vec![issue("evil.letsencrypt.org")], false),
        (vec![issue(";")], false),
        (vec![issue("")], false),
        (vec![caa(false, "tbs", "x")], true),
        (vec![caa(true, "tbs", "x"), issue("letsencrypt.org")], false),
        (vec![caa(true, "ISSUE", "letsencrypt.org")], true),
    ] {
        assert_eq!(
            caa_allows(&records, "letsencrypt.org"),
            expected,
            "{records:?}"
        );
    }
}

#[test]
fn what_is_left_are_those_that_were_not_issued_this_week() {
    let now = at("2026-05-10T00:00:00Z");
    let mut record = Record::new(&want());
    let limits = Limits::default();
    let none = Left {
        certificates: 5,
        more_at: None,
    };
    assert_eq!(left(&record, &limits, now), none);
    record.issued = [
        "2026-05-01T00:00:00Z",
        "2026-05-04T00:00:00Z",
        "2026-05-09T00:00:00Z",
    ]
    .map(at)
    .into();
    let some = Left {
        certificates: 3,
        more_at: Some(at("2026-05-11T00:00:00Z")),
    };
    assert_eq!(left(&record, &limits, now), some);
    record.issued = vec![now - Duration::from_secs(1); 9];
    assert_eq!(left(&record, &limits, now).certificates, 0);
}

#[test]
fn the_window_is_that_of_the_certificate_that_is_there() {
    let (id, mut record) = (want().id(), Record::new(&want()));
    let held = Held {
        names: want().names().to_vec(),
        not_before: at("2026-01-01T00:00:00Z"),
        not_after: at("2026-04-01T00:00:00Z"),
        fingerprint: "one".into(),
    };
    let without = renewal(&id, &held, &record);
    assert_eq!(without.window, None);
    assert!(without.due > at("2026-02-20T00:00:00Z") && without.due < held.not_after);
    let window = (at("2026-01-10T00:00:00Z"), at("2026-01-11T00:00:00Z"));
    record.asked = Some(Asked {
        fingerprint: "one".into(),
        window: Some(window),
        at: at("2026-01-01T00:00:00Z"),
        again: at("2026-01-02T00:00:00Z"),
    });
    let with = renewal(&id, &held, &record);
    assert_eq!(with.window, Some(window));
    assert!(window.0 <= with.due && with.due <= window.1, "{with:?}");
    let other = Held {
        fingerprint: "two".into(),
        ..held
    };
    assert_eq!(renewal(&id, &other, &record).window, None);
}
