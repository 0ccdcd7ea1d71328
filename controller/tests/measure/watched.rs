//! Processes whose memory and descriptors are looked at again and again.

use std::collections::BTreeMap;

use crate::figures::Figures;
use crate::process::Process;
use crate::room::Room;
use crate::site::Site;

/// What an allocator may keep back and a list may have grown by, in units of 1000 bytes.
const MORE_MEMORY: u64 = 4_000;
/// Connections that happen to be open when it is looked.
const MORE_DESCRIPTORS: u64 = 8;
/// So many looks at the end are compared with the first: one of them is not at a bad moment.
const LAST: usize = 3;

/// What was seen of each process, by its name and number.
#[derive(Default)]
pub(crate) struct Watched(BTreeMap<(String, u32), Vec<Room>>);

impl Watched {
    /// Looks at every process of a site.
    pub(crate) fn look(&mut self, site: &Site) {
        for controller in &site.controllers {
            self.add(controller.name(), &controller.process);
        }
        for (at, proxy) in site.proxies.iter().enumerate() {
            self.add(format!("p{}", at + 1), &proxy.process);
        }
    }

    fn add(&mut self, name: String, process: &Process) {
        let seen = self.0.entry((name, process.id)).or_default();
        seen.push(Room::of(process));
    }

    /// Those that lived long enough must not have grown since they were first looked at.
    pub(crate) fn figures(&self, figures: &mut Figures) {
        for ((name, id), seen) in &self.0 {
            let Some((first, rest)) = seen.split_first().filter(|(_, rest)| rest.len() >= LAST)
            else {
                continue;
            };
            let last = &rest[rest.len() - LAST..];
            let minutes = rest.len();
            let memory = last.iter().map(|room| room.own).min().unwrap();
            let what = format!("{name} ({id}): memory at first");
            figures.memory(what, first.own, None);
            let what = format!("{name} ({id}): memory {minutes} minutes later");
            figures.memory(what, memory, Some(first.own + MORE_MEMORY));
            let descriptors = last.iter().map(|room| room.descriptors).min().unwrap();
            let what = format!("{name} ({id}): descriptors at first");
            figures.count(what, first.descriptors, None);
            let what = format!("{name} ({id}): descriptors {minutes} minutes later");
            figures.count(
                what,
                descriptors,
                Some(first.descriptors + MORE_DESCRIPTORS),
            );
        }
    }
}
