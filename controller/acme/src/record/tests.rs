//! What is kept is read back, and shown to nobody.

use super::*;

fn record() -> Record {
    let origin = portreeve_table::Origin {
        namespace: "shop".into(),
        name: "web".into(),
    };
    let names = ["a.example".parse().unwrap()];
    Record::new(&Want::new(origin, "shop/tls".parse().unwrap(), names))
}

#[test]
fn what_is_written_is_read_back_with_its_key() {
    let mut record = record();
    record.pending = Some(Pending {
        ca: CaId::new("https://ca.example/dir"),
        key: Secret::new("private".to_owned()),
        url: Some("https://ca.example/order/1".into()),
        begun: Timestamp::UNIX_EPOCH,
        tries: 1,
    });
    record.plain = true;
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
}

#[test]
fn a_key_is_in_no_log() {
    let mut record = record();
    record.pending = Some(Pending {
        ca: CaId::new("https://ca.example/dir"),
        key: Secret::new("hunter2".to_owned()),
        url: None,
        begun: Timestamp::UNIX_EPOCH,
        tries: 0,
    });
    assert!(!format!("{record:?}").contains("hunter2"));
}

#[test]
fn a_record_of_an_older_version_lacks_what_came_later() {
    let text = r#"{"secret":"shop/tls","names":["a.example"],"later":1}"#;
    assert_eq!(serde_json::from_str::<Record>(text).unwrap(), record());
}
