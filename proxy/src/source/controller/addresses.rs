//! Where controllers are: what names stand for now, and who is tried first.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::news::News;

/// How long a name may take to be resolved.
const PATIENCE: Duration = Duration::from_secs(5);

/// The controllers that were given, and what is known of where they are.
#[derive(Debug)]
pub(super) struct Addresses {
    names: Vec<Name>,
    /// Who was followed last.
    left: Option<SocketAddr>,
}

/// Host and port of a controller, or of several.
#[derive(Debug)]
struct Name {
    text: String,
    /// Where it led when that was last known: names may be gone together with a controller.
    addresses: Vec<SocketAddr>,
}

impl Addresses {
    pub(super) fn new(names: Vec<String>) -> Self {
        let names = names.into_iter().map(|text| Name {
            text,
            addresses: Vec::new(),
        });
        Self {
            names: names.collect(),
            left: None,
        }
    }

    /// Where the controllers are now, each once, in the order in which they are tried.
    pub(super) async fn find(&mut self, news: &mut News) -> Vec<SocketAddr> {
        let mut found = Vec::new();
        for name in &mut self.names {
            match resolve(&name.text).await {
                Ok(addresses) => name.addresses = addresses,
                Err(error) => {
                    let name = &name.text;
                    news.tell(format!("--controller {name} leads nowhere: {error}"));
                }
            }
            for address in &name.addresses {
                if !found.contains(address) {
                    found.push(*address);
                }
            }
        }
        // Whoever has just gone needs a moment.
        found.sort_by_key(|address| self.left == Some(*address));
        found
    }

    /// Who was followed is gone.
    pub(super) fn leave(&mut self, address: SocketAddr) {
        self.left = Some(address);
    }
}

async fn resolve(name: &str) -> io::Result<Vec<SocketAddr>> {
    let found: Vec<_> = timeout(PATIENCE, lookup_host(name)).await??.collect();
    if found.is_empty() {
        return Err(io::Error::other("it has no address"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn who_was_followed_last_is_tried_last() {
        let names = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:1", "127.0.0.1:3"];
        let mut known = Addresses::new(names.map(String::from).into());
        let [one, two, three] = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"];
        let found = known.find(&mut News::default()).await;
        assert_eq!(found, addresses(&[one, two, three]));
        known.leave(one.parse().unwrap());
        let found = known.find(&mut News::default()).await;
        assert_eq!(found, addresses(&[two, three, one]));
    }

    #[tokio::test]
    async fn a_name_that_leads_nowhere_any_more_leads_to_where_it_did() {
        let mut known = Addresses::new(vec!["127.0.0.1:1".into()]);
        known.find(&mut News::default()).await;
        // Without a port nobody is asked.
        known.names[0].text = "nowhere".into();
        let found = known.find(&mut News::default()).await;
        assert_eq!(found, addresses(&["127.0.0.1:1"]));
    }
}
