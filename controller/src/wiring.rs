//! The whole process, put together from top to bottom.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use portreeve_acme::{Acme, SettingsError};
use portreeve_settings::{ClientError, Reached, client};
use portreeve_table::Forbidden;
use portreeve_translate::Own;
use portreeve_watch::{Health, Kinds, Store};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::acme::{self, Figures};
use crate::admin;
use crate::counts::Counts;
use crate::events::{Board, Herald};
use crate::guard::Guard;
use crate::lanes::{self, Tell};
use crate::lease::{Candidate, Elector, Leadership, Timing};
use crate::options::Options;
use crate::pki::{Home, Keeper};
use crate::serve::{Fleet, Reporter, Server};
use crate::siblings;
use crate::status::{Farewell, Source, Writer};
use crate::webhook::Teller;
use portreeve_process::{ListenError, bind, say};

/// How often it is looked whether the API server is still heard of.
const LOOK: Duration = Duration::from_secs(1);

/// What it calls itself.
const PROGRAM: &str = "portreeve-controller";

/// Why the process cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// The Kubernetes API cannot be talked to at all.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// An address cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// What is said of certificates by ACME cannot be used.
    #[error(transparent)]
    Acme(#[from] SettingsError),
    /// The TLS library cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// A part of the process has ended that must not.
    #[error("{0} has ended, which it must not; see above for why")]
    Ended(&'static str),
    /// The kernel grants no thread, no epoll or no signal.
    #[error("the operating system refuses: {0}")]
    System(#[from] io::Error),
}

/// Runs the controller until it is told to stop and has stopped.
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
    let acme = options.acme.acme()?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sessions = bind(PROGRAM, "config-listen", options.config_listen).await?;
    let probes = bind(PROGRAM, "admin", options.admin).await?;
    let Reached {
        client,
        api_servers,
    } = client(options.settings.kubeconfig.as_deref()).await?;

    let namespace = options.settings.namespace.clone();
    let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_string());
    let (elector, leadership) = elector(&client, &namespace, &options);
    let guard = Guard::of(&leadership);
    let mut kinds = Kinds::all().with_parameters(&namespace);
    if acme.is_some() {
        kinds = kinds.with_challenges(&namespace);
    }
    let store = Store::start(
        client.clone(),
        portreeve_watch::Options {
            scope: options.settings.scope(),
            kinds: options.settings.kinds(kinds),
        },
        |problem| say(format_args!("portreeve-controller: {problem}")),
    );
    let health = store.health();
    let (publish, latest) = watch::channel(None);
    let (see, seen) = watch::channel(None);
    let (hold, is_loss_held) = watch::channel(false);
    let (board, posted) = Board::new();
    let counts = Arc::new(Counts::default());
    let fleet = Arc::new(Fleet::default());
    let source = Source::of(&options, &namespace);

    let mut parts = JoinSet::new();
    let tell = Tell {
        publish,
        board: board.clone(),
        seen: see,
        service: source.service().cloned(),
        held: hold,
        counts: Arc::clone(&counts),
    };
    let mut translation = portreeve_translate::Options {
        parameters: Some(namespace.clone()),
        challenges: acme.is_some().then(|| namespace.clone()),
        own: Some(Own {
            namespace: namespace.clone(),
            config: options.config_listen.port(),
            admin: options.admin.port(),
            proxies: options.publish_service.clone(),
        }),
        ..options.translation()
    };
    for api_server in api_servers {
        translation
            .targets
            .deny(api_server.into(), Forbidden::ApiServer);
    }
    parts.spawn(named(
        "the translation",
        lanes::run(store, translation, options.loss_limit(), tell),
    ));
    let (fresh, is_fresh) = watch::channel(true);
    parts.spawn(named(
        "the look at the watches",
        look(health.clone(), fresh),
    ));
    let home = match &options.pki_dir {
        Some(directory) => Home::Directory(directory.clone()),
        None => Home::secrets(client.clone(), &namespace),
    };
    let (mut keeper, identity) = Keeper::new(home, &namespace, leadership.clone(), Timestamp::now);
    let configuration = &options.admission_webhook_configuration;
    if !configuration.is_empty() {
        let (teller, told) = Teller::new(
            client.clone(),
            guard.clone(),
            configuration,
            &namespace,
            keeper.believed(),
            Arc::clone(&counts),
        );
        keeper = keeper.waiting_for(told);
        parts.spawn(named("the teller of authorities", teller.run()));
    }
    parts.spawn(named("the keeper of certificates", keeper.run()));
    let server = Server {
        latest: latest.clone(),
        fleet: Arc::clone(&fleet),
        identity: identity.clone(),
        is_fresh,
    };
    parts.spawn(named("the listener for proxies", server.run(sessions)));
    let (heard, heard_posted) = Board::new();
    let reporter = Reporter {
        fleet: Arc::clone(&fleet),
        latest: latest.clone(),
        seen: seen.clone(),
        board: heard,
    };
    parts.spawn(named("the report of rejections", reporter.run()));
    let figures = Arc::new(Figures::default());
    if let Some(Acme { cas, policy }) = acme {
        let doors = match options.asked_service() {
            Some(service) => acme::Doors::behind(client.clone(), service.clone())?,
            None => acme::Doors::Fleet {
                latest: latest.clone(),
                fleet: Arc::clone(&fleet),
            },
        };
        let keeper = acme::Keeper {
            client: client.clone(),
            guard: guard.clone(),
            namespace: namespace.clone(),
            cas,
            policy,
            doors,
            latest: latest.clone(),
            seen: seen.clone(),
            board: board.clone(),
            figures: Arc::clone(&figures),
        };
        parts.spawn(named("the keeper of certificates by ACME", keeper.run()));
    }
    let state = admin::State {
        latest,
        fleet,
        health,
        counts: Arc::clone(&counts),
        is_loss_held,
        leadership,
        figures,
        identity,
    };
    parts.spawn(named("the admin listener", admin::serve(probes, state)));
    let herald = Herald::new(
        client.clone(),
        guard.clone(),
        &options.name,
        posted,
        Arc::clone(&counts),
    );
    parts.spawn(named("the writer of Events", herald.run()));
    // Nobody else hears what the proxies of this controller reject.
    let herald = Herald::new(
        client.clone(),
        Guard::always(),
        &options.name,
        heard_posted,
        Arc::clone(&counts),
    );
    parts.spawn(named("the writer of rejections", herald.run()));

    let (stop_writer, writer_stops) = oneshot::channel();
    let writer = Writer::new(client.clone(), guard, source, seen, board, counts);
    let writer = options.update_status.then(|| {
        let stop = async move { writer_stops.await.unwrap_or(Farewell::Keep) };
        tokio::spawn(writer.run(stop))
    });
    let (stop_elector, elector_stops) = oneshot::channel::<()>();
    let elector =
        elector.map(|elector| tokio::spawn(elector.run(async move { drop(elector_stops.await) })));

    let ended = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        ended = parts.join_next() => Some(ended),
    };
    // Who writes must lead until the last write, so the Lease is let go of at the very end.
    if let Some(writer) = writer {
        let _ = stop_writer.send(farewell(client, &namespace, &options).await);
        let _ = writer.await;
    }
    drop(stop_elector);
    if let Some(elector) = elector {
        let _ = elector.await;
    }
    match ended {
        None => Ok(()),
        Some(ended) => Err(Fatal::Ended(
            ended
                .and_then(Result::ok)
                .unwrap_or("a part of the process"),
        )),
    }
}

/// What becomes of statuses: only who may clear them has to know who else there is.
async fn farewell(client: kube::Client, namespace: &str, options: &Options) -> Farewell {
    let others = match options.update_status_on_shutdown {
        true => siblings::others(client, namespace, &options.name).await,
        false => None,
    };
    Farewell::of(options.update_status_on_shutdown, others)
}

/// Runs a part of the process and says which one it was when it ends.
async fn named(name: &'static str, part: impl Future<Output = ()>) -> &'static str {
    part.await;
    name
}

/// Who stands for election; nobody when this controller is the only one.
fn elector(
    client: &kube::Client,
    namespace: &str,
    options: &Options,
) -> (Option<Elector>, Leadership) {
    if options.disable_leader_election {
        return (None, Leadership::always());
    }
    let candidate = Candidate {
        identity: format!("{}_{}", options.name, std::process::id()),
        namespace: namespace.into(),
        lease: options.election_id.clone(),
        timing: Timing::of(options.election_ttl),
    };
    let (elector, leadership) = Elector::new(client.clone(), candidate);
    (Some(elector), leadership)
}

/// Looks whether the API server is still heard of.
async fn look(health: Health, fresh: watch::Sender<bool>) {
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        let is_fresh = health.is_fresh();
        fresh.send_if_modified(|was| std::mem::replace(was, is_fresh) != is_fresh);
    }
}
