//! The whole life of an authority and of the next, as seen by those who read late.

use jiff::{SignedDuration, Timestamp};
use portreeve_controller::lease::Leadership;
use portreeve_controller::pki::Home;
use portreeve_identity::Reload;
use rustls::{ClientConfig, ServerConfig};

use crate::certificates::{Clock, Directory, keep};
use crate::handshake::meet;

/// After two thirds of ten years an authority is replaced.
pub(crate) const DUE: SignedDuration = SignedDuration::from_hours(2433 * 24 + 8);

/// A controller and a proxy, each of which reads what is new only now and then, can reach each
/// other at every moment of more than two authorities' time.
#[tokio::test(start_paused = true)]
async fn nobody_is_ever_cut_off() {
    let (directory, clock) = (Directory::new(), Clock::new());
    let home = Home::Directory(directory.0.clone());
    let _own = keep(home, &Leadership::always(), &clock).await;
    let mut pair = Pair {
        controller: directory.controller(),
        proxy: directory.proxy(),
    };
    let (mut authorities, mut bundles) = (vec![], vec![]);
    let mut made = clock.now();
    for _ in 0..2 {
        let due = made + DUE;
        // Quiet years, in which certificates are renewed.
        for hours in [7 * 24, 24, 1] {
            let step = SignedDuration::from_hours(hours);
            while clock.now() + step < due {
                clock.pass(step).await;
                pair.read_and_meet(true, true, clock.now());
            }
        }
        // Then a day in which all is replaced. Each reads every fifty minutes, at different times:
        // within the hour that is given.
        for step in 0..(24 * 6) {
            clock.pass(SignedDuration::from_mins(10)).await;
            pair.read_and_meet(step % 5 == 0, step % 5 == 3, clock.now());
            note(&mut authorities, &directory, "ca/tls.crt");
            note(&mut bundles, &directory, "proxy/ca.crt");
        }
        made = due;
    }
    assert_eq!(authorities.len(), 3, "each authority signed in its turn");
    // One, then two until the first is not needed any more, then one again, and so on.
    let sizes: Vec<_> = bundles.iter().map(|b| b.matches("BEGIN").count()).collect();
    assert_eq!(sizes, [1, 2, 2, 1, 2, 2, 1]);
    assert!(!directory.0.join("ca/old.crt").exists());
}

struct Pair {
    controller: Reload<ServerConfig>,
    proxy: Reload<ClientConfig>,
}

impl Pair {
    fn read_and_meet(&mut self, controller: bool, proxy: bool, now: Timestamp) {
        if controller {
            self.controller.refresh().unwrap();
        }
        if proxy {
            self.proxy.refresh().unwrap();
        }
        let server = self.controller.config().unwrap();
        let met = meet(&self.proxy.config().unwrap(), &server, now);
        assert_eq!(met, Ok(()), "{now}");
    }
}

/// Notes what a file says whenever it says something else.
pub(crate) fn note(seen: &mut Vec<String>, directory: &Directory, file: &str) {
    let text = std::fs::read_to_string(directory.0.join(file)).unwrap();
    if seen.last() != Some(&text) {
        seen.push(text);
    }
}
