//! Hosts that a namespace may not use, where Namespaces list those that they may: the rule of
//! `--host-ownership listed`.

use super::Policy;
use super::cel::{Variable, list, values};
use crate::annotations::table::Holds;

pub(super) const POLICY: Policy = Policy {
    name: "portreeve-hosts",
    path: "deploy/listed-hosts/policy.yaml",
    refuses: "refuses Ingresses with hosts that the annotation `portreeve.dev/hosts` of their Namespace does not list",
    holds: &[Holds::Hosts, Holds::Www],
    variables,
    // What a message quotes must be one line: the API server drops one that is not.
    message: r"'The namespace ' + object.metadata.namespace + ' may use ' +
(variables.allowed.size() == 0
  ? 'no host, and so not '
  : variables.allowed.join(', ').matches('^[a-z0-9*., -]{1,200}$')
    ? variables.allowed.join(', ') + ' and not '
    : 'the hosts in its annotation portreeve.dev/hosts and not ') +
(variables.refused[0] == '*'
  ? 'hosts that no rule names'
  : variables.refused[0].matches('^[a-z0-9*.-]{1,253}$')
    ? variables.refused[0]
    : 'a name in server-alias') +
(variables.refused.exists(it, it != variables.refused[0]) ? ', nor others' : '') +
'. Write: a host that the annotation portreeve.dev/hosts of Namespace ' + object.metadata.namespace +
' lists, or let an administrator add it there.'",
};

/// Go's `strconv.ParseBool`.
const TRUE: &str = "['1', 't', 'T', 'true', 'TRUE', 'True']";

/// Texts separated by commas as hosts are compared: in lower case, without a dot at the end.
const EACH: &str = ".lowerAscii().split(',').map(name, name.trim()).filter(name, name != '')
  .map(name, name.endsWith('.') && name != '*.' ? name.substring(0, name.size() - 1) : name)";

fn variables() -> Vec<Variable> {
    let listed = "namespaceObject.metadata.?annotations[?'portreeve.dev/hosts'].orValue('')";
    vec![
        Variable::new("allowed", format!("{listed}\n  {EACH}")),
        // `*.shop.example` is for every name that ends in `.shop.example`.
        Variable::new(
            "endings",
            "variables.allowed.filter(it, it.startsWith('*.')).map(it, it.substring(1))",
        ),
        // One each: what an expression may cost is bounded.
        Variable::new("hosts", hosts("object")),
        Variable::new(
            "had",
            format!("!variables.wasOurs ? [] : {}", hosts("oldObject")),
        ),
        // Whatever its size, an Ingress can be edited that goes on with the hosts that it has.
        Variable::new(
            "isSettled",
            "'*' in variables.allowed || variables.hosts == variables.had",
        ),
        Variable::new(
            "refused",
            "variables.isSettled ? [] : variables.hosts.filter(host,\n  \
             !(host in variables.allowed) &&\n  \
             !variables.endings.exists(ending, host.endsWith(ending)) &&\n  \
             !(host in variables.had))",
        ),
    ]
}

/// All hosts of the Ingress `of`, `*` for those that no rule names.
fn hosts(of: &str) -> String {
    let rules = format!("{of}.spec.?rules.orValue([])");
    let named = format!("{rules}.map(rule, rule.?host.orValue(''))");
    let ruled = format!("{named}.map(host, host == '' ? '*' : host).join(',')");
    let rest = format!("{rules}.size() == 0 && has({of}.spec.defaultBackend) ? '*' : ''");
    let tls =
        format!("{of}.spec.?tls.orValue([]).map(tls, tls.?hosts.orValue([]).join(',')).join(',')");
    let www = values(Holds::Www, of).into_iter().map(|value| {
        format!(
            "{value} in {TRUE}\n  ? {named}.filter(host, host != '' && !host.startsWith('*'))\n    \
             .map(host, host.startsWith('www.') ? host.substring(4) : 'www.' + host).join(',')\n  : ''"
        )
    });
    let parts = [ruled, rest, tls].into_iter();
    let parts = parts.chain(values(Holds::Hosts, of)).chain(www);
    format!("{}.join(','){EACH}", list(parts))
}
