//! `alerts`: asks the running instance for its alerts, takes them on, silences them.

mod hint;
mod list;

use serde_json::{Value, json};

use self::list::Here;
use super::{
    Form, Output,
    answer::Answer,
    flags::{Flagged, Flags, environment},
    instance::{Call, Instance, escape},
    user,
};
use crate::{clock::Clock, units::HumanDuration};

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
    /// What an alert of the rule `anomaly` tells of is normal at that hour: learn it
    #[arg(long, conflicts_with = "undo")]
    normal: bool,
}

/// A silence to make.
#[derive(clap::Args)]
pub(super) struct Silence {
    #[command(flatten)]
    which: Which,
    /// How long
    #[arg(long = "for", value_name = "DURATION", default_value = "1h", value_parser = duration)]
    duration: String,
    #[command(flatten)]
    signed: Signed,
}

/// As it is written; the instance counts from its own now.
fn duration(text: &str) -> Result<String, String> {
    let read = HumanDuration::parse(text).map(|_| text.to_owned());
    read.map_err(|_| "accepted: a duration, such as `30m` or `2h`".to_owned())
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
    /// Who does it [default: the name of the user who runs this]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why
    #[arg(long, default_value = "")]
    note: String,
}

impl Signed {
    fn name(&self) -> String {
        let given = self.by.clone();
        given.unwrap_or_else(|| user::name(&environment()))
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
    if output.format == Form::Json {
        return Ok(Answer::fine(format!("{found:#}\n")));
    }
    let silences = instance.call(&Call::Get, "/api/v1/silences")?;
    let (alerts, silences) = (items(&found, "alerts"), items(&silences, "silences"));
    let mut answer = Answer::fine(list::alerts(alerts, silences, &here(instance)));
    let total = found.get("total").and_then(Value::as_u64).unwrap_or_default();
    let shown = alerts.len() as u64;
    if total > shown {
        answer.complaint =
            format!("note: these are the newest {shown} of {total}; narrow them down by flags\n");
    }
    Ok(answer)
}

fn acknowledge(instance: &Instance, ack: &Ack) -> Result<Answer, Answer> {
    let Ack { id, signed, .. } = ack;
    let (verb, done) = match (ack.undo, ack.normal) {
        (true, _) => ("unack", "given back"),
        (false, false) => ("ack", "acknowledged"),
        (false, true) => ("ack", "acknowledged, and normal at that hour from now on"),
    };
    let mut body = json!({"by": signed.name(), "note": signed.note});
    if ack.normal {
        body["normal"] = Value::Bool(true);
    }
    let path = format!("/api/v1/alerts/{}/{verb}", escape(id));
    let outcome = instance.call(&Call::Post(&body), &path)?;
    if ack.normal && outcome.get("normal").and_then(Value::as_u64) == Some(0) {
        return Ok(Answer {
            complaint: "note: nothing is known of that event any more, so nothing was learnt\n".to_owned(),
            ..Answer::fine(format!("{id}: acknowledged\n"))
        });
    }
    Ok(Answer::fine(format!("{id}: {done}\n")))
}

fn silence(instance: &Instance, silence: &Silence) -> Result<Answer, Answer> {
    let body = silence.which.silence(&silence.duration, &silence.signed);
    let made = instance.call(&Call::Post(&body), "/api/v1/silences")?;
    let until = here(instance).time(&made, "ends_at");
    let mut answer = Answer::fine(format!("{}: silenced until {until}\n", text(&made, "id")));
    answer.complaint = hint::hint(instance, &silence.which);
    Ok(answer)
}

fn unsilence(instance: &Instance, Unsilence { id }: &Unsilence) -> Result<Answer, Answer> {
    instance.call(&Call::Delete, &format!("/api/v1/silences/{}", escape(id)))?;
    Ok(Answer::fine(format!("{id}: ended\n")))
}

fn silences(instance: &Instance, output: &Output) -> Result<Answer, Answer> {
    let found = instance.call(&Call::Get, "/api/v1/silences")?;
    Ok(Answer::fine(match output.format {
        Form::Json => format!("{found:#}\n"),
        Form::Text => list::silences(items(&found, "silences"), &here(instance)),
    }))
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

fn items<'a>(found: &'a Value, key: &str) -> &'a [Value] {
    let items = found.get(key).and_then(Value::as_array);
    items.map(Vec::as_slice).unwrap_or_default()
}

fn here(instance: &Instance) -> Here {
    Here {
        now: Clock::System.now().wall,
        zone: instance.config().zone(),
    }
}

fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}
