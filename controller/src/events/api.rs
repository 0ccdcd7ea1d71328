//! One Event at the API server.

use std::time::{Duration, SystemTime};

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::time::timeout;

use super::notice::Notice;
use super::said::Saying;
use crate::guard::Guard;
use crate::refusal::refusal;

/// Who says it.
const CONTROLLER: &str = "portreeve.dev/ingress-controller";

/// How long a name of an instance may be.
const MAX_INSTANCE: usize = 128;

/// How long the API server has for one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why an Event was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum EventError {
    /// The API server said no, or could not be asked.
    #[error("{}; {}", refusal(.0), hint(.0))]
    Api(#[from] kube::Error),
    /// The API server said nothing.
    #[error("no answer in {} s; it is tried again", .0.as_secs())]
    Timeout(Duration),
    /// Another controller writes now.
    #[error("this controller does not lead any more")]
    NotLeading,
}

/// Writes Events.
pub(super) struct Events {
    client: Client,
    guard: Guard,
    instance: String,
}

impl Events {
    /// As the controller that is called `instance`.
    pub(super) fn new(client: Client, guard: Guard, instance: &str) -> Self {
        let end = instance.floor_char_boundary(MAX_INSTANCE);
        Self {
            client,
            guard,
            instance: instance.get(..end).unwrap_or_default().into(),
        }
    }

    /// Says it, and how often it was said with that, if that is known.
    pub(super) async fn say(
        &self,
        notice: &Notice,
        saying: Saying,
    ) -> Result<Option<i32>, EventError> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), notice.namespace());
        match saying {
            Saying::New => self.create(&api, notice).await,
            Saying::Again(Some(times)) => self.again(&api, notice, times).await,
            Saying::Again(None) => match self.ask(api.get_opt(&notice.name())).await? {
                Some(event) => {
                    let times = event.series.map_or(1, |series| series.count);
                    self.again(&api, notice, times).await
                }
                None => self.create(&api, notice).await,
            },
        }
    }

    /// Says it for the first time, unless another controller has.
    async fn create(&self, api: &Api<Event>, notice: &Notice) -> Result<Option<i32>, EventError> {
        let event = self.event(notice);
        match self.ask(api.create(&PostParams::default(), &event)).await {
            Ok(_) => Ok(Some(1)),
            Err(EventError::Api(kube::Error::Api(status))) if status.is_already_exists() => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Says it once more, in the same Event if it is still there.
    async fn again(
        &self,
        api: &Api<Event>,
        notice: &Notice,
        times: i32,
    ) -> Result<Option<i32>, EventError> {
        let times = times.max(1).saturating_add(1);
        let series = json!({"count": times, "lastObservedTime": now()});
        let (params, patch) = (PatchParams::default(), json!({"series": series}));
        match self
            .ask(api.patch(&notice.name(), &params, &Patch::Merge(patch)))
            .await
        {
            Ok(_) => Ok(Some(times)),
            Err(EventError::Api(kube::Error::Api(status))) if status.is_not_found() => {
                self.create(api, notice).await
            }
            Err(error) => Err(error),
        }
    }

    async fn ask<T>(
        &self,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, EventError> {
        if !self.guard.may_write() {
            return Err(EventError::NotLeading);
        }
        match timeout(PATIENCE, call).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(EventError::Timeout(PATIENCE)),
        }
    }

    fn event(&self, notice: &Notice) -> Event {
        let object = &notice.object;
        let regarding = ObjectReference {
            api_version: Some(notice.api_version().into()),
            kind: Some(object.kind.as_str().into()),
            name: Some(object.name.to_string()),
            namespace: (!object.namespace.is_empty()).then(|| object.namespace.to_string()),
            uid: notice.uid.as_deref().map(Into::into),
            ..ObjectReference::default()
        };
        Event {
            metadata: ObjectMeta {
                name: Some(notice.name()),
                namespace: Some(notice.namespace().into()),
                ..ObjectMeta::default()
            },
            event_time: Some(now()),
            reporting_controller: Some(CONTROLLER.into()),
            reporting_instance: Some(self.instance.clone()),
            action: Some(notice.action.to_string()),
            reason: Some(notice.reason.to_string()),
            type_: Some(notice.severity.as_str().into()),
            note: Some(notice.note.to_string()),
            regarding: Some(regarding),
            ..Event::default()
        }
    }
}

fn now() -> MicroTime {
    MicroTime(Timestamp::try_from(SystemTime::now()).unwrap_or_default())
}

/// What to do about it.
fn hint(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::Api(status) if status.is_forbidden() => {
            "allow this ServiceAccount to get, create and patch events of events.k8s.io"
        }
        kube::Error::Api(_) => "it is tried again",
        _ => "see that the API server can be reached; it is tried again",
    }
}
