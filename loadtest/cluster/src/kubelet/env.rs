//! A container's environment: what its manifest says, and how programs find the API server.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, EnvVar, Pod};

use super::fields;
use super::objects::{Kind, Objects};
use crate::namespace::HOST;

/// What an environment is made from.
pub(crate) struct Context<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) addresses: &'a [String],
    pub(crate) objects: &'a Objects,
}

type Environment = BTreeMap<String, String>;

/// The environment of `container`, or the reference that leads to nothing yet.
pub(crate) fn environment(
    context: &Context<'_>,
    container: &Container,
) -> Result<Environment, String> {
    let own = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|value| (name.to_owned(), value))
    };
    let mut variables: Environment = own("PATH").into_iter().collect();
    for (name, value) in [
        ("HOME", "/"),
        (
            "HOSTNAME",
            context.pod.metadata.name.as_deref().unwrap_or_default(),
        ),
        ("KUBERNETES_SERVICE_HOST", HOST),
        ("KUBERNETES_SERVICE_PORT", "6443"),
        ("KUBERNETES_SERVICE_PORT_HTTPS", "6443"),
    ] {
        variables.insert(name.into(), value.into());
    }
    for source in container.env_from.iter().flatten() {
        let prefix = source.prefix.as_deref().unwrap_or_default();
        let secret = source
            .secret_ref
            .as_ref()
            .map(|it| (Kind::Secret, &it.name, it.optional));
        let map = source.config_map_ref.as_ref();
        let map = map.map(|it| (Kind::ConfigMap, &it.name, it.optional));
        for (kind, name, optional) in secret.into_iter().chain(map) {
            let data = context.data(kind, name, optional == Some(true))?;
            let texts = data
                .into_iter()
                .map(|(key, value)| (format!("{prefix}{key}"), text(value)));
            variables.extend(texts);
        }
    }
    for variable in container.env.iter().flatten() {
        if let Some(value) = context.value(variable, &variables)? {
            variables.insert(variable.name.clone(), value);
        }
    }
    Ok(variables)
}

impl Context<'_> {
    /// A variable's value; none if it is optional and not there.
    fn value(&self, variable: &EnvVar, before: &Environment) -> Result<Option<String>, String> {
        let Some(from) = &variable.value_from else {
            let value = variable.value.as_deref().unwrap_or_default();
            return Ok(Some(expand(value, before)));
        };
        if let Some(field) = &from.field_ref {
            let unknown = || format!("{} is not a field that is known here", field.field_path);
            let value = fields::value(self.pod, self.addresses, &field.field_path);
            return value.ok_or_else(unknown).map(Some);
        }
        let secret = from.secret_key_ref.as_ref();
        let secret = secret.map(|it| (Kind::Secret, &it.name, &it.key, it.optional));
        let map = from.config_map_key_ref.as_ref();
        let map = map.map(|it| (Kind::ConfigMap, &it.name, &it.key, it.optional));
        let Some((kind, name, key, optional)) = secret.or(map) else {
            return Err(format!(
                "the source of {} is not supported here",
                variable.name
            ));
        };
        let optional = optional == Some(true);
        match self.data(kind, name, optional)?.remove(key) {
            None if !optional => Err(format!("{kind:?} {name} has no key {key}")),
            value => Ok(value.map(text)),
        }
    }

    fn data(
        &self,
        kind: Kind,
        name: &str,
        optional: bool,
    ) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let namespace = self.pod.metadata.namespace.as_deref().unwrap_or_default();
        match self.objects.data(kind, namespace, name) {
            None if !optional => Err(format!("there is no {kind:?} {name}")),
            data => Ok(data.unwrap_or_default()),
        }
    }
}

fn text(value: Vec<u8>) -> String {
    String::from_utf8_lossy(&value).into_owned()
}

/// Replaces `$(NAME)` by what is known, and `$$` by `$`; what is not known stays as it is.
pub(crate) fn expand(text: &str, variables: &Environment) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        if let Some(escaped) = after.strip_prefix('$') {
            expanded.push('$');
            rest = escaped;
            continue;
        }
        let name = after
            .strip_prefix('(')
            .and_then(|name| name.split_once(')'));
        match name.and_then(|(name, rest)| Some((variables.get(name)?, rest))) {
            Some((value, after)) => {
                expanded.push_str(value);
                rest = after;
            }
            None => {
                expanded.push('$');
                rest = after;
            }
        }
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_and_the_rest_stays() {
        let variables = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        for (text, expected) in [
            ("plain", "plain"),
            ("$(A)", "1"),
            ("x$(A)y$(A)", "x1y1"),
            ("$(B) $(A", "$(B) $(A"),
            ("$$(A) $$", "$(A) $"),
            ("$A $", "$A $"),
        ] {
            assert_eq!(expand(text, &variables), expected, "{text}");
        }
    }
}
