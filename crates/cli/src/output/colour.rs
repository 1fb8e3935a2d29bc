//! ANSI colours of text output. Whether they are used is decided once, by `--color` and the terminal.

/// The colours in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
}

/// When text is coloured (`--color`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    Never,
    /// On a terminal, unless `NO_COLOR` is set or the terminal is dumb.
    #[default]
    Auto,
}

impl When {
    /// The decision, given whether stdout is a terminal and how to look up the environment.
    pub(crate) fn decide(self, terminal: bool, environment: impl Fn(&str) -> Option<String>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                terminal && environment("NO_COLOR").is_none() && environment("TERM").as_deref() != Some("dumb")
            }
        }
    }
}

/// The text in this colour, or as it is where colour is off or there is nothing to colour.
pub(crate) fn paint(colour: Colour, text: &str, coloured: bool) -> String {
    if !coloured {
        return text.to_owned();
    }
    let code = match colour {
        Colour::Red => 31,
        Colour::Green => 32,
        Colour::Yellow => 33,
        Colour::Blue => 34,
        Colour::Magenta => 35,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// The text without colour sequences.
pub(crate) fn stripped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..start]);
        rest = rest[start..].split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn painted_and_stripped() {
        let painted = paint(Colour::Magenta, "Progress:", true);
        assert_eq!(painted, "\u{1b}[35mProgress:\u{1b}[0m");
        assert_eq!(stripped(&format!("a {painted} b")), "a Progress: b");
        assert_eq!(paint(Colour::Red, "x", false), "x");
    }

    #[test]
    fn the_decision() {
        let none = |_: &str| None;
        assert!(When::Auto.decide(true, none));
        assert!(!When::Auto.decide(false, none));
        assert!(!When::Auto.decide(true, |name| (name == "NO_COLOR").then(String::new)));
        assert!(When::Always.decide(false, none));
        assert!(!When::Never.decide(true, none));
    }
}
