//! How long a proxy was ever without a controller, asked all the while.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::http::metric;
use crate::proxy::Proxy;

/// How often a proxy is asked.
const ASK: Duration = Duration::from_millis(20);

pub(crate) struct Contact {
    longest: Arc<Mutex<Duration>>,
    _asking: JoinSet<()>,
}

impl Contact {
    pub(crate) fn watch(proxy: &Proxy) -> Self {
        let longest = Arc::default();
        let mut asking = JoinSet::new();
        asking.spawn(ask(proxy.admin, Arc::clone(&longest)));
        Self {
            longest,
            _asking: asking,
        }
    }

    /// The longest time without a controller, as far as that can be seen.
    pub(crate) fn longest(&self) -> Duration {
        *self.longest.lock().unwrap()
    }
}

async fn ask(admin: SocketAddr, longest: Arc<Mutex<Duration>>) {
    let mut lost: Option<Instant> = None;
    loop {
        let asked = Instant::now();
        let stale = metric(admin, "portreeve_config_stale").await;
        lost = (stale.unwrap() != 0.0).then(|| lost.unwrap_or(asked));
        if let Some(lost) = lost {
            let mut longest = longest.lock().unwrap();
            *longest = lost.elapsed().max(*longest);
        }
        sleep(ASK).await;
    }
}
