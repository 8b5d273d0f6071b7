#!/bin/sh
# Reads alertmanager.yml and writes it with the mail settings of the environment, as Alertmanager expands no variables:
# every `smtp_...` under `global` is replaced, and every `to:` of a receiver.
#   SMTP_SERVER SMTP_PORT SMTP_TLS EMAIL_USER EMAIL_PASSWORD ALERT_RECIPIENTS    as in .env.example
#   HOST_SMTP PORT_SMTP    the mail catcher, 127.0.0.1:1025 unless they are set; it has all mails while no server or no recipient is named
set -eu

if [ -n "${SMTP_SERVER:-}" ] && [ -z "${ALERT_RECIPIENTS:-}" ]; then
    echo "render.sh: SMTP_SERVER is set, but ALERT_RECIPIENTS is not: mails are only caught" >&2
fi

# awk takes the values from the environment: on its command line it would read backslashes in them.
exec awk '
function quoted(text) { gsub(/\047/, "\047\047", text); return "\047" text "\047" }
function setting(key, value) { print "  " key ": " value }
function smtp() {
    if (!real) {
        setting("smtp_smarthost", quoted((catcher == "" ? "127.0.0.1" : catcher) ":" (port_of_catcher == "" ? 1025 : port_of_catcher)))
        setting("smtp_from", quoted("alertmanager@localhost"))
        setting("smtp_require_tls", "false")
        return
    }
    setting("smtp_smarthost", quoted((server ~ /:/ ? "[" server "]" : server) ":" port))
    setting("smtp_from", quoted(user ~ /@/ ? user : "alertmanager@" host))
    # On port 465 Alertmanager speaks TLS from the first byte by itself. It cannot use TLS just where it is offered.
    if (tls == "tls" && port != 465) setting("smtp_force_implicit_tls", "true")
    setting("smtp_require_tls", tls ~ /^(none|starttls-opportunistic)$/ ? "false" : "true")
    if (user != "") {
        setting("smtp_auth_username", quoted(user))
        setting("smtp_auth_password", quoted(ENVIRON["EMAIL_PASSWORD"]))
    }
}
BEGIN {
    server = ENVIRON["SMTP_SERVER"]; port = ENVIRON["SMTP_PORT"]; tls = ENVIRON["SMTP_TLS"]
    user = ENVIRON["EMAIL_USER"]; to = ENVIRON["ALERT_RECIPIENTS"]; catcher = ENVIRON["HOST_SMTP"]; port_of_catcher = ENVIRON["PORT_SMTP"]
    real = server != "" && to != ""
    if (port == "") port = 587
    if (to == "") to = "caught@localhost"
    host = "localhost"
    getline host < "/etc/hostname"
}
/^global:/ { print; smtp(); written = 1; next }
/^ +smtp_[a-z_]+:/ { next }
/^ +(- )?to:/ { sub(/to:.*/, ""); print $0 "to: " quoted(to); next }
{ print }
END { if (!written) { print "render.sh: there is no `global:` to put the mail settings in" > "/dev/stderr"; exit 1 } }
'
