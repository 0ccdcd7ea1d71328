//! `echo.Echo`: one method for each of gRPC's four kinds of call.

use super::{Call, Failed, Frames};
use crate::echo::{Message, encode};

impl Call {
    fn reply(&self, message: Message) -> bytes::Bytes {
        encode(&Message {
            served_by: self.served_by.clone(),
            ..message
        })
    }
}

/// One message in, the same one out.
pub(super) async fn unary(mut call: Call, to: &Frames) -> Result<(), Failed> {
    let missing = Failed::Status(3, "a unary call needs one message");
    let message = call.messages.next().await?.ok_or(missing)?;
    Ok(to.data(call.reply(message)).await?)
}

/// Many messages in, one out: their texts joined, their data one after the other.
pub(super) async fn client_stream(mut call: Call, to: &Frames) -> Result<(), Failed> {
    let mut all = Message::default();
    while let Some(Message { text, data, .. }) = call.messages.next().await? {
        let space = if all.text.is_empty() { "" } else { " " };
        all.text = format!("{}{space}{text}", all.text);
        all.data.extend(data);
        if all.text.len() + all.data.len() > 4 * 1024 * 1024 {
            return Err(Failed::Status(8, "more than 4 MiB came in"));
        }
    }
    Ok(to.data(call.reply(all)).await?)
}

/// One message in, one out for each word of its text.
pub(super) async fn server_stream(mut call: Call, to: &Frames) -> Result<(), Failed> {
    let missing = Failed::Status(3, "this call needs one message");
    let message: Message = call.messages.next().await?.ok_or(missing)?;
    for word in message.text.split_whitespace() {
        let one = Message {
            text: word.into(),
            data: message.data.clone(),
            ..Message::default()
        };
        to.data(call.reply(one)).await?;
    }
    Ok(())
}

/// Every message goes back at once, while the client may still be sending.
pub(super) async fn bidi(mut call: Call, to: &Frames) -> Result<(), Failed> {
    while let Some(message) = call.messages.next().await? {
        to.data(call.reply(message)).await?;
    }
    Ok(())
}
