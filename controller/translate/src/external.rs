//! Services of type ExternalName: where they lead, as far as their names say it.
//!
//! A name that may lead anywhere is resolved by the proxy, which checks every answer. What is known
//! here is refused here: then it can be said of the object.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use k8s_openapi::api::core::v1::Service;
use portreeve_table::{External, Forbidden, HostPattern, Targets};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::endpoint::refusal;
use crate::object::{Kind, ObjectKey};
use crate::options::Options;
use crate::snapshot::Snapshot;
use crate::targets::addresses;

/// Why an external name is not served.
pub(crate) struct Refused {
    why: String,
    /// Where it leads, when that is why.
    pub(crate) target: Option<Box<str>>,
}

impl Refused {
    /// What is said of the Service.
    pub(crate) fn diagnostic(&self, service: &ObjectKey) -> Diagnostic {
        let object = service.reference(Kind::Service);
        Diagnostic::new(Code::ExternalNameRefused, object, &*self.why)
            .field("spec.externalName")
            .hint("a DNS name such as shop.example.com")
    }
}

/// The name to resolve and the port to connect to.
///
/// # Errors
/// When it is none, or leads where no request may be sent.
pub(crate) fn external(
    snapshot: &Snapshot,
    service: &Service,
    port: u16,
    options: &Options,
    targets: &Targets,
) -> Result<External, Refused> {
    let spec = service.spec.as_ref();
    let written = spec.and_then(|spec| spec.external_name.as_deref());
    let written = written.unwrap_or_default();
    let refused = |why: &str, target| Refused {
        why: format!("{written:?} {why}, so its routes answer 503."),
        target,
    };
    if !options.external_names {
        return Err(refused(
            "is an external name, and these are switched off",
            None,
        ));
    }
    let name = written.strip_suffix('.').unwrap_or(written);
    let name = name.to_ascii_lowercase();
    let address = name.parse::<IpAddr>();
    if address.is_err() && !matches!(HostPattern::parse(&name), Ok(HostPattern::Exact(_))) {
        return Err(refused("is not a DNS name", None));
    }
    for address in known(snapshot, &name, port) {
        if let Err(why) = targets.check(address) {
            return Err(refused(
                &reason(&name, address, why),
                Some(refusal(address, why)),
            ));
        }
    }
    Ok(External {
        name: name.into(),
        port,
        targets: targets.clone(),
    })
}

fn reason(name: &str, address: SocketAddr, why: Forbidden) -> String {
    match name.parse::<IpAddr>() {
        Ok(_) => format!("is {why}"),
        Err(_) => format!("leads to {}", refusal(address, why)),
    }
}

/// Where a name is known to lead without asking anybody: an address, this machine (RFC 6761), or a
/// Service of the cluster.
fn known(snapshot: &Snapshot, name: &str, port: u16) -> Vec<SocketAddr> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return vec![(address, port).into()];
    }
    if name == "localhost" || name.ends_with(".localhost") {
        return vec![(Ipv4Addr::LOCALHOST, port).into()];
    }
    let mut labels = name.split('.');
    let (Some(service), Some(namespace), Some("svc")) =
        (labels.next(), labels.next(), labels.next())
    else {
        return Vec::new();
    };
    // A headless Service's name leads to its endpoints whatever port is asked for.
    let addresses = addresses(snapshot, &ObjectKey::new(namespace, service));
    let addresses = addresses.into_iter();
    addresses.map(|at| SocketAddr::new(at.ip(), port)).collect()
}
