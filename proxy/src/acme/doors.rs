//! Whether this process answers challenges, before a CA is told to look.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use portreeve_acme::{Asker, ChallengeChoice, ChallengeKind, Closed, Doors, Staged};
use tokio::time::{Instant, sleep};

use crate::listen::Plane;

/// How long a challenge may take from its file to its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long what was written takes to be answered, about; and to wait before it is asked again.
/// Who asks sooner is led to whatever serves the host.
const PAUSE: Duration = Duration::from_millis(50);

/// Where this process listens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listening {
    http: Vec<SocketAddr>,
    https: Vec<SocketAddr>,
}

impl Listening {
    /// Adds a listener.
    pub(crate) fn add(&mut self, plane: Plane, address: SocketAddr) {
        match plane {
            Plane::Http => self.http.push(address),
            Plane::Https => self.https.push(address),
        }
    }

    /// How names are proven where nobody says it: as there is a listener for.
    pub(super) fn choice(&self) -> ChallengeChoice {
        match (self.http.is_empty(), self.https.is_empty()) {
            (true, false) => ChallengeChoice::TlsAlpn01,
            (false, true) => ChallengeChoice::Http01,
            _ => ChallengeChoice::Any,
        }
    }

    fn of(&self, kind: ChallengeKind) -> (&'static str, &[SocketAddr]) {
        match kind {
            ChallengeKind::Http01 => (Plane::Http.flag(), &self.http),
            ChallengeKind::TlsAlpn01 => (Plane::Https.flag(), &self.https),
        }
    }
}

/// This process' own listeners.
#[derive(Debug)]
pub(crate) struct Own {
    asker: Asker,
    listening: Listening,
}

impl Own {
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new() -> Result<Self, rustls::Error> {
        Ok(Self {
            asker: Asker::new()?,
            listening: Listening::default(),
        })
    }

    /// The same with these listeners.
    pub(super) fn listening(self, listening: Listening) -> Self {
        Self { listening, ..self }
    }

    /// The first listener that does not answer, and what it says.
    async fn closed(&self, staged: &[Staged]) -> Option<String> {
        for challenge in staged {
            let (flag, addresses) = self.listening.of(challenge.kind);
            if addresses.is_empty() {
                return Some(format!("this proxy, which has no --{flag} listener"));
            }
            for address in addresses.iter().copied().map(reachable) {
                if let Err(wrong) = self.asker.ask(address, challenge).await {
                    let host = &challenge.host;
                    return Some(format!("--{flag} {address}: {wrong} (asked about {host})"));
                }
            }
        }
        None
    }
}

impl Doors for Own {
    async fn open(&self, staged: &[Staged]) -> Result<(), Closed> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            sleep(PAUSE).await;
            match self.closed(staged).await {
                None => return Ok(()),
                Some(closed) if Instant::now() > deadline => return Err(Closed(vec![closed])),
                Some(_) => {}
            }
        }
    }
}

/// An address that somebody on this machine can connect to.
fn reachable(mut listens: SocketAddr) -> SocketAddr {
    if listens.ip().is_unspecified() {
        listens.set_ip(match listens {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    listens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(kind: ChallengeKind) -> Staged {
        Staged {
            token: "token".parse().unwrap(),
            host: "shop.example".parse().unwrap(),
            key_authorization: "token.thumbprint".into(),
            kind,
        }
    }

    #[test]
    fn every_address_is_asked_on_this_machine() {
        for (listens, asked) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            let listens = listens.parse().unwrap();
            assert_eq!(reachable(listens).to_string(), asked);
        }
    }

    #[test]
    fn names_are_proven_where_there_is_a_listener() {
        let address = "127.0.0.1:80".parse().unwrap();
        for (planes, expected) in [
            (&[Plane::Http, Plane::Https][..], ChallengeChoice::Any),
            (&[Plane::Http], ChallengeChoice::Http01),
            (&[Plane::Https], ChallengeChoice::TlsAlpn01),
            (&[], ChallengeChoice::Any),
        ] {
            let mut listening = Listening::default();
            planes
                .iter()
                .for_each(|plane| listening.add(*plane, address));
            assert_eq!(listening.choice(), expected, "{planes:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_answered_in_time_is_named_with_its_listener() {
        // Bound, and nobody listens.
        let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let mut listening = Listening::default();
        listening.add(Plane::Http, address);
        let own = Own::new().unwrap().listening(listening);
        let closed = own.open(&[staged(ChallengeKind::Http01)]).await;
        let closed = closed.unwrap_err().to_string();
        let expected = format!("not answered by --http {address}: ");
        assert!(closed.starts_with(&expected), "{closed}");
        let closed = own.open(&[staged(ChallengeKind::TlsAlpn01)]).await;
        let closed = closed.unwrap_err().to_string();
        assert_eq!(
            closed,
            "not answered by this proxy, which has no --https listener"
        );
    }
}
