//! Alerts as JSON to HTTP endpoints, with a `text` that Slack and its kin show as it is. One notifier per address, as
//! each is a server of its own. Decides nothing about retries.

mod body;
mod post;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use self::post::Post;
use super::{Failure, Message, Notifier, Reason, Section, Sender, Sending, Setting, http::Refusal, url};
use crate::{alerts::Notice, problem::Problems};

/// A call takes no longer than this.
const LONGEST: Duration = Duration::from_secs(10);

/// Which HTTP endpoints hear of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses that receive each alert by POST as JSON; empty means none.
    pub urls: Vec<String>,
}

impl Section for Config {
    fn validate(&self, problems: &mut Problems) {
        url::validate_list(&self.urls, problems);
    }

    fn build(&self, setting: &Setting) -> Vec<Arc<dyn Notifier>> {
        self.notifiers(&setting.sender)
    }
}

impl Config {
    /// One notifier per address.
    #[must_use]
    pub fn notifiers(&self, sender: &Sender) -> Vec<Arc<dyn Notifier>> {
        let mut notifiers: Vec<Arc<dyn Notifier>> = Vec::new();
        for (place, url) in self.urls.iter().enumerate() {
            if !self.urls.iter().take(place).any(|earlier| earlier == url) {
                notifiers.push(Arc::new(Webhook::new(url, sender.clone())));
            }
        }
        notifiers
    }
}

/// Sends to one address.
struct Webhook {
    url: String,
    sender: Sender,
    post: Arc<Post>,
    /// The server asked not to be called before.
    pause: Mutex<Option<Instant>>,
}

impl Webhook {
    fn new(url: &str, sender: Sender) -> Self {
        Self {
            url: url.to_owned(),
            sender,
            post: Arc::new(Post::new(url, LONGEST)),
            pause: Mutex::new(None),
        }
    }

    /// Calls one after the other. After a failure that concerns the server, the others are not tried.
    async fn send_all(&self, messages: &[Message]) -> Vec<Result<(), Failure>> {
        let mut results = Vec::with_capacity(messages.len());
        for message in messages {
            let result = self.send_one(message).await;
            let away = matches!(&result, Err(Failure::Transient { .. })).then(|| result.clone());
            results.push(result);
            if let Some(result) = away {
                results.resize(messages.len(), result);
                break;
            }
        }
        results
    }

    async fn send_one(&self, message: &Message) -> Result<(), Failure> {
        if self.pause().is_some_and(|until| until > Instant::now()) {
            return Err(Failure::Transient {
                reason: Reason::RateLimited,
                detail: format!("{} asked to be called later", self.post.host()),
            });
        }
        let body = body::render(message, &self.sender);
        let post = Arc::clone(&self.post);
        match tokio::task::spawn_blocking(move || post.send(&body)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Refusal { failure, later })) => {
                if let Some(later) = later {
                    *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + later);
                }
                Err(failure)
            }
            Err(_) => Err(Failure::Permanent {
                reason: Reason::Other,
                detail: format!("calling {} panicked", self.post.host()),
            }),
        }
    }

    fn pause(&self) -> Option<Instant> {
        *self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notifier for Webhook {
    fn integration(&self) -> &'static str {
        "webhook"
    }

    fn recipients(&self, _: &Notice) -> Vec<String> {
        vec![self.url.clone()]
    }

    fn waits_for_quiet_hours(&self) -> bool {
        false
    }

    fn send<'a>(&'a self, messages: &'a [Message]) -> Sending<'a> {
        Box::pin(self.send_all(messages))
    }
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
