//! A value that must never be printed.
//!
//! Every way out but [`Secret::expose`] shows `[redacted]` and a fingerprint, so that two secrets
//! can be told apart in a log, a configuration dump or a hash without being read.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

/// A secret text. It redacts itself in `Debug` and `Serialize`, and is zeroed when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes ownership of a secret.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The secret itself. Each call of this is a place where a secret can leak: there are few.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// The first eight bytes of the secret's SHA-256, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.0.as_ref());
        digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize + AsRef<[u8]>> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[redacted {}]", self.fingerprint())
    }
}

impl<T: Zeroize + AsRef<[u8]>> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_expose_shows_it() {
        let secret = Secret::new("hunter2".to_string());
        for shown in [
            format!("{secret:?}"),
            format!("{secret:#?}"),
            serde_json::to_string(&secret).unwrap(),
        ] {
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains(&secret.fingerprint()), "{shown}");
        }
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn different_secrets_have_different_fingerprints() {
        let [a, b] = ["a", "b"].map(|s| Secret::new(s.to_string()));
        assert_ne!(a.fingerprint(), b.fingerprint());
    }
}
