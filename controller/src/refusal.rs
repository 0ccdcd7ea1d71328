//! What the API server said when it did not do what it was asked, in one line.

use std::error::Error;

/// Its own words, without their kind and number; for what never reached it, the innermost cause.
pub(crate) fn refusal(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        kube::Error::Api(status) => format!("{} ({})", status.reason, status.code),
        other => {
            let mut innermost: &dyn Error = other;
            while let Some(cause) = innermost.source() {
                innermost = cause;
            }
            innermost.to_string()
        }
    }
}

/// Whether it refused because another was faster.
pub(crate) fn is_conflict(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else {
        return false;
    };
    status.is_conflict() || status.is_already_exists()
}

/// Who wrote the field, when what was applied would change a field that another wrote.
pub(crate) fn other_manager(error: &kube::Error) -> Option<Box<str>> {
    let kube::Error::Api(status) = error else {
        return None;
    };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut conflicts = causes.filter(|cause| cause.reason == "FieldManagerConflict");
    let message = &conflicts.next()?.message;
    // Such as: conflict with "kubectl" with subresource "status" using networking.k8s.io/v1
    Some(message.split('"').nth(1).unwrap_or("another writer").into())
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn it_is_one_line_without_debris() {
        let status = Status::failure("no room\u{2026}", "Invalid").with_code(422);
        let told = refusal(&kube::Error::Api(Box::new(status)));
        assert_eq!(told, "no room\u{2026}");
        let status = Status::failure("", "Conflict").with_code(409);
        let conflict = kube::Error::Api(Box::new(status));
        assert_eq!(refusal(&conflict), "Conflict (409)");
        assert!(is_conflict(&conflict));
        let broken = kube::Error::ReadEvents(std::io::Error::other("cable cut"));
        assert_eq!(refusal(&broken), "cable cut");
        assert!(!is_conflict(&broken));
    }
}
