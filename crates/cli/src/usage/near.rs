//! Which name may be meant by one that there is not.

/// The name that differs least, if it is close enough to be a slip of the pen: one letter, or one in four.
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &str| strsim::osa_distance(name, known);
    let nearest = names.into_iter().min_by_key(|known| distance(known))?;
    (distance(nearest) <= (name.len() / 4).max(1)).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        let names = ["workflow", "task-queue", "operator"];
        assert_eq!(nearest("worklow", names), Some("workflow"));
        assert_eq!(nearest("wrokflow", names), Some("workflow"));
        assert_eq!(nearest("taskqueue", names), Some("task-queue"));
        assert_eq!(nearest("schedule", names), None);
        assert_eq!(nearest("reset", ["result"]), None, "another command, which may only be missing");
        assert_eq!(nearest("x", []), None);
    }
}
