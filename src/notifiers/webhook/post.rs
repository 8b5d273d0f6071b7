//! One POST to one address.

use std::time::Duration;

use ureq::Agent;

use super::super::http::{self, Refusal};

/// Calls one address.
pub(super) struct Post {
    agent: Agent,
    url: String,
    host: String,
}

impl Post {
    /// A call takes no longer than `longest`, from the look-up of the name to the answer.
    pub(super) fn new(url: &str, longest: Duration) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(longest))
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(http::USER_AGENT)
            .build();
        Self {
            agent: config.new_agent(),
            url: url.to_owned(),
            host: http::host_of(url),
        }
    }

    /// The host alone.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Blocks until there is an answer or the time is over.
    pub(super) fn send(&self, body: &[u8]) -> Result<(), Refusal> {
        let request = self.agent.post(&self.url).content_type("application/json");
        match request.send(body) {
            Ok(response) => http::judge(&self.host, &response),
            Err(error) => Err(http::fault(&self.host, &error)),
        }
    }
}
