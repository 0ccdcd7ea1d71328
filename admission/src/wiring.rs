//! The whole process, put together from top to bottom.

use std::io;
use std::sync::Arc;

use portreeve_process::{ListenError, bind, say};
use portreeve_settings::{ClientError, Reached, client};
use portreeve_table::Forbidden;
use portreeve_watch::{Kinds, Store};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin;
use crate::handler::Handler;
use crate::options::Options;
use crate::server::{self, Server};
use crate::tls::{Files, Reload};
use crate::world::World;

/// What it calls itself.
const PROGRAM: &str = "portreeve-admission";

/// Why the process cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// The Kubernetes API cannot be talked to at all.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// An address cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A part of the process has ended that must not.
    #[error("{0} has ended, which it must not; see above for why")]
    Ended(&'static str),
    /// The kernel grants no thread, no epoll or no signal.
    #[error("the operating system refuses: {0}")]
    System(#[from] io::Error),
}

/// Runs the webhook until it is told to stop.
///
/// # Errors
/// When it cannot begin, with what to do about it.
pub fn run(options: Options) -> Result<(), Fatal> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(options))
}

async fn serve(options: Options) -> Result<(), Fatal> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let reviews = bind(PROGRAM, "listen", options.listen).await?;
    let probes = bind(PROGRAM, "admin", options.admin).await?;
    let settings = &options.settings;
    let Reached {
        client,
        api_servers,
    } = client(settings.kubeconfig.as_deref()).await?;

    let namespace = settings.namespace.clone();
    let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_string());
    let store = Store::start(
        client,
        portreeve_watch::Options {
            scope: settings.scope(),
            kinds: settings.kinds(Kinds::for_reviews().with_parameters(&namespace)),
        },
        |problem| say(format_args!("portreeve-admission: {problem}")),
    );
    let health = store.health();
    let mut translation = portreeve_translate::Options {
        parameters: Some(namespace),
        ..settings.translation()
    };
    options.acme.tell(&mut translation);
    for api_server in api_servers {
        translation
            .targets
            .deny(api_server.into(), Forbidden::ApiServer);
    }
    let world = Arc::new(World::new(translation, options.missing_services));
    let (tell, tls) = watch::channel(None);
    let (leave, leaving) = watch::channel(false);
    let under_way = server::reviews();
    let handler = Arc::new(Handler::new(Arc::clone(&world)));

    let mut parts = JoinSet::new();
    let known = Arc::clone(&world);
    parts.spawn(async move {
        known.follow(store).await;
        "the look at the cluster"
    });
    let reload = Reload::new(Files {
        cert: options.tls_cert.clone(),
        key: options.tls_key.clone(),
        client_ca: options.client_ca.clone(),
    });
    parts.spawn(async move {
        server::follow(reload, tell).await;
        "the look at the certificate"
    });
    let state = admin::State {
        world,
        health,
        counts: Arc::clone(handler.counts()),
        tls: tls.clone(),
        leaving: leaving.clone(),
    };
    parts.spawn(async move {
        admin::serve(probes, state).await;
        "the admin listener"
    });
    let server = Server {
        handler,
        tls,
        asks_certificate: options.client_ca.is_some(),
        leaving,
        reviews: Arc::clone(&under_way),
    };
    parts.spawn(async move {
        server.run(reviews).await;
        "the listener for the API server"
    });

    let ended = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        ended = parts.join_next() => Some(ended),
    };
    let Some(ended) = ended else {
        server::leave(&leave, &under_way).await;
        return Ok(());
    };
    let what = ended.and_then(Result::ok);
    Err(Fatal::Ended(what.unwrap_or("a part of the process")))
}
