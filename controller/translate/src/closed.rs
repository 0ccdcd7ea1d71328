//! What is closed in place of a path, or of a whole Ingress, that cannot be read.
//!
//! It answers 503 to what is likely to be meant, and keeps that from younger Ingresses. Older
//! paths that mean the same, and those of its own Ingress that can be read, stand all the same.

use portreeve_table::{NormalPath, PathMatch, Route, shorten};

use crate::acme::Asked;
use crate::annotations::Settings;
use crate::beginning::Beginning;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::host::{HostRoutes, Rank, taken};
use crate::ingress::{Claims, PathClaim, PathType};
use crate::path::{self, Meant, Unmatched, Why};
use crate::reserved::Keeper;
use crate::route;

/// What becomes of a path that a claim is likely to mean.
enum Effect {
    /// Nothing that needs saying.
    None,
    /// What is below answers 503.
    Closed(String),
    /// This, in words.
    Other(String),
}

impl Claims {
    /// The same for an object that cannot be used: everything that it is known to claim answers
    /// 503, and that is all that is left of it. Of its settings only those stay that say what it
    /// claims.
    pub(crate) fn refused(self) -> Self {
        let claims_any = !self.rules.is_empty() || self.default_backend.is_some();
        let message = "Nothing that was right is known of it, so its hosts and paths answer 503, \
                       as far as no older Ingress has them.";
        let found = Diagnostic::new(Code::ObjectInvalid, self.object(), message);
        let settings = Settings {
            rewrite: self.settings.rewrite,
            use_regex: self.settings.use_regex,
            aliases: self.settings.aliases,
            from_to_www: self.settings.from_to_www,
            ..Settings::default()
        };
        Self {
            is_refused: true,
            settings,
            closed: Some("its Ingress cannot be read; see its diagnostics".into()),
            tls: Vec::new(),
            asked: Asked::default(),
            // What is wrong with it was said where it was read.
            diagnostics: claims_any.then_some(found).into_iter().collect(),
            ..self
        }
    }

    /// Whether it restricts who may send requests, so that what cannot be told of it is closed.
    pub(crate) fn is_restricted(&self) -> bool {
        self.closed.is_some() || self.settings.allow.is_some() || self.settings.deny.is_some()
    }
}

impl<'a> HostRoutes<'a, '_> {
    /// Closes what a path that cannot be matched is likely to mean, and says so.
    pub(crate) fn close(&mut self, claims: &'a Claims, claim: &'a PathClaim, unmatched: Unmatched) {
        let keeper = Keeper {
            owner: &claims.key,
            path: &claim.path,
        };
        let closes_rest = unmatched.is_open && claims.is_restricted();
        let exact = exact(claim, &unmatched.meant, closes_rest);
        let exact = exact.filter(|path| self.reserved.keep_exact(path, keeper));
        let mut closed: Vec<_> = exact.map(PathMatch::Exact).into_iter().collect();
        match unmatched.meant {
            Meant::Path(path) => closed.extend(path),
            Meant::Beginnings(begins, length) => {
                if closes_rest {
                    self.reserved.keep(&Beginning::of_all(), length, keeper);
                }
                let begins = begins.iter();
                let begins = begins.map(|begin| self.reserved.keep(begin, length, keeper));
                closed.extend(begins.map(PathMatch::Regex));
            }
        }
        let mut effects = Vec::new();
        if closes_rest {
            closed.extend("/".parse().ok().map(PathMatch::Prefix));
            effects.push("what no older path of the host takes answers 503".to_string());
        } else if unmatched.is_open {
            effects.push(
                "what else it may have meant is not served, and open to other paths of the host"
                    .into(),
            );
        } else if closed.is_empty() {
            effects.push("no request has it".into());
        }
        let closed = closed.into_iter();
        let closed = closed.map(|path| self.close_path(claims, claim, path, &unmatched.why));
        effects.splice(..0, closed_effects(closed.collect()));
        let found = self.unmatched(claims, claim, unmatched.why, &effects.join(", and "));
        self.diagnostics.extend(found);
    }

    /// Adds the route that answers 503, unless its place is taken; says what becomes of the path.
    fn close_path(
        &mut self,
        claims: &Claims,
        claim: &PathClaim,
        path: PathMatch,
        why: &Why,
    ) -> Effect {
        let rank = Rank::of(&path);
        if rank.takes_all() && self.takes_all() {
            return Effect::None;
        }
        let shown = shown(&path);
        if let Some(winner) = self.stands_before(&rank) {
            let effect = Effect::Other(format!("{shown} stays with {}", winner.origin));
            let found = taken(claims, &claim.path, self.pattern, winner);
            let found = matches!(why, Why::Type).then(|| found.field(claim.place.path_field()));
            self.diagnostics.extend(found);
            return effect;
        }
        let effect = match &path {
            _ if rank.takes_all() => Effect::None,
            PathMatch::Exact(_) => Effect::Other(format!("{shown} answers 503")),
            _ => Effect::Closed(shown),
        };
        let reason = match (&claims.closed, why) {
            (Some(reason), _) => reason.clone(),
            (None, Why::Type) => "the path's pathType is none that there is".into(),
            (None, _) => {
                let rule = shorten(&claim.path);
                format!("the path {rule:?} cannot be read as its Ingress asks").into()
            }
        };
        let route = route::answer(claims, &claim.path, path, route::unavailable(reason));
        self.routes.insert(rank, route.into());
        effect
    }

    fn unmatched(
        &self,
        claims: &Claims,
        claim: &PathClaim,
        why: Why,
        effect: &str,
    ) -> Option<Diagnostic> {
        let rule = shorten(&claim.path);
        let (code, message, hint) = match why {
            // It was said where the type was read.
            Why::Type => return None,
            Why::Path(error) => {
                let message = format!("{rule:?} cannot be a path: {error}; {effect}.");
                (Code::PathInvalid, message, "a path such as /shop")
            }
            Why::TooMany => {
                let message = format!(
                    "The expressions of this Ingress have more than {} steps up to {rule:?}; {effect}.",
                    path::STEPS
                );
                (
                    Code::RegexInvalid,
                    message,
                    "fewer or smaller expressions, or two Ingresses",
                )
            }
            Why::Regex(error) => {
                let spread = self
                    .spread_by
                    .filter(|by| claims.settings.use_regex != Some(true) && **by != claims.key);
                let spread = spread.map(|by| format!(", and {by} makes one of every path here"));
                let spread = spread.unwrap_or_default();
                let message = format!("{rule:?} is not an expression{spread}: {error}; {effect}.");
                let hint = "an expression such as /shop/(.*)";
                (Code::RegexInvalid, message, hint)
            }
        };
        let found = Diagnostic::new(code, claims.object(), message);
        Some(found.field(claim.place.path_field()).hint(hint))
    }

    /// Says who keeps a path from a younger Ingress, if somebody does.
    pub(crate) fn kept(
        &self,
        claims: &Claims,
        claim: &PathClaim,
        path: &PathMatch,
    ) -> Option<Diagnostic> {
        let keeper = self.reserved.keeper(path);
        let keeper = keeper.filter(|keeper| *keeper.owner != claims.key)?;
        let message = format!(
            "{:?} on {} may be what {:?} of {} means, which is older and cannot be read; \
             this one is not served.",
            shorten(&claim.path),
            self.pattern,
            shorten(keeper.path),
            keeper.owner
        );
        let found = Diagnostic::new(Code::PathTaken, claims.object(), message);
        Some(found.hint("another path or host, or a readable path in the older Ingress"))
    }

    /// The route that a closed one in a place would take requests from, as it says the same.
    fn stands_before(&self, rank: &Rank) -> Option<&Route> {
        let same = rank.same();
        // An expression leaves to a Prefix of its text what that takes.
        let mut same = same.iter().filter(|same| same.is_regex >= rank.is_regex);
        same.find_map(|same| self.routes.get(same).map(|route| &**route))
    }
}

/// The Exact path that a claim may mean beside what it is likely to.
fn exact(claim: &PathClaim, meant: &Meant, closes_rest: bool) -> Option<NormalPath> {
    match (claim.path_type, meant) {
        (PathType::Unknown, Meant::Path(Some(PathMatch::Prefix(path)))) => Some(path.clone()),
        (PathType::Unknown, _) => claim.path.parse().ok(),
        (PathType::Exact, _) if closes_rest => "/".parse().ok(),
        _ => None,
    }
}

/// The parts of a sentence about what is closed.
fn closed_effects(effects: Vec<Effect>) -> Vec<String> {
    let (mut below, mut others) = (Vec::new(), Vec::new());
    for effect in effects {
        match effect {
            Effect::None => {}
            Effect::Closed(path) => below.push(path),
            Effect::Other(effect) => others.push(effect),
        }
    }
    let below =
        (!below.is_empty()).then(|| format!("requests below {} answer 503", below.join(" and ")));
    below.into_iter().chain(others).collect()
}

fn shown(path: &PathMatch) -> String {
    match path {
        PathMatch::Exact(path) | PathMatch::Prefix(path) => path.to_string(),
        PathMatch::Regex(regex) => regex.pattern.trim_start_matches('^').into(),
    }
}
