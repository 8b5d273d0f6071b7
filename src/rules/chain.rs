//! Which rules explain which (`unless`): the order to judge them in, and what is wrong with such names.

use std::collections::HashSet;

use super::Rule;
use crate::problem::Problems;

/// Each rule behind those that explain it, otherwise in the given order. Rules that explain each other in a circle,
/// which validation refuses, stay in the given order.
pub(super) fn in_order(rules: Vec<Rule>) -> Vec<Rule> {
    let mut waiting = rules;
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let names: HashSet<String> = waiting.iter().map(|rule| rule.name.clone()).collect();
        let is_free = |rule: &Rule| !rule.unless.iter().any(|by| names.contains(by));
        let (free, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_free);
        if free.is_empty() {
            ordered.extend(rest);
            break;
        }
        ordered.extend(free);
        waiting = rest;
    }
    ordered
}

/// Reports what is wrong with the explanations of `rule`, one of `all`.
pub(super) fn validate(rule: &Rule, all: &[Rule], problems: &mut Problems) {
    problems.within("unless", |problems| {
        for (index, by) in rule.unless.iter().enumerate() {
            let message = if !all.iter().any(|other| other.name == *by) {
                unknown(by, all)
            } else if *by == rule.name {
                "a rule cannot explain itself; accepted: other rules".to_owned()
            } else if leads_to(by, &rule.name, all) {
                format!(
                    "`{by}` is itself silent while `{}` fires; accepted: no circles",
                    rule.name
                )
            } else {
                continue;
            };
            problems.push(&format!("[{index}]"), message);
        }
    });
}

/// Whether the rule `from` is `to`, or explained by it, directly or through others.
fn leads_to(from: &str, to: &str, all: &[Rule]) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            let rule = all.iter().find(|rule| rule.name == name);
            open.extend(rule.into_iter().flat_map(|rule| &rule.unless).map(String::as_str));
        }
    }
    false
}

fn unknown(given: &str, all: &[Rule]) -> String {
    let near = all
        .iter()
        .map(|rule| (strsim::jaro_winkler(given, &rule.name), rule.name.as_str()))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = near.map_or(String::new(), |(_, name)| format!("; did you mean `{name}`?"));
    let known: Vec<String> = all.iter().map(|rule| format!("`{}`", rule.name)).collect();
    format!(
        "`{}` is not a rule; accepted: {}{hint}",
        given.escape_debug(),
        known.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, unless: &[&str]) -> Rule {
        Rule {
            unless: unless.iter().map(|name| (*name).to_owned()).collect(),
            ..Rule::new(name, "x")
        }
    }

    #[test]
    fn what_explains_is_judged_first() {
        let rules = vec![
            rule("rtt", &["down", "loss"]),
            rule("loss", &["down"]),
            rule("down", &[]),
        ];
        let names: Vec<_> = in_order(rules).into_iter().map(|rule| rule.name).collect();
        assert_eq!(names, ["down", "loss", "rtt"]);
        assert_eq!(in_order(vec![rule("a", &["b"]), rule("b", &["a"])]).len(), 2);
    }

    #[test]
    fn unknown_names_and_circles_are_problems() {
        let all = [
            rule("down", &["rtt"]),
            rule("rtt", &["down"]),
            rule("own", &["donw", "down"]),
        ];
        let found = |rule: &Rule| {
            let mut problems = Problems::new();
            validate(rule, &all, &mut problems);
            let lines = problems.into_vec().into_iter();
            lines
                .map(|p| format!("{}: {}", p.path, p.message))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found(&all[0]),
            ["unless[0]: `rtt` is itself silent while `down` fires; accepted: no circles"]
        );
        assert_eq!(
            found(&all[2]),
            ["unless[0]: `donw` is not a rule; accepted: `down`, `rtt`, `own`; did you mean `down`?"]
        );
    }
}
