//! A transcript's form: a comment that says why, then blocks. A block is one or more inputs, `---`, and what follows.
//! An input is a verb, then `key=value` and words, then perhaps JSON; lines that are indented belong to the line before.

use super::stage::Stage;

/// One input of a transcript.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) verb: String,
    pub(crate) words: Vec<String>,
    pub(crate) json: Option<serde_json::Value>,
    /// The commands below it.
    pub(crate) below: Vec<Line>,
}

impl Line {
    fn parse(text: &str) -> Self {
        let (head, json) = match text.find('{') {
            Some(brace) => (
                &text[..brace],
                Some(
                    serde_json::from_str(&text[brace..])
                        .unwrap_or_else(|error| panic!("the JSON of the line {text:?}: {error}")),
                ),
            ),
            None => (text, None),
        };
        let mut words = head.split_whitespace().map(str::to_owned);
        Self { verb: words.next().unwrap_or_default(), words: words.collect(), json, below: Vec::new() }
    }

    /// The value of `key=value`.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }

    /// The first word that is no `key=value`.
    pub(crate) fn first(&self) -> &str {
        self.words.iter().find(|word| !word.contains('=')).unwrap_or_else(|| panic!("{} of what?", self.verb))
    }

    pub(crate) fn number(&self) -> i64 {
        self.first().parse().unwrap_or_else(|_| panic!("{} wants an event id, not {}", self.verb, self.first()))
    }
}

/// The transcript with what really follows in place of what it says follows.
pub(crate) fn play(name: &str, text: &str) -> String {
    assert!(text.starts_with("# "), "the transcript {name} does not say why it is there");
    let mut stage = Stage::new();
    let mut written = Vec::new();
    for block in text.trim_end().split("\n\n") {
        if block.lines().all(|line| line.starts_with('#')) {
            written.push(block.to_owned());
            continue;
        }
        let inputs = block.split("\n---").next().unwrap_or_default();
        let mut output = Vec::new();
        for line in lines(inputs) {
            output.extend(stage.play(&line));
        }
        output.extend(stage.standing());
        written.push(format!("{inputs}\n---\n{}", output.join("\n")).trim_end().to_owned());
    }
    written.join("\n\n") + "\n"
}

fn lines(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match lines.last_mut() {
            Some(above) if line.starts_with(' ') => above.below.push(Line::parse(line)),
            Some(_) | None => lines.push(Line::parse(line)),
        }
    }
    lines
}

/// The lines that differ, in the order of the files.
pub(crate) fn difference(said: &str, is: &str) -> String {
    let said: Vec<_> = said.lines().collect();
    let is: Vec<_> = is.lines().collect();
    let same = said.iter().zip(&is).take_while(|(said, is)| said == is).count();
    let show = |mark: char, lines: &[&str]| {
        lines.iter().skip(same).take(12).map(|line| format!("  {mark} {line}\n")).collect::<String>()
    };
    format!("  line {}\n{}{}", same + 1, show('-', &said), show('+', &is))
}
