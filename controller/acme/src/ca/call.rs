//! One call to a CA: made again while only its nonce is refused, and its failure told in our words.
//!
//! The CA's client makes three attempts by itself, which is not enough where a CA, or what stands
//! before it, refuses many. Nothing but the nonce was looked at then, so the call may be made again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use instant_acme::Error;
use tokio::time::sleep;

use super::problem::BAD_NONCE;

/// How many rounds of attempts are made after the first.
const MOST: u32 = 5;
/// How long the first pause is, about; each is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(50);

/// The rounds of one call.
#[derive(Default)]
pub(super) struct Rounds(u32);

impl Rounds {
    /// Whether `error` is only about the nonce and there is another round, after a pause.
    pub(super) async fn again(&mut self, error: &Error) -> bool {
        let nonce =
            matches!(error, Error::Api(problem) if problem.r#type.as_deref() == Some(BAD_NONCE));
        if !nonce || self.0 >= MOST {
            return false;
        }
        sleep(jitter(PAUSE.saturating_mul(1 << self.0))).await;
        self.0 += 1;
        true
    }
}

/// Between half of `pause` and one and a half, so that those who were refused together do not come
/// back together.
fn jitter(pause: Duration) -> Duration {
    // A hasher's keys are the random numbers that the standard library has.
    let random = RandomState::new().build_hasher().finish() % 1024;
    let share = u32::try_from(random).unwrap_or_default() + 512;
    pause.saturating_mul(share) / 1024
}

/// Makes a call, an expression that is a future of `Result<T, instant_acme::Error>`, and makes it
/// again as [`Rounds`] allow. Gives `Result<(T, Notes), (Failure, Notes)>`.
macro_rules! ask {
    ($about:expr, $call:expr) => {{
        let mut rounds = $crate::ca::call::Rounds::default();
        loop {
            let (result, notes) = $crate::ca::note::noting($call).await;
            match result {
                Ok(value) => break Ok((value, notes)),
                Err(error) if rounds.again(&error).await => {}
                Err(error) => {
                    break Err(($crate::ca::problem::failure(error, &notes, $about), notes));
                }
            }
        }
    }};
}
pub(super) use ask;
