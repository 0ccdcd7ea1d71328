//! What is kept, as texts: what it says to the rules, and what a step makes of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use portreeve_identity::{CA_FILE, CHAIN_FILE, Identity, KEY_FILE, Pem, Role};
use portreeve_table::Secret;

use super::authority::Authority;
use super::bundle::Bundle;
use super::certificate::{Certificate, ids, split};
use super::entry::{Entry, Files, NEXT_CHAIN_FILE, NEXT_KEY_FILE, OLD_FILE};
use super::names::names;
use super::plan::{self, Found, Leaf, Step};

/// Everything that is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Material {
    /// Where our own objects are, by which a role may be called.
    namespace: String,
    pub(super) signer: Option<Authority>,
    pub(super) next: Option<Authority>,
    pub(super) old: String,
    pub(super) leaves: BTreeMap<Role, Pem>,
}

impl Material {
    /// Nothing yet, in this namespace.
    pub(super) fn of(namespace: &str) -> Self {
        Self {
            namespace: namespace.into(),
            ..Self::default()
        }
    }

    /// Takes what was read of an entry.
    pub(super) fn take(&mut self, entry: Entry, files: &Files) {
        match entry {
            Entry::Authority => {
                self.signer = pair(files, CHAIN_FILE, KEY_FILE);
                self.next = pair(files, NEXT_CHAIN_FILE, NEXT_KEY_FILE);
                self.old = text(files, OLD_FILE).unwrap_or_default();
            }
            Entry::Leaf(role) => {
                let pem = pem(files);
                self.leaves.extend(pem.map(|pem| (role, pem)));
            }
        }
    }

    /// What is to be written of an entry.
    pub(super) fn files(&self, entry: Entry) -> Files {
        let mut files = Files::new();
        let mut put = |name, text: Secret<String>| files.insert(name, text);
        let public = |text: &String| Secret::new(text.clone());
        match entry {
            Entry::Authority => {
                for (authority, chain, key) in [
                    (&self.signer, CHAIN_FILE, KEY_FILE),
                    (&self.next, NEXT_CHAIN_FILE, NEXT_KEY_FILE),
                ] {
                    if let Some(authority) = authority {
                        put(chain, public(&authority.chain));
                        put(key, authority.key.clone());
                    }
                }
                if !self.old.is_empty() {
                    put(OLD_FILE, public(&self.old));
                }
            }
            Entry::Leaf(role) => {
                if let Some(leaf) = self.leaves.get(&role) {
                    put(CA_FILE, public(&leaf.ca));
                    put(CHAIN_FILE, public(&leaf.chain));
                    put(KEY_FILE, leaf.key.clone());
                }
            }
        }
        files
    }

    /// What it says to the rules. What is damaged is as good as absent.
    pub(super) fn inspect(&self) -> Found {
        let facts = |certificate: Certificate| plan::Authority {
            id: certificate.id,
            from: certificate.from,
            until: certificate.until,
        };
        let signer = self.signer.as_ref().ok_or("it is not there");
        let signer = signer.map_err(String::from).and_then(Authority::inspect);
        let next = self.next.as_ref().and_then(|next| next.inspect().ok());
        let leaf = |role| Some((role, self.inspect_leaf(role, self.leaves.get(&role)?)));
        Found {
            signer: signer.map(facts),
            next: next.map(facts),
            old: ids(&self.old).collect(),
            leaves: Role::ALL.into_iter().filter_map(leaf).collect(),
            told: Some(Timestamp::MIN),
        }
    }

    /// Whom to believe; `None` while there is nobody.
    pub(super) fn bundle(&self) -> Option<Bundle> {
        self.signer.as_ref()?.inspect().ok()?;
        Some(Bundle::of(&self.believed()))
    }

    /// What a role has, as whoever believes only the present authority sees it.
    fn inspect_leaf(&self, role: Role, pem: &Pem) -> Result<Leaf, String> {
        Identity::parse(role, pem, "").map_err(|error| {
            // Without what to do about it, which is done here.
            let told = error.problem.to_string();
            told.split("; ").next().unwrap_or_default().to_string()
        })?;
        let by_signer = Pem {
            ca: self.signer.as_ref().map_or("", |a| &a.chain).into(),
            ..pem.clone()
        };
        Identity::parse(role, &by_signer, "")
            .map_err(|_| "it was not signed by the present authority".to_string())?;
        let certificate = Certificate::parse(&pem.chain)?;
        if certificate.names != names(role, &self.namespace) {
            return Err("it has other names than it should".into());
        }
        Ok(Leaf {
            from: certificate.from,
            until: certificate.until,
            believes: ids(&pem.ca).collect(),
        })
    }

    /// Does a step, and says which entry it changed.
    pub(super) fn apply(&mut self, step: Step, now: Timestamp) -> Result<Entry, rcgen::Error> {
        match step {
            Step::Establish => {
                self.signer = Some(Authority::make(now)?);
                self.next = None;
                self.old.clear();
            }
            Step::Prepare => self.next = Some(Authority::make(now)?),
            Step::Promote => {
                let former = std::mem::replace(&mut self.signer, self.next.take());
                self.old = former
                    .map(|former| former.certificate())
                    .unwrap_or_default();
            }
            Step::Retire => self.old.clear(),
            Step::Issue(role) => {
                let leaf = self.issue(role, now)?;
                self.leaves.insert(role, leaf);
                return Ok(Entry::Leaf(role));
            }
        }
        Ok(Entry::Authority)
    }

    fn issue(&self, role: Role, now: Timestamp) -> Result<Pem, rcgen::Error> {
        let signer = self.signer.as_ref();
        let signer = signer.ok_or(rcgen::Error::CouldNotParseCertificate)?;
        let own = signer.issue(role, names(role, &self.namespace), now)?;
        Ok(Pem {
            ca: self.believed(),
            chain: own.chain,
            key: own.key,
        })
    }

    /// Who signs, who will, and who did.
    fn believed(&self) -> String {
        let next = self.next.as_ref().filter(|next| next.inspect().is_ok());
        let present = self.signer.iter().chain(next);
        let mut believed: String = present.map(Authority::certificate).collect();
        believed.extend(split(&self.old));
        believed
    }
}

fn text(files: &Files, name: &str) -> Option<String> {
    files.get(name).map(|text| text.expose().clone())
}

fn pair(files: &Files, chain: &str, key: &str) -> Option<Authority> {
    Some(Authority {
        chain: text(files, chain)?,
        key: files.get(key)?.clone(),
    })
}

/// The identity that an entry holds, if all of its files are there.
pub(super) fn pem(files: &Files) -> Option<Pem> {
    Some(Pem {
        ca: text(files, CA_FILE)?,
        chain: text(files, CHAIN_FILE)?,
        key: files.get(KEY_FILE)?.clone(),
    })
}
