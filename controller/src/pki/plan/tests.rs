//! The rules, one situation a line.

use super::*;

const DAY: i64 = 24;

/// A day after some first day, and hours after that.
fn at(days: i64, hours: i64) -> Timestamp {
    let first = Timestamp::from_second(2_000_000_000).unwrap();
    first + SignedDuration::from_hours(days * DAY + hours)
}

fn id(name: &str) -> Id {
    Id(name.as_bytes().to_vec())
}

fn authority(name: &str, made: Timestamp) -> Authority {
    Authority {
        id: id(name),
        from: made - BACKDATE,
        until: made + AUTHORITY_LIFETIME,
    }
}

fn leaf(made: Timestamp, believes: &[&str]) -> Result<Leaf, String> {
    Ok(Leaf {
        from: made - BACKDATE,
        until: made + LEAF_LIFETIME,
        believes: believes.iter().map(|name| id(name)).collect(),
    })
}

/// All is well: everything was made on the first day.
fn settled() -> Found {
    Found {
        signer: Ok(authority("a", at(0, 0))),
        next: None,
        old: BTreeSet::new(),
        leaves: Role::ALL.map(|role| (role, leaf(at(0, 0), &["a"]))).into(),
        told: Some(Timestamp::MIN),
    }
}

fn with(change: impl FnOnce(&mut Found)) -> Found {
    let mut found = settled();
    change(&mut found);
    found
}

/// Every role was given a certificate then, and these to believe.
fn issued(found: &mut Found, made: Timestamp, believes: &[&str]) {
    found.leaves = Role::ALL.map(|role| (role, leaf(made, believes))).into();
}

/// Two thirds of ten years, and of ninety days, in days and hours.
const AUTHORITY_DUE: (i64, i64) = (2433, 8);
const LEAF_DUE: i64 = 60;

#[test]
fn what_is_missing_or_damaged_is_made() {
    let damaged = || "it is damaged".to_string();
    let check = |found: Found, step, why: &str| {
        let Plan::Now(planned, told) = plan(at(1, 0), &found) else {
            panic!("{step:?} is not planned");
        };
        assert_eq!(planned, step, "{told}");
        assert!(told.contains(why), "{told}");
    };
    let nothing = Found {
        signer: Err("it is not there".into()),
        next: None,
        old: BTreeSet::new(),
        leaves: BTreeMap::new(),
        told: Some(Timestamp::MIN),
    };
    check(nothing, Step::Establish, "not there");
    check(
        with(|f| f.signer = Err(damaged())),
        Step::Establish,
        "damaged",
    );
    for role in Role::ALL {
        let issue = Step::Issue(role);
        check(with(|f| drop(f.leaves.remove(&role))), issue, "not there");
        check(
            with(|f| drop(f.leaves.insert(role, Err(damaged())))),
            issue,
            "damaged",
        );
        for others in [&[][..], &["b"], &["a", "b"]] {
            let believes = leaf(at(0, 0), others);
            let found = with(|f| drop(f.leaves.insert(role, believes)));
            check(found, issue, "to believe have changed");
        }
        let early = with(|f| drop(f.leaves.insert(role, leaf(at(1, 1), &["a"]))));
        check(early, issue, "look at the clocks");
    }
}

#[test]
fn certificates_are_renewed_after_two_thirds() {
    for (day, hour, planned) in [
        (0, 0, Plan::At(at(LEAF_DUE, 0))),
        (LEAF_DUE - 1, 23, Plan::At(at(LEAF_DUE, 0))),
        (LEAF_DUE, 0, issue("it is to be renewed")),
        (89, 23, issue("it is to be renewed")),
        (90, 0, issue("it has expired")),
    ] {
        assert_eq!(plan(at(day, hour), &settled()), planned, "{day}");
    }
}

fn issue(why: &str) -> Plan {
    Plan::Now(Step::Issue(Role::Controller), why.into())
}

#[test]
fn an_authority_is_replaced_in_steps() {
    let (days, hours) = AUTHORITY_DUE;
    let start = at(days, hours);
    let hour = SignedDuration::from_hours(1);
    let mut found = with(|f| issued(f, start - hour, &["a"]));
    assert_eq!(plan(start - hour, &found), Plan::At(start));
    let step = |plan| match plan {
        Plan::Now(step, _) => step,
        Plan::At(at) => panic!("nothing is planned before {at}"),
    };

    assert_eq!(step(plan(start, &found)), Step::Prepare);
    found.next = Some(authority("b", start));
    // Everybody is told to believe it, while nothing is signed by it.
    assert_eq!(step(plan(start, &found)), Step::Issue(Role::Controller));
    let controller = leaf(start, &["a", "b"]);
    found.leaves.insert(Role::Controller, controller);
    assert_eq!(step(plan(start, &found)), Step::Issue(Role::Proxy));
    found.leaves.insert(Role::Proxy, leaf(start, &["a", "b"]));
    assert_eq!(step(plan(start, &found)), Step::Issue(Role::Admission));
    let told = start + SignedDuration::from_mins(30);
    let admission = leaf(told, &["a", "b"]);
    found.leaves.insert(Role::Admission, admission);
    // The last one who was told counts.
    assert_eq!(plan(start + hour, &found), Plan::At(told + hour));
    assert_eq!(step(plan(told + hour, &found)), Step::Promote);

    let promoted = told + hour;
    found.signer = Ok(authority("b", start));
    found.next = None;
    found.old = [id("a")].into();
    let other = Err("it was not signed by the present authority".to_string());
    found.leaves = Role::ALL.map(|role| (role, other.clone())).into();
    assert_eq!(step(plan(promoted, &found)), Step::Issue(Role::Controller));
    issued(&mut found, promoted, &["a", "b"]);
    assert_eq!(plan(promoted, &found), Plan::At(promoted + hour));
    assert_eq!(step(plan(promoted + hour, &found)), Step::Retire);

    found.old.clear();
    assert_eq!(
        step(plan(promoted + hour, &found)),
        Step::Issue(Role::Controller)
    );
    issued(&mut found, promoted + hour, &["b"]);
    let rest = promoted + hour + SignedDuration::from_hours(LEAF_DUE * DAY);
    assert_eq!(plan(promoted + hour, &found), Plan::At(rest));
}

/// It is told by other means than the certificates of ours.
#[test]
fn the_api_server_is_waited_for_before_the_next_authority_signs() {
    let (days, hours) = AUTHORITY_DUE;
    let (start, hour) = (at(days, hours), SignedDuration::from_hours(1));
    let mut found = with(|f| {
        f.next = Some(authority("b", start));
        f.told = None;
        issued(f, start, &["a", "b"]);
    });
    assert_eq!(plan(start, &found), Plan::At(start + hour));
    for late in [hour, hour * 24] {
        assert_eq!(plan(start + late, &found), Plan::At(start + late + AGAIN));
    }
    // And for as long as it may take to hear of it.
    let told = start + hour * 24;
    found.told = Some(told);
    assert_eq!(plan(told, &found), Plan::At(told + hour));
    let planned = plan(told + hour, &found);
    assert!(matches!(planned, Plan::Now(Step::Promote, _)));

    // There is nothing to wait for when the former one goes, or when the present one has gone.
    let former = with(|f| {
        f.old = [id("z")].into();
        f.told = None;
        issued(f, start - hour * 2, &["a", "z"]);
    });
    let planned = plan(start - hour, &former);
    assert!(matches!(planned, Plan::Now(Step::Retire, _)));
    let late = at(3650, 0);
    found.told = None;
    found.next = Some(authority("b", late));
    let planned = plan(late, &found);
    assert!(matches!(planned, Plan::Now(Step::Promote, _)));
}

#[test]
fn an_authority_that_is_lost_is_replaced_by_the_next_if_there_is_one() {
    let late = at(3650, 0);
    let expired = with(|f| issued(f, late, &["a"]));
    let why = "the authority has expired".to_string();
    assert_eq!(
        plan(late, &expired),
        Plan::Now(Step::Establish, why.clone())
    );
    let mut found = expired;
    found.next = Some(authority("b", late));
    assert_eq!(plan(late, &found), Plan::Now(Step::Promote, why));
    found.signer = Err("it is damaged".into());
    let why = "it is damaged".to_string();
    assert_eq!(plan(late, &found), Plan::Now(Step::Promote, why));
    found.next = Some(authority("b", at(0, 0)));
    assert!(matches!(plan(late, &found), Plan::Now(Step::Establish, _)));
}
