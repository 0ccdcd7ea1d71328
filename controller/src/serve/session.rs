//! One proxy's session.
//!
//! There is no queue and no history: only what the proxy has against what is true now. A slow
//! proxy gets fewer and larger deltas.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body::Body;
use portreeve_table::{Delta, Hash, Have, TooFar};

use super::fleet::Member;
use super::peer::{Ended, Peer};
use crate::published::Latest;

/// Keeps one proxy up to date until its session ends; says why it did.
pub(super) async fn run<B>(mut peer: Peer<B>, mut latest: Latest, member: &Member) -> Ended
where
    B: Body<Data = Bytes> + Unpin,
{
    match serve(&mut peer, &mut latest, member).await {
        Ok(never) => match never {},
        Err(ended) => ended,
    }
}

async fn serve<B>(
    peer: &mut Peer<B>,
    latest: &mut Latest,
    member: &Member,
) -> Result<std::convert::Infallible, Ended>
where
    B: Body<Data = Bytes> + Unpin,
{
    let hello = peer.hello().await?;
    member.said_hello(&hello);
    TooFar::check_proxy(hello.schema)?;
    let (mut has, mut unknown) = known(hello.have);
    let mut seq = 0;
    loop {
        let published = latest.borrow_and_update().clone();
        if let Some(published) = published {
            let delta = Delta::between(&has, &published.translation.config);
            // The first is told even when it is empty: the proxy learns that it is up to date.
            if seq == 0 || !delta.is_empty() {
                seq += 1;
                let rejected = peer
                    .offer(seq, &delta, &unknown, |said| member.said(said, &has))
                    .await?;
                unknown.clear();
                // What was rejected is offered again only when it changes.
                delta.record_in(&mut has);
                member.took(&delta, &has, rejected);
            }
            member.has(published.number);
        }
        let changed = peer
            .until(latest.changed(), |said| member.said(said, &has))
            .await?;
        changed.map_err(|_| Ended::Stopping)?;
    }
}

/// What a proxy has, by the names that we know, and the names that we do not.
fn known(have: BTreeMap<Box<str>, Hash>) -> (Have, Vec<Box<str>>) {
    let (mut has, mut unknown) = (Have::new(), Vec::new());
    for (name, hash) in have {
        match name.parse() {
            Ok(key) => drop(has.insert(key, hash.0)),
            Err(_) => unknown.push(name),
        }
    }
    (has, unknown)
}
