//! A configuration as a few lines of YAML, with everything left out that is as usual.

use portreeve_table::{
    Action, Backend, Config, Filter, Forward, PathMatch, Policy, Redirect, Retry, Route, Stage,
    Timeouts, Upstream,
};
use portreeve_translate::CertificateWanted;
use serde::Serialize;
use serde_json::{Value, json};

/// The certificates to order, as text.
pub(crate) fn wants(wants: &[CertificateWanted]) -> String {
    let each = wants.iter().map(|want| {
        let wanted = json!({
            "names": want.names,
            "for": want.origin.to_string(),
            "profile": want.profile,
            "key": want.key_type.map(|kind| kind.to_string()),
            "challenge": want.challenge.map(|choice| choice.to_string()),
        });
        format!("wanted {}: {}\n", want.secret, flow(&wanted))
    });
    each.collect()
}

/// The configuration as text. Origins are shown when there are several Ingresses.
pub(crate) fn config(config: &Config, with_origin: bool) -> String {
    let mut text = String::new();
    for (pattern, host) in &config.hosts {
        text += &format!("{pattern}:\n");
        for route in &host.routes {
            text += &format!(
                "  {}: {}\n",
                path(&route.path),
                flow(&fields(route, with_origin))
            );
        }
    }
    for (key, upstream) in &config.upstreams {
        // The fixtures' endpoints are not what a test is about.
        let shown = flow(&self::upstream(upstream));
        if !["[10.0.0.1:8080]", "[10.0.0.2:8080]"].contains(&shown.as_str()) {
            text += &format!("{key}: {shown}\n");
        }
    }
    for (key, cert) in &config.certs {
        text += &format!("{key}: {}\n", flow(&json!({ "names": cert.names })));
    }
    for (token, challenge) in &config.challenges {
        text += &format!("challenge {token}: {}\n", flow(&json!(**challenge)));
    }
    text
}

fn path(path: &PathMatch) -> String {
    match path {
        PathMatch::Exact(path) => format!("exact {path}"),
        PathMatch::Prefix(path) => format!("prefix {path}"),
        PathMatch::Regex(regex) if regex.ignore_case => format!("regex(i) {regex}"),
        PathMatch::Regex(regex) => format!("regex {regex}"),
    }
}

fn fields(route: &Route, with_origin: bool) -> Fields {
    let mut fields = action(&route.action);
    let usual = [Filter::MaxBody(1 << 20)];
    let filters: Vec<_> = route
        .filters
        .iter()
        .filter(|f| !usual.contains(f))
        .collect();
    unusual(&mut fields, "instead-of", &route.instead_of, &None);
    let is_forward = matches!(route.action, Action::Forward(_));
    if is_forward
        && !route
            .filters
            .iter()
            .any(|f| matches!(f, Filter::MaxBody(_)))
    {
        fields.push(("max-body", json!("none")));
    }
    if !filters.is_empty() {
        fields.push(("filters", json!(filters)));
    }
    if with_origin {
        fields.push(("by", json!(route.origin.to_string())));
    }
    fields
}

type Fields = Vec<(&'static str, Value)>;

fn action(action: &Action) -> Fields {
    match action {
        Action::Forward(forward) => self::forward(forward),
        Action::Redirect(Redirect { status, to }) => {
            vec![("redirect", json!(status)), ("to", json!(to))]
        }
        Action::NotFound => vec![("status", json!(404))],
        Action::Unavailable { reason } => vec![("status", json!(503)), ("reason", json!(reason))],
        Action::Unknown(_) => panic!("translate knows what it makes"),
    }
}

fn forward(forward: &Forward) -> Fields {
    let [backend] = forward.backends.as_slice() else {
        panic!("one backend for a plain Ingress")
    };
    let mut fields = self::backend(backend);
    if let Some(fallback) = &forward.fallback {
        fields.push(("fallback", json!(fallback.upstream)));
    }
    unusual(&mut fields, "rewrite", &forward.rewrite, &None);
    unusual(&mut fields, "host", &forward.host, &None);
    unusual(
        &mut fields,
        "timeouts",
        &forward.timeouts,
        &Timeouts::default(),
    );
    unusual(&mut fields, "retry", &forward.retry, &Retry::default());
    fields
}

fn backend(backend: &Backend) -> Fields {
    let mut fields = vec![("to", json!(backend.upstream))];
    unusual(&mut fields, "weight", &backend.weight, &1);
    unusual(&mut fields, "protocol", &backend.protocol, &None);
    unusual(&mut fields, "policy", &backend.policy, &Policy::RoundRobin);
    unusual(&mut fields, "affinity", &backend.affinity, &None);
    fields
}

fn unusual<T: Serialize + PartialEq>(
    fields: &mut Fields,
    name: &'static str,
    value: &T,
    usual: &T,
) {
    if value != usual {
        fields.push((name, json!(value)));
    }
}

trait Flow {
    fn flow(&self) -> String;
}

fn upstream(upstream: &Upstream) -> Value {
    let endpoints = upstream.endpoints.iter().map(|endpoint| {
        let weight = match endpoint.weight {
            1 => String::new(),
            weight => format!(" x{weight}"),
        };
        let stage = match endpoint.stage {
            Stage::Ready => "",
            Stage::Draining => " draining",
        };
        json!(format!("{}{weight}{stage}", endpoint.address))
    });
    let endpoints: Vec<_> = endpoints.collect();
    match (&upstream.protocol, &upstream.external) {
        (None, None) => endpoints.into(),
        (protocol, None) => json!({ "protocol": protocol, "endpoints": endpoints }),
        (protocol, Some(external)) => json!({ "protocol": protocol, "external": external }),
    }
}

fn flow(value: &impl Flow) -> String {
    value.flow()
}

impl Flow for Fields {
    fn flow(&self) -> String {
        let fields = self
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.flow()));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
    }
}

impl Flow for Value {
    fn flow(&self) -> String {
        match self {
            Self::String(text) if is_plain(text) => text.clone(),
            Self::Array(items) => {
                let items: Vec<_> = items.iter().map(Flow::flow).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Object(fields) => {
                let fields = fields
                    .iter()
                    .filter(|(_, v)| !v.is_null() && **v != json!(false));
                let fields = fields.map(|(name, value)| format!("{name}: {}", value.flow()));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        }
    }
}

/// Whether YAML reads a text in a flow as itself.
fn is_plain(text: &str) -> bool {
    let ordinary = |c: char| c.is_ascii_alphanumeric() || "/-._:@$?+ ".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c.is_ascii_digit())
        && text.chars().all(ordinary)
        && !text.contains(": ")
        && text.parse::<f64>().is_err()
}
