//! What flags come to, and which are refused.

use clap::{CommandFactory, Parser};

use super::*;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    acme: AcmeSettings,
}

fn parse(flags: &[&str]) -> Result<Option<Acme>, String> {
    let all = std::iter::once(&"program").chain(flags);
    let program = Program::try_parse_from(all).map_err(|error| error.to_string())?;
    program.acme.acme().map_err(|error| error.to_string())
}

#[test]
fn nothing_is_ordered_unless_a_directory_is_named() {
    assert_eq!(parse(&[]), Ok(None));
    let acme = parse(&["--acme-directory", "letsencrypt"])
        .unwrap()
        .unwrap();
    assert_eq!(acme.cas, [CaSettings::new(LETS_ENCRYPT)]);
    assert_eq!(acme.policy, Policy::new(CaId::new(LETS_ENCRYPT)));
}

#[test]
fn every_ca_has_an_account_of_its_own() {
    let folder = std::env::temp_dir().join(format!("portreeve-acme-flags-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let [one, two] = ["one", "two"].map(|name| {
        let path = folder.join(name);
        fs::write(&path, format!("{name}-key\n")).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let acme = parse(&[
        "--acme-directory=letsencrypt",
        "--acme-email=a@shop.example,b@shop.example",
        "--acme-eab-kid=first",
        &format!("--acme-eab-key-file={one}"),
        "--acme-staging-directory=letsencrypt-staging",
        "--acme-fallback-directory=https://other.example/dir",
        "--acme-fallback-eab-kid=second",
        &format!("--acme-fallback-eab-key-file={two}"),
        "--acme-ca-file",
        &one,
        "--acme-prune-after=30",
        "--acme-key-type=rsa-2048",
        "--acme-challenge=tls-alpn-01",
    ]);
    fs::remove_dir_all(&folder).unwrap();
    let acme = acme.unwrap().unwrap();
    let external = |kid: &str, key: &str| ExternalAccount {
        kid: kid.into(),
        key: Secret::new(key.to_owned()),
    };
    let externals: Vec<_> = acme.cas.iter().map(|ca| ca.external.clone()).collect();
    let (first, second) = (external("first", "one-key"), external("second", "two-key"));
    assert_eq!(externals, [Some(first), None, Some(second)]);
    let cas: Vec<_> = acme.cas.iter().map(|ca| &ca.id).collect();
    assert_eq!(cas, acme.policy.cas().collect::<Vec<_>>());
    assert!(
        acme.cas
            .iter()
            .all(|ca| ca.emails.len() == 2 && ca.roots.is_some())
    );
    assert_eq!(acme.policy.prune_after, Some(30 * DAY));
    assert_eq!(acme.policy.key_type, KeyType::Rsa2048);
    assert_eq!(acme.policy.challenge, ChallengeChoice::TlsAlpn01);
}

#[test]
fn what_cannot_be_meant_is_refused_and_named() {
    let ours = "--acme-directory=letsencrypt";
    for (flags, named) in [
        (
            vec!["--acme-directory=http://ca.example/dir"],
            "--acme-directory",
        ),
        (vec!["--acme-directory=nobody"], "--acme-directory"),
        (
            vec!["--acme-staging-directory=letsencrypt-staging"],
            "--acme-staging-directory",
        ),
        (
            vec![ours, "--acme-staging-directory=letsencrypt"],
            "--acme-staging-directory",
        ),
        (
            vec![ours, "--acme-fallback-directory=letsencrypt"],
            "--acme-fallback-directory",
        ),
        (vec![ours, "--acme-eab-kid=a"], "--acme-eab-key-file"),
        (vec![ours, "--acme-ca-file=/nowhere"], "--acme-ca-file"),
        (vec![ours, "--acme-allow=shop"], "--acme-allow"),
        (vec![ours, "--acme-allow=Shop=a.example"], "--acme-allow"),
        (vec![ours, "--acme-allow=shop=a b"], "--acme-allow"),
        (vec![ours, "--acme-ask-every=43201"], "--acme-ask-every"),
        (vec![ours, "--acme-key-type=dsa"], "--acme-key-type"),
    ] {
        let error = parse(&flags).unwrap_err();
        assert!(error.contains(named), "{flags:?}: {error}");
    }
}

#[test]
fn hosts_are_allowed_to_namespaces() {
    let text = "shop=*.shop.example,*=b.example";
    let program = Program::try_parse_from(["program", "--acme-allow", text]).unwrap();
    let expected = [("shop", "*.shop.example"), ("*", "b.example")];
    let expected = expected.map(|(namespace, hosts)| Allowed {
        namespace: namespace.into(),
        hosts: hosts.parse().unwrap(),
    });
    assert_eq!(program.acme.acme_allow, expected);
}

#[test]
fn every_flag_is_in_the_group_and_has_its_variable() {
    for arg in Program::command()
        .get_arguments()
        .filter(|arg| arg.get_id() != "help")
    {
        let flag = arg.get_long().unwrap();
        let variable = format!("PORTREEVE_{}", flag.to_uppercase().replace('-', "_"));
        assert_eq!(arg.get_env().unwrap().to_str(), Some(variable.as_str()));
        assert_eq!(arg.get_help_heading(), Some("ACME"), "{flag}");
    }
}
