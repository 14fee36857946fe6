//! `webhook: { url, bearer_file }`

use super::url;
use crate::config::secret::{Places, Secret};
use crate::notify::Kind;
use crate::notify::webhook::Settings;
use crate::yaml::Fields;

pub fn read(mut fields: Fields<'_>, places: &Places<'_>) -> Option<Kind> {
    let url = url(&mut fields);
    let bearer: Option<Secret> = places.read(&mut fields, "bearer_file", "bearer");
    fields.end();
    Some(Kind::Webhook(Settings::new(url?, bearer.map(|secret| secret.reveal().to_owned()))))
}
