//! Where each rule comes from, for those who ask what is in force and why.

use serde::Serialize;

use super::{Config, Rule, built_in};

/// A rule, and why it is as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The rule as it is, also when it is switched off.
    pub rule: Rule,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether it is evaluated.
    pub enabled: bool,
}

/// Where a rule comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Origin {
    /// It is built in.
    BuiltIn,
    /// A user wrote it.
    Own,
    /// A user wrote it in place of the built-in one of its name.
    Replaced,
    /// It is built in, and an environment variable moved its levels.
    Moved {
        /// The variable.
        by: String,
    },
}

impl Config {
    /// Every rule there is, the built-in ones in their order and then the own ones, with where it comes from. A rule
    /// that replaces a built-in one on the same signal and brings no advice of its own has that one's.
    #[must_use]
    pub fn explain(&self) -> Vec<Explained> {
        let built_in = built_in();
        let others = self
            .0
            .iter()
            .filter(|own| built_in.iter().all(|rule| rule.name != own.name));
        let others: Vec<Explained> = others.map(|own| explained(own.clone(), Origin::Own)).collect();
        let in_place = |rule: &Rule| match self.0.iter().find(|own| own.name == rule.name) {
            None => explained(rule.clone(), Origin::BuiltIn),
            Some(own) => explained(advised(own, rule), self.origin_of_replaced(&own.name)),
        };
        built_in.iter().map(in_place).chain(others).collect()
    }

    fn origin_of_replaced(&self, name: &str) -> Origin {
        let moved = self.1.iter().find(|moved| moved.rule == name);
        moved.map_or(Origin::Replaced, |moved| Origin::Moved { by: moved.by.clone() })
    }
}

fn explained(rule: Rule, origin: Origin) -> Explained {
    Explained {
        enabled: rule.enabled,
        rule,
        origin,
    }
}

fn advised(own: &Rule, built_in: &Rule) -> Rule {
    let mut rule = own.clone();
    if rule.advice.is_empty() && rule.signal == built_in.signal {
        rule.advice.clone_from(&built_in.advice);
    }
    rule
}
