//! A webhook process, and how the API server is told of it.

use std::net::SocketAddr;
use std::sync::Arc;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::networking::v1::Ingress;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};

use crate::http;
use crate::place::Place;
use crate::process::Process;
use crate::wait::until;

pub(crate) struct Reviewer {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    authority: CertifiedIssuer<'static, KeyPair>,
    place: Place,
}

impl Reviewer {
    /// Starts one for the classes of a place, and waits until it knows the cluster.
    pub(crate) async fn start(place: &Place) -> Self {
        let reviewer = Self::launch(place);
        reviewer.ready().await;
        reviewer
    }

    fn launch(place: &Place) -> Self {
        let (address, admin) = (place.address(31, 8443), place.address(31, 10256));
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(params, authority).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![SanType::IpAddress(address.ip())];
        let certificate = params.signed_by(&key, &authority).unwrap();
        let (cert, key_file) = (place.folder.join("tls.crt"), place.folder.join("tls.key"));
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        std::fs::write(&cert, certificate.pem()).unwrap();
        let own = vec![
            format!("--namespace={}", place.name),
            format!("--ingress-class={}", place.name),
            format!("--controller-class={}", place.controller_class()),
            format!("--listen={address}"),
            format!("--admin={admin}"),
            format!("--tls-cert={}", cert.display()),
            format!("--tls-key={}", key_file.display()),
        ];
        let log = place.folder.join("admission.log");
        let process = Process::start("portreeve-admission", &own, &log);
        Self {
            process,
            address,
            admin,
            authority,
            place: place.clone(),
        }
    }

    pub(crate) async fn ready(&self) {
        until("the webhook is ready", async || {
            http::says_yes(self.admin, "/readyz").await
        })
        .await;
    }

    /// How to connect to it.
    pub(crate) fn tls(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        Arc::new(config)
    }

    /// Tells the API server of it, for the namespace of its place, and waits until it asks.
    pub(crate) async fn register(&self) {
        let object = json!({
            "metadata": {"name": self.place.name},
            "webhooks": [{
                "name": "validate.ingress.portreeve.dev",
                "clientConfig": {
                    "url": format!("https://{}/validate", self.address),
                    "caBundle": base64(self.authority.pem().as_bytes()),
                },
                "rules": [{
                    "apiGroups": ["networking.k8s.io"],
                    "apiVersions": ["v1"],
                    "resources": ["ingresses"],
                    "operations": ["CREATE", "UPDATE"],
                }],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.place.name}},
                "failurePolicy": "Ignore",
                "matchPolicy": "Equivalent",
                "sideEffects": "None",
                "timeoutSeconds": 5,
                "admissionReviewVersions": ["v1"],
            }],
        });
        self.place
            .make_cluster_wide::<ValidatingWebhookConfiguration>(&object)
            .await;
        let bad = json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "probe"},
            "spec": {"ingressClassName": self.place.name, "rules": [{"host": "10.0.0.1.example", "http": {"paths": [
                {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "nowhere", "port": {"number": 80}}}},
            ]}}]},
        });
        until("the API server asks the webhook", async || {
            self.is_refused(&bad).await
        })
        .await;
    }

    async fn is_refused(&self, ingress: &Value) -> bool {
        let api: Api<Ingress> = self.place.api();
        let ingress: Ingress = serde_json::from_value(ingress.clone()).unwrap();
        let params = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        api.create(&params, &ingress).await.is_err()
    }

    /// Tells the API server to ask no more.
    pub(crate) async fn unregister(&self) {
        let all: Api<ValidatingWebhookConfiguration> = Api::all(self.place.client.clone());
        let deleted = all.delete(self.place.name, &DeleteParams::default()).await;
        deleted.unwrap();
    }
}

fn base64(bytes: &[u8]) -> String {
    let text = serde_json::to_value(k8s_openapi::ByteString(bytes.to_vec())).unwrap();
    text.as_str().unwrap().into()
}
