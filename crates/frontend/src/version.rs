//! Versions in a call's headers: of the client, and of the servers that it asks for.
//!
//! Source of the rules and texts: the reference server's version checker, which follows semver.org.

use model::{Kind, Reject};

/// Clients that are known, with the versions that are served.
pub(crate) const SUPPORTED_CLIENTS: [(&str, &str); 8] = [
    ("Nexus-go-sdk", "<2.0.0"),
    ("temporal-cli", "<2.0.0"),
    ("temporal-go", "<2.0.0"),
    ("temporal-java", "<2.0.0"),
    ("temporal-php", "<2.0.0"),
    ("temporal-server", "<2.0.0"),
    ("temporal-typescript", "<2.0.0"),
    ("temporal-ui", "<3.0.0"),
];

type Version = (u64, u64, u64);

/// Refuses a client that is too new, or that asks for another server. One that does not say who it is passes.
pub(crate) fn check(name: &str, version: &str, asked_for: &str, own: &str) -> Result<(), Reject> {
    if name.is_empty() || version.is_empty() {
        return Ok(());
    }
    if let Some((_, supported)) = SUPPORTED_CLIENTS.iter().find(|(known, _)| *known == name) {
        let parsed = parse(version)
            .ok_or_else(|| Reject::invalid("Unable to parse client version: No Major.Minor.Patch elements found"))?;
        if !is_in(parsed, supported).unwrap_or(false) {
            let text =
                format!("Client version {version} is not supported. Server supports {name} versions: {supported}");
            let kind = Kind::ClientVersionNotSupported {
                client_version: version.to_owned(),
                client_name: name.to_owned(),
                supported_versions: (*supported).to_owned(),
            };
            return Err(Reject::new(kind, text));
        }
    }
    if asked_for.is_empty() {
        return Ok(());
    }
    let is_meant = is_in(parse(own).unwrap_or_default(), asked_for).map_err(|part| {
        let text = format!("Unable to parse supported server versions: Could not get version from string: {part:?}");
        Reject::invalid(text)
    })?;
    if is_meant {
        return Ok(());
    }
    let text = format!("Server version {own} is not supported. Client supports server versions: {asked_for}");
    let kind = Kind::ServerVersionNotSupported {
        server_version: own.to_owned(),
        client_supported_server_versions: asked_for.to_owned(),
    };
    Err(Reject::new(kind, text))
}

/// The numbers of `1.2.3` and `1.2.3-rc1+build`.
fn parse(text: &str) -> Option<Version> {
    let core = text.split(['-', '+']).next()?;
    let mut numbers = core.split('.').map(|number| number.parse::<u64>());
    let version = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    numbers.next().is_none().then_some(version)
}

/// Whether a version is in a range: comparisons that all hold, parted by blanks; alternatives by `||`.
fn is_in(version: Version, range: &str) -> Result<bool, &str> {
    let mut any = false;
    for alternative in range.split("||") {
        let mut all = true;
        for part in alternative.split_whitespace() {
            all &= compare(version, part).ok_or(part)?;
        }
        any |= all;
    }
    Ok(any)
}

fn compare(version: Version, part: &str) -> Option<bool> {
    let digits = part.find(|c: char| c.is_ascii_digit())?;
    let (operator, other) = part.split_at(digits);
    let other = parse(other)?;
    match operator {
        "<" => Some(version < other),
        "<=" => Some(version <= other),
        ">" => Some(version > other),
        ">=" => Some(version >= other),
        "" | "=" | "==" => Some(version == other),
        "!" | "!=" => Some(version != other),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_refused_as_on_the_reference() {
        let rows = [
            (
                ("temporal-go", "3.0.0", ""),
                Some("Client version 3.0.0 is not supported. Server supports temporal-go versions: <2.0.0"),
            ),
            (("temporal-go", "1.2", ""), Some("Unable to parse client version: No Major.Minor.Patch elements found")),
            (("temporal-go", "1.2.3-rc1", ""), None),
            (("temporal-go", "1.2.3", ">=1.0.0 <2.0.0"), None),
            (("temporal-go", "1.2.3", "<1.0.0 || >=1.30.0"), None),
            (
                ("temporal-go", "1.2.3", ">=2.0.0"),
                Some("Server version 1.32.0 is not supported. Client supports server versions: >=2.0.0"),
            ),
            (
                ("temporal-go", "1.2.3", "zz"),
                Some("Unable to parse supported server versions: Could not get version from string: \"zz\""),
            ),
            (("temporal-python", "9.2.3", ""), None),
            (("", "", ">=2.0.0"), None),
            (("temporal-ui", "2.54.1", ""), None),
        ];
        for ((name, version, asked_for), expected) in rows {
            let refusal = check(name, version, asked_for, "1.32.0").err().map(|reject| reject.message);
            assert_eq!(refusal.as_deref(), expected, "{name} {version} {asked_for}");
        }
    }
}
