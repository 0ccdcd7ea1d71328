//! Ports of this machine that lead into a cluster: a Unix socket crosses the border of a network
//! namespace, which TCP does not.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::{ClusterError, Control, Target};

/// A port of this machine and what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What is there.
    pub target: Target,
}

impl FromStr for Forward {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?}: write [ADDRESS:]PORT=TARGET, such as 8080=load-balancer:80");
        let (listen, target) = text.split_once('=').ok_or_else(wrong)?;
        let here = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let listen = listen.parse().map(here).or_else(|_| listen.parse());
        Ok(Self {
            listen: listen.map_err(|_| wrong())?,
            target: target.parse()?,
        })
    }
}

impl Forward {
    /// Takes the port.
    pub async fn bind(self) -> Result<Bound, ClusterError> {
        let listen = self.listen;
        let failed = |error| {
            ClusterError::State(format!(
                "cannot listen on {listen}: {error}; forward another port"
            ))
        };
        Ok(Bound {
            listener: TcpListener::bind(listen).await.map_err(failed)?,
            target: self.target,
        })
    }
}

/// A forward that has its port.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    target: Target,
}

impl Bound {
    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// What it leads to.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Forwards connections, until it is dropped.
    pub async fn serve(self, control: Control) {
        while let Ok((stream, _)) = self.listener.accept().await {
            tokio::spawn(forward(stream, self.target.clone(), control.clone()));
        }
    }
}

/// A client whose target is not there sees its connection closed, and its user why.
async fn forward(mut outer: TcpStream, target: Target, control: Control) {
    match control.ask(&format!("dial {target}")).await {
        Ok(mut inner) => {
            let _ = copy_bidirectional(&mut outer, &mut inner).await;
        }
        Err(error) => eprintln!("portreeve-cluster: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_this_machine_only() {
        let forward: Forward = "8080=shop/web:80".parse().unwrap();
        assert_eq!(forward.listen.to_string(), "127.0.0.1:8080");
        let forward: Forward = "[::1]:0=load-balancer:80".parse().unwrap();
        assert_eq!(forward.listen.to_string(), "[::1]:0");
        for text in ["8080", "x=load-balancer:80", "80=web"] {
            assert!(text.parse::<Forward>().is_err(), "{text}");
        }
    }
}
