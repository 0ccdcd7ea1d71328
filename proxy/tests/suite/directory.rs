//! The directory is followed: changes are taken at once, and bad ones harm nothing else.

use std::path::Path;

use crate::harness::{Backend, Client, Ingress, Proxy, Started, get, service, wait_until};

fn text(proxy: &Started, host: &str) -> String {
    get(proxy.http(), host, "/").text()
}

fn answers(proxy: &Started, host: &str, expected: &str) {
    wait_until(&format!("{expected:?} from {host}"), || {
        text(proxy, host) == expected
    });
}

fn ingress(name: &str, host: &str, service: &str) -> String {
    Ingress::new(name).host(host, service).yaml()
}

#[test]
fn files_come_change_and_go() {
    let [one, two] = ["one", "two"].map(Backend::named);
    let proxy = Proxy::new()
        .file(
            "services.yaml",
            service("one", &[one.address]) + &service("two", &[two.address]),
        )
        .start();
    assert_eq!(get(proxy.http(), "a.example", "/").status, 404);
    proxy.dir.write("a.yaml", &ingress("a", "a.example", "one"));
    answers(&proxy, "a.example", "one");
    proxy.dir.write("a.yaml", &ingress("a", "a.example", "two"));
    answers(&proxy, "a.example", "two");
    std::fs::write(
        proxy.dir.path().join("a.yaml"),
        ingress("a", "a.example", "one"),
    )
    .unwrap();
    answers(&proxy, "a.example", "one");
    std::fs::remove_file(proxy.dir.path().join("a.yaml")).unwrap();
    wait_until("the route to go", || {
        get(proxy.http(), "a.example", "/").status == 404
    });
}

#[test]
fn every_form_of_manifest_is_read() {
    let backend = Backend::named("here");
    let as_json = serde_json::json!({
        "apiVersion": "v1", "kind": "List", "items": [{
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": "json", "namespace": "t"},
            "spec": {"rules": [{"host": "json.example", "http": {"paths": [{
                "path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]}
        }]
    });
    let proxy = Proxy::new()
        .file("service.yml", service("s", &[backend.address]))
        .file("list.json", as_json.to_string())
        .file("notes.txt", "this is no manifest")
        .file(
            "deployment.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n",
        );
    let proxy = proxy.start();
    std::fs::create_dir(proxy.dir.path().join("below")).unwrap();
    let below = proxy.dir.path().join("below/deep.yaml");
    std::fs::write(below, ingress("deep", "deep.example", "s")).unwrap();
    answers(&proxy, "json.example", "here");
    answers(&proxy, "deep.example", "here");
    let said = proxy.said();
    assert!(
        !said.contains("notes.txt") && !said.contains("Deployment"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_cut_short_keeps_what_it_said() {
    let backend = Backend::named("here");
    let proxy = Proxy::new()
        .file("service.yaml", service("s", &[backend.address]))
        .file("a.yaml", ingress("a", "a.example", "s"))
        .start();
    proxy.dir.write(
        "a.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a, ",
    );
    wait_until("a word about it", || proxy.said().contains("a.yaml"));
    proxy.dir.write("b.yaml", &ingress("b", "b.example", "s"));
    answers(&proxy, "b.example", "here");
    assert_eq!(
        text(&proxy, "a.example"),
        "here",
        "the last good value is kept"
    );
}

#[test]
fn a_file_that_was_emptied_or_may_not_be_read_keeps_what_it_said() {
    let backend = Backend::named("one");
    let proxy = Proxy::new()
        .file("s.yaml", service("one", &[backend.address]))
        .file("a.yaml", ingress("a", "a.example", "one"))
        .start();
    let file = proxy.dir.path().join("a.yaml");
    std::fs::write(&file, "").unwrap();
    wait_until("the empty file to be named", || {
        proxy.said().contains("a.yaml: ManifestUnreadable")
    });
    assert_eq!(text(&proxy, "a.example"), "one");
    // Whoever reads this file gets an error, root included.
    let link = proxy.dir.path().join(".a.new");
    std::os::unix::fs::symlink("/proc/self/mem", &link).unwrap();
    std::fs::rename(link, &file).unwrap();
    wait_until("the unreadable file to be named", || {
        proxy.said().contains("It cannot be read")
    });
    assert_eq!(text(&proxy, "a.example"), "one");
    std::fs::remove_file(file).unwrap();
    wait_until("the route to go", || {
        get(proxy.http(), "a.example", "/").status == 404
    });
}

#[test]
fn a_bad_object_is_named_with_its_fix_and_harms_no_other() {
    let backend = Backend::named("here");
    let bad =
        ingress("bad", "bad.example", "s").replace("networking.k8s.io/v1", "extensions/v1beta1");
    let proxy = Proxy::new()
        .file("service.yaml", service("s", &[backend.address]))
        .file("good.yaml", ingress("good", "good.example", "s"))
        .file("bad.yaml", bad)
        .file(
            "missing.yaml",
            ingress("missing", "missing.example", "nobody"),
        )
        .start();
    assert_eq!(text(&proxy, "good.example"), "here");
    assert_eq!(get(proxy.http(), "missing.example", "/").status, 503);
    for part in [
        "bad.yaml",
        "extensions/v1beta1",
        "networking.k8s.io/v1",
        "missing.yaml",
        "t/nobody",
    ] {
        wait_until(part, || proxy.said().contains(part));
    }
}

/// An Ingress that becomes wrong keeps its last good value, and whatever that restricts.
#[test]
fn an_object_that_becomes_wrong_keeps_what_it_said() {
    let [one, two] = ["one", "two"].map(Backend::named);
    let proxy = Proxy::new()
        .file(
            "services.yaml",
            service("one", &[one.address]) + &service("two", &[two.address]),
        )
        .file("a.yaml", ingress("a", "a.example", "one"))
        .start();
    assert_eq!(text(&proxy, "a.example"), "one");
    let wrong = ingress("a", "a.example", "two").replace("number: 80", "number: eighty");
    let beside = ingress("b", "b.example", "two");
    proxy.dir.write("a.yaml", &(wrong + &beside));
    answers(&proxy, "b.example", "two");
    assert_eq!(text(&proxy, "a.example"), "one");
    wait_until("a word about it", || proxy.said().contains("ObjectInvalid"));
    proxy.dir.write("a.yaml", &ingress("a", "a.example", "two"));
    answers(&proxy, "a.example", "two");
}

/// A ConfigMap is mounted as links into `..data`, itself a link that is swapped.
#[test]
fn a_mounted_config_map_is_followed_through_its_links() {
    let [one, two] = ["one", "two"].map(Backend::named);
    let fill = |root: &Path, version: &str, to: &Backend| {
        let dir = root.join(version);
        std::fs::create_dir(&dir).unwrap();
        let text = ingress("a", "a.example", "s") + &service("s", &[to.address]);
        std::fs::write(dir.join("all.yaml"), text).unwrap();
        std::os::unix::fs::symlink(version, root.join("..data_tmp")).unwrap();
        std::fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    };
    let proxy = Proxy::new().start();
    let root = proxy.dir.path();
    fill(root, "..1", &one);
    std::os::unix::fs::symlink("..data/all.yaml", root.join("all.yaml")).unwrap();
    answers(&proxy, "a.example", "one");
    fill(root, "..2", &two);
    answers(&proxy, "a.example", "two");
    std::fs::remove_dir_all(root.join("..1")).unwrap();
    assert_eq!(text(&proxy, "a.example"), "two");
    assert!(
        !proxy.said().contains("all.yaml"),
        "nothing is read twice: {}",
        proxy.said()
    );
}

#[test]
fn a_directory_that_is_gone_takes_nothing_with_it() {
    let backend = Backend::named("here");
    let proxy = Proxy::new()
        .file(
            "all.yaml",
            ingress("a", "a.example", "s") + &service("s", &[backend.address]),
        )
        .start();
    let away = proxy.dir.path().with_extension("away");
    std::fs::rename(proxy.dir.path(), &away).unwrap();
    assert_eq!(text(&proxy, "a.example"), "here");
    std::fs::rename(&away, proxy.dir.path()).unwrap();
    proxy.dir.write("b.yaml", &ingress("b", "b.example", "s"));
    answers(&proxy, "b.example", "here");
    assert_eq!(text(&proxy, "a.example"), "here");
}

#[test]
fn a_connection_outlives_every_change() {
    let [one, two] = ["one", "two"].map(Backend::named);
    let proxy = Proxy::new()
        .file(
            "a.yaml",
            ingress("a", "a.example", "s") + &service("s", &[one.address]),
        )
        .start();
    let mut client = Client::connect(proxy.http());
    let mut ask = || {
        client.send("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");
        client.reply().unwrap().text()
    };
    assert_eq!(ask(), "one");
    proxy.dir.write(
        "a.yaml",
        &(ingress("a", "a.example", "s") + &service("s", &[two.address])),
    );
    wait_until("the new endpoint over the old connection", || {
        ask() == "two"
    });
}
