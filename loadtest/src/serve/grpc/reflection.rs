//! `grpc.reflection`: how tools learn what can be called here, in both versions in use.
//!
//! The two versions differ in their name only, so one set of messages serves both.

use prost::Message;

use super::descriptor::{self, FILE, SERVICE};
use super::{Call, Failed, Frames};
use crate::echo::encode;

/// The method, in its final version.
pub(super) const V1: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
/// The method, as older tools know it.
pub(super) const V1ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

/// A question; only one of its fields is set.
#[derive(Clone, PartialEq, Message)]
struct Question {
    #[prost(string, tag = "1")]
    host: String,
    #[prost(string, optional, tag = "3")]
    file_by_filename: Option<String>,
    #[prost(string, optional, tag = "4")]
    file_containing_symbol: Option<String>,
    #[prost(string, optional, tag = "7")]
    list_services: Option<String>,
}

/// An answer; beside the question, only one of its fields is set.
#[derive(Clone, PartialEq, Message)]
struct Reply {
    #[prost(string, tag = "1")]
    valid_host: String,
    #[prost(message, optional, tag = "2")]
    original_request: Option<Question>,
    #[prost(message, optional, tag = "4")]
    files: Option<Files>,
    #[prost(message, optional, tag = "6")]
    services: Option<Services>,
    #[prost(message, optional, tag = "7")]
    error: Option<NotFound>,
}

#[derive(Clone, PartialEq, Message)]
struct Files {
    #[prost(bytes = "vec", repeated, tag = "1")]
    descriptors: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Services {
    #[prost(message, repeated, tag = "1")]
    services: Vec<Named>,
}

#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct NotFound {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// Answers questions until the client has no more.
pub(super) async fn info(mut call: Call, to: &Frames) -> Result<(), Failed> {
    while let Some(question) = call.messages.next().await? {
        to.data(encode(&reply(question))).await?;
    }
    Ok(())
}

fn reply(question: Question) -> Reply {
    let mut reply = Reply {
        valid_host: question.host.clone(),
        ..Reply::default()
    };
    let by_name = question.file_by_filename.as_deref() == Some(FILE);
    let by_symbol = question.file_containing_symbol.as_deref();
    if question.list_services.is_some() {
        let services = vec![Named {
            name: SERVICE.into(),
        }];
        reply.services = Some(Services { services });
    } else if by_name || by_symbol.is_some_and(descriptor::declares) {
        let descriptors = vec![descriptor::file().encode_to_vec()];
        reply.files = Some(Files { descriptors });
    } else {
        let message = "only echo.Echo and its message are known here".into();
        reply.error = Some(NotFound { code: 5, message });
    }
    reply.original_request = Some(question);
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(symbol: &str) -> Reply {
        let file_containing_symbol = Some(symbol.into());
        reply(Question {
            file_containing_symbol,
            ..Question::default()
        })
    }

    #[test]
    fn every_declared_symbol_leads_to_the_file() {
        for symbol in ["echo.Echo", "echo.Echo.Bidi", "echo.Message"] {
            assert_eq!(
                about(symbol).files.unwrap().descriptors.len(),
                1,
                "{symbol}"
            );
        }
        for symbol in ["", "echo", "echo.Ech", "grpc.health.v1.Health"] {
            assert_eq!(about(symbol).error.unwrap().code, 5, "{symbol}");
        }
    }
}
