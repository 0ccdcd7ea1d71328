//! Which browsers misread `SameSite=None`: they reject the cookie, or take it for `Strict`.
//!
//! The list is Chromium's (chromium.org, "SameSite=None: Known Incompatible Clients"), closed since
//! 2019: what is newer than it reads `None` as everybody does.

/// Whether the browser that calls itself `agent` would misread `SameSite=None`.
pub(super) fn none_is_misread(agent: &str) -> bool {
    takes_it_for_strict(agent) || rejects_the_cookie(agent)
}

/// WebKit on iOS 12 and on macOS 10.14, whichever version Safari itself has.
fn takes_it_for_strict(agent: &str) -> bool {
    let ios = version_after(agent, "CPU iPhone OS ").or_else(|| version_after(agent, "CPU OS "));
    let macos = version_after(agent, "(Macintosh; Intel Mac OS X ");
    let safari = agent.contains("Version/") && agent.contains("Safari/");
    let embedded = agent.ends_with("(KHTML, like Gecko)");
    matches!(ios, Some([12, ..]))
        || matches!(macos, Some([10, 14, _])) && (safari || embedded) && !is_chromium(agent)
}

/// Chromium 51 to 66, and UC Browser before 12.13.2, which calls itself Chromium too.
fn rejects_the_cookie(agent: &str) -> bool {
    match version_after(agent, "UCBrowser/") {
        Some(version) => version < [12, 13, 2],
        None => matches!(chromium(agent), Some([51..=66, ..])),
    }
}

fn is_chromium(agent: &str) -> bool {
    chromium(agent).is_some()
}

fn chromium(agent: &str) -> Option<[u32; 3]> {
    version_after(agent, "Chrome/").or_else(|| version_after(agent, "Chromium/"))
}

/// The first three numbers behind `marker`, divided by dots or underscores; missing ones are 0.
fn version_after(agent: &str, marker: &str) -> Option<[u32; 3]> {
    let (_, rest) = agent.split_once(marker)?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_');
    let version = rest.get(..end.unwrap_or(rest.len()))?;
    let mut numbers = version.split(['.', '_']).map(|n| n.parse().unwrap_or(0));
    Some([(); 3].map(|()| numbers.next().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_chromiums() {
        let apple = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
        let linux = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)";
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS";
        let mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X";
        for (agent, misread) in [
            (
                format!("{iphone} 12_3_1 like Mac OS X) {apple} Version/12.1.1 Safari/604.1"),
                true,
            ),
            (
                format!("{iphone} 13_0 like Mac OS X) {apple} Version/13.0 Safari/604.1"),
                false,
            ),
            (
                format!("Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) {apple} CriOS/74.0"),
                true,
            ),
            (
                format!("{mac} 10_14_5) {apple} Version/12.1.1 Safari/605.1.15"),
                true,
            ),
            (format!("{mac} 10_14_5) {apple}"), true), // an application's web view
            (
                format!("{mac} 10_15) {apple} Version/13.0 Safari/605.1.15"),
                false,
            ),
            (
                format!("{mac} 10_14_5) {apple} Chrome/80.0.3987.0 Safari/537.36"),
                false,
            ),
            (
                format!("{mac} 10.14; rv:70.0) Gecko/20100101 Firefox/70.0"),
                false,
            ),
            (format!("{linux} Chrome/50.0.0.0 Safari/537.36"), false),
            (format!("{linux} Chrome/51.0.0.0 Safari/537.36"), true),
            (
                format!("{linux} Chromium/66.0.3359.181 Safari/537.36"),
                true,
            ),
            (format!("{linux} Chrome/67.0.0.0 Safari/537.36"), false),
            (format!("{linux} Chrome/128.0.0.0 Safari/537.36"), false),
            (
                format!("{linux} Chrome/57.0.2987.108 UCBrowser/12.13.2.1005 Mobile"),
                false,
            ),
            (
                format!("{linux} Chrome/57.0.2987.108 UCBrowser/12.13.1.1005 Mobile"),
                true,
            ),
            (format!("{linux} UCBrowser/12.9"), true),
            ("curl/8.9".into(), false),
            (String::new(), false),
            ("Chrome/".into(), false),
            ("Chrome/99999999999999999999.1".into(), false),
        ] {
            assert_eq!(none_is_misread(&agent), misread, "{agent}");
        }
    }
}
