//! How much one Ingress may ask of the whole proxy.
//!
//! Every route has the lists of its Ingress and every alias has its routes, so one small object could
//! ask for more memory than there is. What is over a bound is closed, or not served, and said.

use portreeve_table::Ranges;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ingress::Claims;
use crate::object::ObjectRef;

/// How many ranges the routes of an Ingress may have together.
const RANGES: usize = 1_000_000;

/// How many names an Ingress may have beside its hosts, and how many routes they may come to.
const ALIASES: usize = 100;
const ALIASED: usize = 20_000;

impl Claims {
    /// Keeps what every route has, or every alias, from growing with their number.
    pub(crate) fn bound(&mut self, object: &ObjectRef, routes: usize) {
        let lists = [&self.settings.deny, &self.settings.allow];
        let ranges: usize = lists.into_iter().flatten().map(Ranges::count).sum();
        if ranges.saturating_mul(routes) > RANGES {
            let why = format!("its {ranges} ranges are too many for {routes} routes");
            let message = format!("This Ingress is closed: {why}; both together may be {RANGES}.");
            let found = Diagnostic::new(Code::AnnotationInvalid, object.clone(), message);
            let hint = "fewer and wider ranges, or fewer paths in one Ingress";
            self.diagnostics
                .push(found.field("metadata.annotations").hint(hint));
            self.closed = Some(why.into());
            (self.settings.deny, self.settings.allow) = (None, None);
        }
        let aliases = (ALIASED / routes.max(1)).clamp(1, ALIASES);
        if self.settings.aliases.len() > aliases {
            let message = format!(
                "With {routes} routes, an Ingress is served under {aliases} more names; \
                 the ones behind them are not served."
            );
            let found = Diagnostic::new(Code::AnnotationIgnored, object.clone(), message);
            let field = self.annotation_field("server-alias");
            self.diagnostics
                .push(found.field(field).hint("rules of their own for the others"));
            self.settings.aliases.truncate(aliases);
        }
    }
}
