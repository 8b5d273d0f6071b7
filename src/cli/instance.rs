//! The running instance, asked over its HTTP API with the local token.

use std::time::Duration;

use serde_json::Value;

use super::{
    answer::{Answer, Exit},
    flags::{Flags, environment},
    healthcheck,
};
use crate::{app::chain, config::Config, web::Token};

/// No answer of the API takes longer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// More than any answer of the API.
const LONGEST_ANSWER: u64 = 64 * 1024 * 1024;

/// Where the instance listens, and the proof that we may change something.
pub(super) struct Instance {
    agent: ureq::Agent,
    base: String,
    token: Result<Token, String>,
    config: Config,
}

/// What is asked for.
pub(super) enum Call<'a> {
    /// Look.
    Get,
    /// Change, with this body.
    Post(&'a Value),
    /// Take away.
    Delete,
}

impl Instance {
    /// The instance that these flags and the configuration lead to.
    pub(super) fn find(flags: &Flags) -> Result<Self, Answer> {
        let loaded = flags
            .load()
            .map_err(|error| super::check_config::refusal(&error))?;
        let address = healthcheck::listener(&loaded.config.web.listen_address)
            .map_err(|error| Answer::failure(Exit::WorldsFault, chain(&error)))?;
        let token = match loaded.config.data_dir_in(&environment()) {
            Some(folder) => Token::load(&folder).map_err(|error| format!("failed to {}", chain(&error))),
            None => Err("the environment names no home; set `data_dir`".to_owned()),
        };
        let settings = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build();
        Ok(Self {
            agent: settings.new_agent(),
            base: format!("http://{address}"),
            token,
            config: loaded.config,
        })
    }

    /// The configuration that led to the instance; it is most likely its own.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Calls the API; a refusal becomes the answer of the command.
    pub(super) fn call(&self, call: &Call<'_>, path: &str) -> Result<Value, Answer> {
        let fail = |text: String| Answer::failure(Exit::WorldsFault, text);
        let url = format!("{}{path}", self.base);
        let answered = match call {
            Call::Get => self.agent.get(&url).call(),
            Call::Post(body) => {
                let proof = self.proof().map_err(fail)?;
                let request = self.agent.post(&url).header("authorization", proof);
                request
                    .header("content-type", "application/json")
                    .send(body.to_string())
            }
            Call::Delete => {
                let proof = self.proof().map_err(fail)?;
                self.agent.delete(&url).header("authorization", proof).call()
            }
        };
        let mut response = answered.map_err(|error| {
            let base = &self.base;
            let error = match error {
                ureq::Error::Io(error) => error.to_string(),
                other => other.to_string(),
            };
            fail(format!(
                "failed to ask the instance at {base}: {error}; is it running?"
            ))
        })?;
        let text = response
            .body_mut()
            .with_config()
            .limit(LONGEST_ANSWER)
            .read_to_string()
            .map_err(|error| fail(format!("failed to read the answer of {url}: {error}")))?;
        let document: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if response.status().is_success() {
            return Ok(document);
        }
        let detail = document.get("detail").and_then(Value::as_str);
        let detail = detail.map_or_else(|| text.trim().to_owned(), ToOwned::to_owned);
        let fault = match response.status().as_u16() {
            400 => Exit::UsersFault,
            _ => Exit::WorldsFault,
        };
        let complaint = format_args!("the instance answered {}: {detail}", response.status());
        Err(Answer::failure(fault, complaint))
    }

    fn proof(&self) -> Result<String, String> {
        let token = self.token.as_ref().map_err(|error| {
            format!("{error}; `--data-dir` names the data directory of the running instance")
        })?;
        Ok(format!("Bearer {}", token.secret().reveal()))
    }
}

/// Text as one part of a path or query.
pub(super) fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
