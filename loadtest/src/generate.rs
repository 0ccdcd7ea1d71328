//! Directories of many manifests, to find out what a size costs.
//!
//! The same options give the same bytes. Every host is served by one Ingress, Services take turns,
//! and each of them has its share of the endpoints.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// The options of `portreeve-loadtest generate`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  portreeve-loadtest generate /tmp/large
  portreeve-loadtest generate /tmp/one-file --per-file 100000
  portreeve-loadtest generate /tmp/small --ingresses 100 --services 10 --endpoints 30 --per-file 1")]
pub struct Options {
    /// Where to write; it is made if it is not there.
    pub directory: PathBuf,

    /// How many Ingresses, each with a host and two paths of its own.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub ingresses: u32,

    /// How many Services, each with an EndpointSlice.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub services: u32,

    /// How many endpoints in all.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub endpoints: u32,

    /// How many objects of one kind to a file.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub per_file: u32,

    /// The port on which all endpoints would listen.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
}

/// Writes the manifests.
///
/// # Errors
/// When a file cannot be written.
pub fn run(options: &Options) -> io::Result<()> {
    fs::create_dir_all(&options.directory)?;
    options.write("service", options.services, |n| options.service(n))?;
    options.write("slice", options.services, |n| options.slice(n))?;
    options.write("ingress", options.ingresses, |n| options.ingress(n))
}

/// The host of an Ingress.
pub fn host(ingress: u32) -> String {
    format!("shop-{ingress}.example.com")
}

/// An endpoint of a Service: a loopback address, so that whoever asks it is refused at once.
pub fn endpoint(service: u32, number: u32) -> Ipv4Addr {
    let [_, _, high, low] = service.to_be_bytes();
    // 127.0 is left to those who do listen.
    Ipv4Addr::new(127, (1 + number % 254) as u8, high, low)
}

impl Options {
    fn write(&self, kind: &str, count: u32, object: impl Fn(u32) -> String) -> io::Result<()> {
        let per_file = self.per_file as usize;
        let numbers: Vec<_> = (0..count).collect();
        for (file, numbers) in numbers.chunks(per_file).enumerate() {
            let objects: Vec<_> = numbers.iter().map(|n| object(*n)).collect();
            let path = self.directory.join(format!("{kind}-{file:06}.yaml"));
            fs::write(path, objects.join("---\n"))?;
        }
        Ok(())
    }

    fn ingress(&self, number: u32) -> String {
        let (host, service) = (host(number), number % self.services);
        let path = |path: &str| {
            format!(
                "          - path: {path}
            pathType: Prefix
            backend:
              service:
                name: service-{service}
                port:
                  number: 80
"
            )
        };
        format!(
            "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop-{number}
  namespace: shop
  labels:
    app: shop-{number}
  annotations:
    nginx.ingress.kubernetes.io/proxy-read-timeout: \"30\"
    nginx.ingress.kubernetes.io/proxy-body-size: 8m
spec:
  ingressClassName: portreeve
  rules:
    - host: {host}
      http:
        paths:
{}{}",
            path("/"),
            path("/api")
        )
    }

    fn service(&self, number: u32) -> String {
        format!(
            "apiVersion: v1
kind: Service
metadata:
  name: service-{number}
  namespace: shop
spec:
  ports:
    - name: http
      port: 80
      targetPort: {}
",
            self.port
        )
    }

    fn slice(&self, number: u32) -> String {
        let more = u32::from(number < self.endpoints % self.services);
        let endpoints = (0..self.endpoints / self.services + more).map(|e| {
            let address = endpoint(number, e);
            format!("  - addresses: [{address}]\n    conditions:\n      ready: true\n")
        });
        format!(
            "apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: service-{number}-a
  namespace: shop
  labels:
    kubernetes.io/service-name: service-{number}
addressType: IPv4
ports:
  - name: http
    port: {}
endpoints:
{}",
            self.port,
            endpoints.collect::<String>()
        )
    }
}
