//! `email: { server, user, password_file, from, to, ca_file }`

use crate::config::secret::Places;
use crate::notify::Kind;
use crate::notify::email::{Channel, Login, Server, Settings, TIMEOUT};
use crate::yaml::{Fields, text};
use std::fs;

pub fn read(mut fields: Fields<'_>, places: &Places<'_>) -> Option<Kind> {
    let file = fields.file();
    for (key, help) in [
        ("server", "write `server: smtps://mail.example.org`"),
        ("from", "write `from: heald <heald@example.org>`"),
        ("to", "write `to: [ops@example.org]`"),
    ] {
        if !fields.has(key) {
            fields.missing(key, help);
        }
    }
    let server = fields.node("server").and_then(|node| {
        let server: Result<Server, String> = text(file, node)?.parse();
        server.map_err(|why| file.refuse(node.at, format!("the server is not taken: {why}"))).ok()
    });
    let user = fields.text("user");
    let password = places.read(&mut fields, "password_file", "password");
    let has_password = fields.has("password_file") || fields.has("password");
    if fields.has("user") != has_password {
        fields.missing(if has_password { "user" } else { "password_file" }, "`user` and `password_file` go together");
    }
    let login = user.zip(password).map(|(user, password)| Login { user, password: password.reveal().to_owned() });
    let from = fields.text("from");
    let to = fields.texts("to").unwrap_or_default().into_iter().map(|(_, address)| address).collect();
    let authorities = fields.node("ca_file").and_then(|node| {
        let path = places.path(&text(file, node)?);
        fs::read_to_string(path).map_err(|error| file.refuse(node.at, format!("the certificates can't be read: {error}"))).ok()
    });
    let at = fields.at();
    fields.end();
    let settings = Settings { server: server?, login, from: from?, to, authorities, timeout: TIMEOUT };
    if let Err(why) = Channel::new(settings.clone()) {
        file.refuse(at, format!("this email channel can't work: {why}"));
    }
    Some(Kind::Email(settings))
}
