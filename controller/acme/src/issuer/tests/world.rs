//! A store and CAs in memory, which outlive the issuers that use them, and a death for each step.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use jiff::{Timestamp, ToSpan};
use portreeve_table::{CertKey, Origin, Secret};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PublicKeyData};
use tokio::sync::Notify;
use tokio::time::Instant;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use crate::account::CaSettings;
use crate::ari::Ari;
use crate::authority::{Authority, Connect, Ordering};
use crate::doors::{Closed, Doors};
use crate::failure::{Failure, FailureKind};
use crate::record::Record;
use crate::staged::{ChallengeKind, Staged};
use crate::store::{CaId, Kept, Mark, Store, StoreError, Version};
use crate::want::{ChallengeChoice, Name, WantId};

/// When in a step a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Before it has an effect.
    Before,
    /// After it had one, and before that is known.
    After,
}

/// What is there whoever runs.
#[derive(Clone)]
pub(super) struct World(Arc<Inner>);

struct Inner {
    begin: Instant,
    state: Mutex<State>,
    died: Notify,
}

#[derive(Default)]
pub(super) struct State {
    /// Every step that was taken, by name.
    pub(super) steps: Vec<&'static str>,
    /// At which step whoever takes it dies.
    pub(super) death: Option<(usize, Moment)>,
    /// Whoever takes a step of this name dies after it.
    pub(super) death_of: Option<&'static str>,
    /// How far our clock is from the right one.
    pub(super) skew: i64,
    pub(super) accounts: BTreeMap<CaId, Secret<String>>,
    pub(super) records: BTreeMap<WantId, (Record, u64)>,
    /// How often it was asked what records there are.
    pub(super) listed: usize,
    /// Whose records nobody can make sense of.
    pub(super) garbled: BTreeSet<WantId>,
    pub(super) certificates: BTreeMap<CertKey, Kept>,
    pub(super) marks: BTreeMap<CertKey, Mark>,
    pub(super) challenges: BTreeMap<WantId, Vec<Staged>>,
    /// What the next steps of these names come to.
    pub(super) failures: BTreeMap<&'static str, VecDeque<Failure>>,
    pub(super) orders: Vec<Ordered>,
    /// When a CA was asked for an order.
    pub(super) asked: Vec<(CaId, Vec<Name>, Timestamp)>,
    /// Whether a CA gives an order that is pending for the same names instead of another.
    pub(super) reuses: bool,
    /// A name that CAs put into every certificate.
    pub(super) adds: Option<&'static str>,
    pub(super) ari: Option<Ari>,
    pub(super) emails: Vec<Box<str>>,
    pub(super) made_accounts: usize,
    pub(super) told_contacts: usize,
    pub(super) profiles: Vec<Option<String>>,
    /// Which orders that were made say that they replace a certificate.
    pub(super) replaced: Vec<bool>,
    /// Which orders that were asked for say so.
    pub(super) told_replaced: Vec<bool>,
    written: u64,
}

/// An order at a CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ordered {
    pub(super) ca: CaId,
    pub(super) names: Vec<Name>,
    pub(super) status: Status,
    chain: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    Told,
    Ready,
    Valid,
    Invalid,
}

impl World {
    pub(super) fn new() -> Self {
        let state = State {
            reuses: true,
            ..State::default()
        };
        Self(Arc::new(Inner {
            begin: Instant::now(),
            state: Mutex::new(state),
            died: Notify::new(),
        }))
    }

    pub(super) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.state.lock().unwrap())
    }

    /// The right time, which passes as tokio's does.
    pub(super) fn now(&self) -> Timestamp {
        let begin: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        begin + self.0.begin.elapsed()
    }

    /// The time as our clock has it.
    pub(super) fn clock(&self) -> Timestamp {
        self.now() + self.with(|state| state.skew).hours()
    }

    /// Resolves when somebody has died.
    pub(super) async fn death(&self) {
        self.0.died.notified().await;
    }

    /// Takes a step, and dies of it if that is its fate.
    async fn step<T>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut State) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (died, result) = self.with(|state| {
            let number = state.steps.len();
            state.steps.push(name);
            let death = state.death.filter(|(at, _)| *at == number);
            if death == Some((number, Moment::Before)) {
                return (true, None);
            }
            let failure = state.failures.get_mut(name).and_then(VecDeque::pop_front);
            let result = failure.map_or_else(|| effect(state), Err);
            let dies = death.is_some() || state.death_of == Some(name);
            (dies, Some(result))
        });
        match result {
            Some(result) if !died => result,
            _ => {
                self.0.died.notify_one();
                std::future::pending().await
            }
        }
    }

    async fn write<T>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut other = None;
        let done = self.step(name, |state| {
            effect(state).map_err(|error| {
                other = Some(error);
                Failure::new(FailureKind::Store, "store")
            })
        });
        done.await.map_err(|failure| match other {
            Some(error) => error,
            None => StoreError::Failed {
                object: "memory".into(),
                why: failure.detail,
            },
        })
    }
}

impl Store for World {
    async fn account(&self, ca: &CaId) -> Result<Option<Secret<String>>, StoreError> {
        Ok(self.with(|state| state.accounts.get(ca).cloned()))
    }

    async fn put_account(&self, ca: &CaId, account: &Secret<String>) -> Result<(), StoreError> {
        let put = |state: &mut State| {
            state.accounts.insert(ca.clone(), account.clone());
            Ok(())
        };
        self.write("put_account", put).await
    }

    async fn records(&self) -> Result<Vec<WantId>, StoreError> {
        self.with(|state| {
            state.listed += 1;
            let failures = state.failures.get_mut("records");
            match failures.and_then(VecDeque::pop_front) {
                Some(failure) => Err(StoreError::Failed {
                    object: "memory".into(),
                    why: failure.detail,
                }),
                None => Ok(state.records.keys().cloned().collect()),
            }
        })
    }

    async fn record(&self, id: &WantId) -> Result<Option<(Record, Version)>, StoreError> {
        if self.with(|state| state.garbled.contains(id)) {
            return Err(StoreError::Unreadable {
                object: "record".into(),
                why: "garbled".into(),
            });
        }
        let found = self.with(|state| state.records.get(id).cloned());
        Ok(found.map(|(record, version)| (record, Version(version.to_string().into()))))
    }

    async fn put_record(
        &self,
        id: &WantId,
        record: &Record,
        version: Option<&Version>,
    ) -> Result<Version, StoreError> {
        let version = version.map(|version| version.0.to_string());
        let put = |state: &mut State| {
            let there = state
                .records
                .get(id)
                .map(|(_, version)| version.to_string());
            if there != version {
                return Err(StoreError::Conflict("record".into()));
            }
            state.written += 1;
            let written = state.written;
            state.records.insert(id.clone(), (record.clone(), written));
            Ok(Version(written.to_string().into()))
        };
        self.write("put_record", put).await
    }

    async fn remove_record(&self, id: &WantId) -> Result<(), StoreError> {
        self.with(|state| state.records.remove(id));
        Ok(())
    }

    async fn certificate(&self, key: &CertKey) -> Result<Kept, StoreError> {
        let found = self.with(|state| state.certificates.get(key).cloned());
        Ok(found.unwrap_or(Kept::Nothing))
    }

    async fn put_certificate(
        &self,
        key: &CertKey,
        chain: &str,
        private: &Secret<String>,
        mark: &Mark,
    ) -> Result<(), StoreError> {
        let put = |state: &mut State| {
            if state.certificates.get(key) == Some(&Kept::Foreign) {
                return Err(StoreError::Foreign(key.to_string()));
            }
            let kept = Kept::Ours {
                chain: chain.into(),
                key: private.clone(),
            };
            state.certificates.insert(key.clone(), kept);
            state.marks.insert(key.clone(), mark.clone());
            Ok(())
        };
        self.write("put_certificate", put).await
    }

    async fn remove_certificate(&self, key: &CertKey) -> Result<(), StoreError> {
        self.with(|state| state.certificates.remove(key));
        Ok(())
    }

    async fn put_challenges(
        &self,
        id: &WantId,
        _: &Origin,
        staged: &[Staged],
    ) -> Result<(), StoreError> {
        let put = |state: &mut State| {
            state.challenges.remove(id);
            if !staged.is_empty() {
                state.challenges.insert(id.clone(), staged.to_vec());
            }
            Ok(())
        };
        self.write("put_challenges", put).await
    }
}

impl Doors for World {
    async fn open(&self, staged: &[Staged]) -> Result<(), Closed> {
        let answered = |state: &mut State| {
            let all: Vec<_> = state.challenges.values().flatten().collect();
            assert!(staged.iter().all(|one| all.contains(&one)), "not staged");
            Ok(())
        };
        let opened = self.step("open", answered).await;
        opened.map_err(|failure| Closed(vec![failure.detail]))
    }
}

impl Connect for World {
    type Ca = FakeCa;

    async fn connect(
        &self,
        settings: &CaSettings,
        credentials: Option<&Secret<String>>,
    ) -> Result<(FakeCa, Option<Secret<String>>), Failure> {
        let is_new = credentials.is_none();
        self.step("connect", |state| {
            state.made_accounts += usize::from(is_new);
            Ok(())
        })
        .await?;
        let ca = FakeCa {
            world: self.clone(),
            id: settings.id.clone(),
        };
        Ok((ca, is_new.then(|| Secret::new("credentials".into()))))
    }
}

pub(super) struct FakeCa {
    world: World,
    id: CaId,
}

pub(super) struct FakeOrder {
    world: World,
    index: usize,
    url: String,
}

impl FakeCa {
    fn have(&self, index: usize) -> FakeOrder {
        FakeOrder {
            world: self.world.clone(),
            index,
            url: index.to_string(),
        }
    }
}

impl Authority for FakeCa {
    type Order = FakeOrder;

    async fn order(
        &self,
        names: &[Name],
        profile: Option<&str>,
        replaces: Option<&str>,
    ) -> Result<FakeOrder, Failure> {
        let now = self.world.now();
        let order = Ordered {
            ca: self.id.clone(),
            names: names.to_vec(),
            status: Status::Pending,
            chain: String::new(),
        };
        let is_told = replaces.is_some();
        self.world.with(|state| state.told_replaced.push(is_told));
        let made = self.world.step("order", |state| {
            state
                .asked
                .push((order.ca.clone(), order.names.clone(), now));
            state.profiles.push(profile.map(ToOwned::to_owned));
            state.replaced.push(is_told);
            let same = state.orders.iter().position(|other| *other == order);
            if let Some(same) = same.filter(|_| state.reuses) {
                return Ok(same);
            }
            state.orders.push(order);
            Ok(state.orders.len() - 1)
        });
        made.await.map(|index| self.have(index))
    }

    async fn resume(&self, url: &str) -> Result<FakeOrder, Failure> {
        let index = url.parse().unwrap();
        self.world.step("resume", |_| Ok(())).await?;
        Ok(self.have(index))
    }

    async fn renewal_info(&self, _: &str) -> Result<Option<Ari>, Failure> {
        self.world.step("ask", |state| Ok(state.ari.clone())).await
    }

    async fn roll_over(&mut self) -> Result<Secret<String>, Failure> {
        let rolled = |_: &mut State| Ok(Secret::new("rolled over".into()));
        self.world.step("roll_over", rolled).await
    }

    async fn update_contacts(&self) -> Result<(), Failure> {
        let told = |state: &mut State| {
            state.told_contacts += 1;
            Ok(())
        };
        self.world.step("update_contacts", told).await
    }
}

impl FakeOrder {
    async fn go<T>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut Ordered) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let index = self.index;
        let result = self
            .world
            .step(name, |state| effect(&mut state.orders[index]));
        let result = result.await;
        if let Err(failure) = &result
            && failure.kind == FailureKind::Challenge
        {
            self.world
                .with(|state| state.orders[index].status = Status::Invalid);
        }
        result
    }
}

impl Ordering for FakeOrder {
    fn url(&self) -> &str {
        &self.url
    }

    async fn stage(&mut self, _: ChallengeChoice) -> Result<Vec<Staged>, Failure> {
        let index = self.index;
        let staged = |name: &Name| Staged {
            token: format!("token{index}").parse().unwrap(),
            host: name.clone(),
            key_authorization: format!("token{index}.thumb").into(),
            kind: ChallengeKind::Http01,
        };
        let go = self.go("stage", |order| {
            let is_open = matches!(order.status, Status::Pending | Status::Told);
            Ok(order.names.iter().filter(|_| is_open).map(staged).collect())
        });
        go.await
    }

    async fn tell(&mut self) -> Result<(), Failure> {
        let go = self.go("tell", |order| {
            if order.status == Status::Pending {
                order.status = Status::Told;
            }
            Ok(())
        });
        go.await
    }

    async fn ready(&mut self) -> Result<(), Failure> {
        let go = self.go("ready", |order| {
            if order.status == Status::Told {
                order.status = Status::Ready;
            }
            Ok(())
        });
        go.await
    }

    async fn finalize(&mut self, csr: &[u8]) -> Result<(), Failure> {
        let now = self.world.now();
        let added = self.world.with(|state| state.adds);
        let go = self.go("finalize", |order| {
            if order.status == Status::Ready {
                let added = added.map(|name| name.parse().unwrap());
                let names: Vec<_> = order.names.iter().cloned().chain(added).collect();
                order.chain = issue(&names, csr, now);
                order.status = Status::Valid;
            }
            Ok(())
        });
        go.await
    }

    async fn certificate(&mut self) -> Result<String, Failure> {
        let go = self.go("certificate", |order| match order.status {
            Status::Valid => Ok(order.chain.clone()),
            _ => Err(Failure::new(FailureKind::OrderInvalid, "not finalized")),
        });
        go.await
    }
}

/// The key of a request.
struct Public(Vec<u8>);

impl PublicKeyData for Public {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

/// A chain for the key of `csr`, valid for ninety days from now.
fn issue(names: &[Name], csr: &[u8], now: Timestamp) -> String {
    let (_, request) = X509CertificationRequest::from_der(csr).unwrap();
    let info = request.certification_request_info;
    let public = Public(info.subject_pki.subject_public_key.data.to_vec());
    let key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = root.self_signed(&key).unwrap();
    let names: Vec<_> = names.iter().map(Name::to_string).collect();
    let mut leaf = CertificateParams::new(names).unwrap();
    let date = |time: Timestamp| {
        let unix = rcgen::date_time_ymd(1970, 1, 1);
        unix + std::time::Duration::from_secs(u64::try_from(time.as_second()).unwrap())
    };
    leaf.not_before = date(now);
    leaf.not_after = date(now + (90 * 24).hours());
    let leaf = leaf.signed_by(&public, &Issuer::new(root, key)).unwrap();
    leaf.pem() + &own.pem()
}
