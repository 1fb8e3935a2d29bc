//! Words of a text attribute.
//!
//! A word is a run of letters and digits, compared without case, which is how the full-text index of the reference's
//! development server cuts text (SQLite FTS5, `unicode61`). Accents are kept: that index drops them, the reference's
//! other stores do not.

/// What a filter on a text looks for: any one of the phrases. A phrase is what stood between two spaces of the filter's
/// text; its words must follow one another.
#[derive(Clone, Debug, PartialEq)]
pub struct Phrases(Vec<Vec<String>>);

impl Phrases {
    /// `None` when there is nothing between the spaces. A phrase of signs only is one that nothing matches.
    pub fn parse(text: &str) -> Option<Self> {
        let phrases: Vec<_> = text.split(' ').filter(|part| !part.is_empty()).map(words).collect();
        (!phrases.is_empty()).then_some(Self(phrases))
    }

    pub fn found_in(&self, text: &str) -> bool {
        let text = words(text);
        let found = |phrase: &Vec<String>| !phrase.is_empty() && text.windows(phrase.len()).any(|part| part == phrase);
        self.0.iter().any(found)
    }

    /// The words of each phrase.
    pub fn words(&self) -> &[Vec<String>] {
        &self.0
    }
}

/// The words of a text, in order.
pub fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_phrase_is_enough() {
        let found = |phrases: &str, text: &str| Phrases::parse(phrases).unwrap().found_in(text);
        assert!(found("fox", "The quick brown Fox."));
        assert!(found("cat FOX", "the fox"));
        assert!(!found("fo", "the fox"));
        assert!(found("brown-fox", "quick brown fox"));
        assert!(!found("quick-fox", "quick brown fox"));
        assert!(!found("!!", "quick !! fox"));
        assert!(found("ÉTÉ", "un été chaud"));
        assert_eq!(Phrases::parse("  "), None);
    }
}
