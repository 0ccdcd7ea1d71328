//! Says words over one WebSocket and prints what comes back, for people who try it.

use super::dial;
use super::plan::Protocol;
use super::websocket::Socket;
use super::{Options, OptionsError, RunError};

/// The options of `portreeve-loadtest talk`.
#[derive(Clone, Debug, clap::Args)]
pub struct TalkOptions {
    #[command(flatten)]
    to: Options,

    /// What to say, message by message.
    #[arg(last = true, required = true)]
    words: Vec<String>,
}

/// Says each word, prints each answer, and says goodbye.
pub async fn talk(options: TalkOptions) -> Result<(), RunError> {
    let plan = options.to.plan()?;
    if plan.protocol != Protocol::WebSocket {
        return Err(OptionsError::Url(options.to.url).into());
    }
    let mut socket = Socket::open(dial::dial(&plan).await?, &plan).await?;
    for word in options.words {
        println!("{}", socket.say(word.into()).await?);
    }
    Ok(socket.close().await?)
}
