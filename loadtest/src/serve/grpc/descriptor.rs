//! The description of `echo.Echo`, as `protoc` would write it from this file:
//!
//! ```proto
//! syntax = "proto3";
//! package echo;
//! message Message { string text = 1; bytes data = 2; string served_by = 3; }
//! service Echo {
//!   rpc Unary(Message) returns (Message);
//!   rpc ClientStream(stream Message) returns (Message);
//!   rpc ServerStream(Message) returns (stream Message);
//!   rpc Bidi(stream Message) returns (stream Message);
//! }
//! ```

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, MethodDescriptorProto,
    ServiceDescriptorProto,
};

/// The file's name.
pub(super) const FILE: &str = "echo.proto";
/// The service's full name.
pub(super) const SERVICE: &str = "echo.Echo";

const MESSAGE: &str = "echo.Message";

/// The methods: name, whether the client streams, whether the server does.
const METHODS: [(&str, bool, bool); 4] = [
    ("Unary", false, false),
    ("ClientStream", true, false),
    ("ServerStream", false, true),
    ("Bidi", true, true),
];

/// Whether the file declares what has this full name.
pub(super) fn declares(symbol: &str) -> bool {
    let method = symbol
        .strip_prefix(SERVICE)
        .and_then(|rest| rest.strip_prefix('.'));
    let known = |name: &str| METHODS.iter().any(|(method, ..)| *method == name);
    symbol == SERVICE || symbol == MESSAGE || method.is_some_and(known)
}

/// The file.
pub(super) fn file() -> FileDescriptorProto {
    FileDescriptorProto {
        name: Some(FILE.into()),
        package: Some("echo".into()),
        syntax: Some("proto3".into()),
        message_type: vec![message()],
        service: vec![ServiceDescriptorProto {
            name: Some("Echo".into()),
            method: METHODS.into_iter().map(method).collect(),
            options: None,
        }],
        ..FileDescriptorProto::default()
    }
}

fn message() -> DescriptorProto {
    DescriptorProto {
        name: Some("Message".into()),
        field: vec![
            field("text", "text", 1, Type::String),
            field("data", "data", 2, Type::Bytes),
            field("served_by", "servedBy", 3, Type::String),
        ],
        ..DescriptorProto::default()
    }
}

fn field(name: &str, json_name: &str, number: i32, of: Type) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.into()),
        json_name: Some(json_name.into()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(of.into()),
        ..FieldDescriptorProto::default()
    }
}

fn method((name, client, server): (&str, bool, bool)) -> MethodDescriptorProto {
    MethodDescriptorProto {
        name: Some(name.into()),
        input_type: Some(format!(".{MESSAGE}")),
        output_type: Some(format!(".{MESSAGE}")),
        client_streaming: Some(client),
        server_streaming: Some(server),
        options: None,
    }
}
