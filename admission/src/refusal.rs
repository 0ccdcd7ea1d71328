//! Why a request is not reviewed, by name: the one list that drives answers, metrics and their
//! documentation.

use http::StatusCode;

macro_rules! refusals {
    ($($refusal:ident = $name:literal, $status:ident, $help:literal;)*) => {
        /// Why a request is not reviewed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Refusal {
            $(#[doc = $help] $refusal,)*
        }

        impl Refusal {
            /// Every reason, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$refusal,)*];

            /// Its name in metrics.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$refusal => $name,)* }
            }

            /// What it means, in one sentence.
            pub fn help(self) -> &'static str {
                match self { $(Self::$refusal => $help,)* }
            }

            /// What is answered.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$refusal => StatusCode::$status,)* }
            }
        }
    };
}

refusals! {
    Path = "path", NOT_FOUND,
        "Reviews are asked for at /validate or /networking/v1/ingresses.";
    Method = "method", METHOD_NOT_ALLOWED,
        "Reviews are asked for by POST.";
    MediaType = "media_type", UNSUPPORTED_MEDIA_TYPE,
        "A review is sent as application/json, without a content coding.";
    TooLarge = "too_large", PAYLOAD_TOO_LARGE,
        "A review may have 3 MiB.";
    NotJson = "not_json", BAD_REQUEST,
        "The body is not the JSON of an AdmissionReview, or cut short.";
    Version = "version", BAD_REQUEST,
        "Only admission.k8s.io/v1 is spoken: set admissionReviewVersions to v1 alone.";
    Operation = "operation", BAD_REQUEST,
        "Only CREATE, UPDATE, DELETE and CONNECT are operations.";
    NoCertificate = "no_certificate", UNAUTHORIZED,
        "A client certificate is asked for (--client-ca), and none was shown.";
    Handshake = "handshake", BAD_REQUEST,
        "The TLS handshake failed or took too long, so there is nobody to answer.";
    Busy = "busy", SERVICE_UNAVAILABLE,
        "The review took too long, because of its sender or of too many others.";
}
