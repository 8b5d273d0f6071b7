//! `alerts`: asks the running instance for its alerts, takes them on, silences them.

use serde_json::{Value, json};

use super::{
    Form, Output,
    answer::Answer,
    flags::{Flagged, Flags, environment},
    instance::{Call, Instance, escape},
    table::{Side, table},
};
use crate::figures::Unit;

/// What to do.
#[derive(clap::Subcommand)]
pub(super) enum Action {
    /// List alerts, the newest first
    List(Flagged<List>),
    /// Take an alert on: no more reminders
    Ack(Flagged<Ack>),
    /// Hear nothing of certain alerts for a while
    Silence(Flagged<Silence>),
    /// End a silence
    Unsilence(Flagged<Unsilence>),
    /// List silences
    Silences(Flagged<Output>),
}

/// Alerts to list.
#[derive(clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    output: Output,
}

/// An alert to take on.
#[derive(clap::Args)]
pub(super) struct Ack {
    /// Its id, as `list` shows it
    id: String,
    #[command(flatten)]
    signed: Signed,
    /// Give it back instead
    #[arg(long)]
    undo: bool,
}

/// A silence to make.
#[derive(clap::Args)]
pub(super) struct Silence {
    #[command(flatten)]
    which: Which,
    /// How long
    #[arg(long = "for", value_name = "DURATION", default_value = "1h")]
    duration: String,
    #[command(flatten)]
    signed: Signed,
}

/// A silence to end.
#[derive(clap::Args)]
pub(super) struct Unsilence {
    /// Its id, as `silences` shows it
    id: String,
}

/// Which alerts to list; several values of one flag are separated by commas.
#[derive(clap::Args)]
pub(super) struct Wanted {
    /// pending, firing, acknowledged, silenced or resolved; without it, all that are not resolved
    #[arg(long, default_value = "pending,firing,acknowledged,silenced")]
    state: String,
    /// low, medium, high or critical
    #[arg(long, default_value = "")]
    severity: String,
    /// Name of the rule
    #[arg(long, default_value = "")]
    rule: String,
    /// Interface, mount, disk, sensor or device
    #[arg(long, default_value = "")]
    subject: String,
    /// Text that must occur
    #[arg(long = "search", value_name = "TEXT", default_value = "")]
    q: String,
}

/// Which alerts a silence is about; `*` is any text. At least one is needed.
#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct Which {
    /// Pattern for the rule
    #[arg(long)]
    rule: Option<String>,
    /// Pattern for the subject
    #[arg(long)]
    subject: Option<String>,
    /// low, medium, high or critical
    #[arg(long)]
    severity: Option<String>,
}

/// Who, and why.
#[derive(clap::Args)]
pub(super) struct Signed {
    /// Who does it [default: the user's name]
    #[arg(long)]
    by: Option<String>,
    /// Why
    #[arg(long, default_value = "")]
    note: String,
}

impl Signed {
    fn name(&self) -> String {
        let user = || {
            let names = environment().into_iter();
            let mut users = names.filter(|(name, _)| name == "USER" || name == "USERNAME");
            users
                .next()
                .map(|(_, value)| value.to_string_lossy().into_owned())
        };
        self.by.clone().or_else(user).unwrap_or_default()
    }
}

pub(super) fn answer(outer: Flags, action: Action) -> Answer {
    match action {
        Action::List(asked) => ask(asked, outer, list),
        Action::Ack(asked) => ask(asked, outer, acknowledge),
        Action::Silence(asked) => ask(asked, outer, silence),
        Action::Unsilence(asked) => ask(asked, outer, unsilence),
        Action::Silences(asked) => ask(asked, outer, silences),
    }
}

/// Carries out what is asked with the instance that the flags lead to.
fn ask<T: clap::Args>(
    asked: Flagged<T>,
    outer: Flags,
    act: fn(&Instance, &T) -> Result<Answer, Answer>,
) -> Answer {
    let (what, flags) = asked.split(outer);
    Instance::find(&flags)
        .and_then(|instance| act(&instance, &what))
        .unwrap_or_else(|refusal| refusal)
}

fn list(instance: &Instance, List { wanted, output }: &List) -> Result<Answer, Answer> {
    let found = instance.call(&Call::Get, &wanted.path())?;
    Ok(shown(&found, "alerts", output.format, listed))
}

fn acknowledge(instance: &Instance, Ack { id, signed, undo }: &Ack) -> Result<Answer, Answer> {
    let (verb, done) = if *undo {
        ("unack", "given back")
    } else {
        ("ack", "acknowledged")
    };
    let body = json!({"by": signed.name(), "note": signed.note});
    instance.call(
        &Call::Post(&body),
        &format!("/api/v1/alerts/{}/{verb}", escape(id)),
    )?;
    Ok(Answer::fine(format!("{id}: {done}\n")))
}

fn silence(instance: &Instance, silence: &Silence) -> Result<Answer, Answer> {
    let body = silence.which.silence(&silence.duration, &silence.signed);
    let made = instance.call(&Call::Post(&body), "/api/v1/silences")?;
    Ok(Answer::fine(format!(
        "{}: silenced until {}\n",
        text(&made, "id"),
        text(&made, "ends_at")
    )))
}

fn unsilence(instance: &Instance, Unsilence { id }: &Unsilence) -> Result<Answer, Answer> {
    instance.call(&Call::Delete, &format!("/api/v1/silences/{}", escape(id)))?;
    Ok(Answer::fine(format!("{id}: ended\n")))
}

fn silences(instance: &Instance, output: &Output) -> Result<Answer, Answer> {
    let found = instance.call(&Call::Get, "/api/v1/silences")?;
    Ok(shown(&found, "silences", output.format, listed_silences))
}

impl Wanted {
    fn path(&self) -> String {
        let given = [
            ("state", &self.state),
            ("severity", &self.severity),
            ("rule", &self.rule),
            ("subject", &self.subject),
            ("q", &self.q),
        ];
        let parts = given.map(|(key, value)| format!("{key}={}", escape(value)));
        format!("/api/v1/alerts?limit=1000&{}", parts.join("&"))
    }
}

impl Which {
    fn silence(&self, duration: &str, signed: &Signed) -> Value {
        let text = |given: &Option<String>| given.clone().unwrap_or_default();
        json!({
            "rule": text(&self.rule),
            "subject": text(&self.subject),
            "severity": text(&self.severity),
            "duration": duration,
            "by": signed.name(),
            "comment": signed.note,
        })
    }
}

fn shown(found: &Value, key: &str, form: Form, table: fn(&[Value]) -> String) -> Answer {
    match form {
        Form::Json => Answer::fine(format!("{found:#}\n")),
        Form::Text => {
            let items = found.get(key).and_then(Value::as_array);
            Answer::fine(table(items.map(Vec::as_slice).unwrap_or_default()))
        }
    }
}

fn listed(alerts: &[Value]) -> String {
    if alerts.is_empty() {
        return "no alerts\n".to_owned();
    }
    let columns = ["id", "severity", "state", "rule", "subject", "value", "since"];
    let rows: Vec<[String; 7]> = alerts.iter().map(|alert| row(alert, columns)).collect();
    table(columns.map(|name| (name, Side::Left)), &rows)
}

fn row(alert: &Value, columns: [&str; 7]) -> [String; 7] {
    columns.map(|key| match (key, alert.get(key).and_then(Value::as_f64)) {
        ("value", Some(value)) => Unit::of(text(alert, "signal")).show(value),
        _ => text(alert, key).to_owned(),
    })
}

fn listed_silences(silences: &[Value]) -> String {
    if silences.is_empty() {
        return "no silences\n".to_owned();
    }
    let columns = ["id", "matching", "starts", "ends", "by", "comment"];
    let row = |silence: &Value| {
        columns.map(|key| match silence.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        })
    };
    let rows: Vec<[String; 6]> = silences.iter().map(row).collect();
    table(columns.map(|name| (name, Side::Left)), &rows)
}

fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}
