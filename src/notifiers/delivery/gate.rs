//! The question before something is told: whether somebody elsewhere, such as Alertmanager, wants silence about it.

use std::{collections::HashSet, pin::Pin};

use super::super::{Message, Story};
use crate::alerts::{Alert, AlertId, News, Notice};

/// Alerts about which nothing is to be told.
pub type Asking<'a> = Pin<Box<dyn Future<Output = HashSet<AlertId>> + Send + 'a>>;

/// Knows about which alerts people want silence. Answers within a few seconds, and without one nothing is held back.
pub trait Gate: Send + Sync {
    /// Those of the alerts about which nothing is to be told now.
    fn suppressed(&self, alerts: Vec<Alert>) -> Asking<'_>;
}

/// Messages without what is not to be told.
pub(super) struct Sifted {
    /// What is left of them.
    pub(super) messages: Vec<Message>,
    /// The place of each of these among those that there were.
    pub(super) left: Vec<usize>,
    /// Of every message that there was, the alerts that were left out.
    pub(super) left_out: Vec<HashSet<AlertId>>,
}

/// Leaves out what the gate suppresses, and the end of what the recipient was never told of: of every message, those
/// `untold` alerts.
pub(super) async fn sift(
    gate: Option<&dyn Gate>,
    messages: Vec<Message>,
    mut untold: Vec<HashSet<AlertId>>,
) -> Sifted {
    let suppressed = match gate {
        Some(gate) => gate.suppressed(asked_about(&messages)).await,
        None => HashSet::new(),
    };
    untold.resize_with(messages.len(), HashSet::new);
    let (mut messages_left, mut left, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for (place, (message, untold)) in messages.into_iter().zip(untold).enumerate() {
        let out = |notice: &Notice| match notice.news {
            News::Resolved => untold.contains(&notice.alert.id),
            _ => suppressed.contains(&notice.alert.id),
        };
        let (message, out) = without(message, out);
        if let Some(message) = message {
            messages_left.push(message);
            left.push(place);
        }
        left_out.push(out);
    }
    Sifted {
        messages: messages_left,
        left,
        left_out,
    }
}

/// Every alert that still fires by the newest word on it, once.
fn asked_about(messages: &[Message]) -> Vec<Alert> {
    let mut seen = HashSet::new();
    let newest = messages.iter().flat_map(|message| match &message.story {
        Story::One(notices) => notices.last().map(std::slice::from_ref).unwrap_or_default(),
        Story::Digest(notices) => notices,
    });
    let firing = newest.filter(|notice| notice.news != News::Resolved);
    let alerts = firing.map(|notice| &notice.alert);
    alerts.filter(|alert| seen.insert(&alert.id)).cloned().collect()
}

fn without(message: Message, out: impl Fn(&Notice) -> bool) -> (Option<Message>, HashSet<AlertId>) {
    match &message.story {
        Story::One(notices) => match notices.last().filter(|newest| out(newest)) {
            Some(newest) => (None, HashSet::from([newest.alert.id.clone()])),
            None => (Some(message), HashSet::new()),
        },
        Story::Digest(notices) => {
            let (left_out, mut left): (Vec<_>, Vec<_>) =
                notices.iter().cloned().partition(|notice| out(notice));
            let ids: HashSet<_> = left_out.into_iter().map(|notice| notice.alert.id).collect();
            let story = match left.len() {
                0 => return (None, ids),
                1 => Story::One(std::mem::take(&mut left)),
                _ => Story::Digest(left),
            };
            (Some(Message { story, ..message }), ids)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::fixture::*, *};

    struct Suppress(&'static [&'static str]);

    impl Gate for Suppress {
        fn suppressed(&self, alerts: Vec<Alert>) -> Asking<'_> {
            let ids = alerts.into_iter().map(|alert| alert.id);
            let ids = ids.filter(|id| self.0.contains(&id.as_str())).collect();
            Box::pin(async move { ids })
        }
    }

    fn message(story: Story) -> Message {
        Message {
            recipient: "ops".to_owned(),
            story,
            key: "k".into(),
        }
    }

    /// Ids of what is left of each message that is left, and how many alerts were left out of each.
    async fn sifted(stories: Vec<Story>, untold: &[&str]) -> (Vec<Vec<String>>, Vec<usize>) {
        let messages: Vec<_> = stories.into_iter().map(message).collect();
        let untold: HashSet<AlertId> = untold.iter().map(|&id| id.into()).collect();
        let untold = vec![untold; messages.len()];
        let sifted = sift(Some(&Suppress(&["quiet"])), messages, untold).await;
        let left = sifted.messages.iter().map(told);
        let left = left.map(|ids| ids.into_iter().map(str::to_owned).collect());
        (left.collect(), sifted.left_out.iter().map(HashSet::len).collect())
    }

    #[tokio::test]
    async fn what_is_suppressed_is_left_out_and_a_digest_goes_on_without_it() {
        let (quiet, loud) = (notice("quiet", 1, News::Fired), notice("loud", 1, News::Fired));
        let other = notice("other", 1, News::Fired);
        let (left, out) = sifted(
            vec![
                Story::One(vec![quiet.clone()]),
                Story::One(vec![loud.clone()]),
                Story::Digest(vec![loud.clone(), quiet.clone(), other]),
                Story::Digest(vec![quiet.clone(), quiet]),
            ],
            &[],
        )
        .await;
        let expected: [&[&str]; 2] = [&["loud.1"], &["loud.1", "other.1"]];
        assert_eq!(left, expected);
        assert_eq!(out, [1, 0, 1, 1]);
    }

    #[tokio::test]
    async fn an_end_is_told_to_whom_knows_of_the_alert_and_asked_of_nobody() {
        let end = |alert| {
            Story::One(vec![
                notice(alert, 1, News::Fired),
                notice(alert, 2, News::Resolved),
            ])
        };
        let (left, out) = sifted(vec![end("quiet"), end("unheard")], &["unheard"]).await;
        let expected: [&[&str]; 1] = [&["quiet.1", "quiet.2"]];
        assert_eq!(left, expected);
        assert_eq!(out, [0, 1]);
    }
}
