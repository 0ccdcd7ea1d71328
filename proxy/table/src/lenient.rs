//! How servers that are more lenient than we are may read a path.
//!
//! A path that one of them takes for another one is never let past a rule: dots that only they
//! would resolve are refused, and so is what another route takes as they read it.

use crate::path::is_dots;

/// What a lenient server may do to a path before it looks at it, in the order in which it may.
const LENIENCIES: [fn(&str) -> String; 5] = [
    strip_parameters,
    |path| path.replace("%2F", "/"),
    |path| path.replace("%5C", "/"),
    |path| path.replace("%3B", ";"),
    strip_parameters,
];

/// Every other way in which a lenient server may read a normal path: escaped slashes and
/// backslashes as separators, parameters (`;x`) dropped, before or after. Empty for most paths.
pub fn lenient(path: &str) -> Vec<String> {
    if !["%2F", "%5C", "%3B", ";"]
        .iter()
        .any(|odd| path.contains(odd))
    {
        return Vec::new();
    }
    let mut readings = vec![path.to_string()];
    for leniency in LENIENCIES {
        let with = readings.iter().map(|reading| leniency(reading));
        let new: Vec<_> = with.filter(|reading| !readings.contains(reading)).collect();
        readings.extend(new);
    }
    readings.split_off(1)
}

/// Whether a lenient server would see dot segments in a path that has none.
pub(crate) fn has_hidden_dots(path: &str) -> bool {
    if !path.contains(['%', ';']) {
        return false;
    }
    let separated = path.replace("%2F", "/").replace("%5C", "/");
    let unescaped = separated.replace("%3B", ";");
    let mut bare = unescaped.split('/').map(without_parameters);
    bare.any(is_dots)
}

fn strip_parameters(path: &str) -> String {
    let bare: Vec<_> = path.split('/').map(without_parameters).collect();
    bare.join("/")
}

fn without_parameters(segment: &str) -> &str {
    segment.split(';').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lenient_reading_is_made_where_there_is_one() {
        for (path, expected) in [
            ("/a/b%20c", &[][..]),
            ("/a%2Fb", &["/a/b"]),
            ("/a%5Cb", &["/a/b"]),
            ("/a;x=1/b;y", &["/a/b"]),
            ("/a%3Bx", &["/a;x", "/a"]),
            // Parameters may be dropped before or after.
            ("/a;x%2Fb", &["/a", "/a;x/b", "/a/b"]),
            ("/a%2Fb%5Cc", &["/a/b%5Cc", "/a%2Fb/c", "/a/b/c"]),
        ] {
            assert_eq!(lenient(path), expected, "{path}");
        }
    }
}
