//! `file`: whether a file is there, fresh, big enough, and the right one.

use super::{Look, ProbeKind, Verdict};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::size::Size;
use crate::domain::target::{AllowList, cut};
use crate::domain::template::is_template;
use crate::domain::time::Span;
use crate::link::Tools;
use crate::link::beneath::{Folder, Ground, Trouble, check_path};
use crate::link::until::{Until, off_runtime};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Passes when a file is as it should be: there, changed recently enough, big enough, of this content; or not there.
///
/// Only regular files with one name are judged; a link, a pipe or a folder in its place is unknown, and so is what heald may not
/// read. The path must lie beneath `targets: paths:`. Age is by the last change and the wall clock.
///
/// ```yaml
/// - file: { path: /var/lib/shop/ready }
/// - file: { path: /run/shop/maintenance, exists: false }
/// - file: { path: /var/backups/shop/latest.tar, max_age: 26h, min_size: 10MB }
/// ```
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The file, absolute, at or beneath an entry of `targets: paths:`.
    path: String,
    /// Whether it must be there: true where it is left out. False goes alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exists: Option<bool>,
    /// Changed so long ago at most: 1s to 366d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<Span>,
    /// At least so big: `10MB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_size: Option<Size>,
    /// Of its content, 64 hexadecimal digits. A file that can't be read within 20 s is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

#[derive(Clone, Debug)]
struct File(Arc<Params>);

const TIMEOUT: Duration = Duration::from_secs(20);

// === impl ProbeKind for Params ===

impl ProbeKind for Params {
    const KIND: &'static str = "file";

    fn form(&self) -> Result<StepObject, String> {
        if !is_template(&self.path) {
            check_path(&self.path)?;
        }
        if self.exists == Some(false) && (self.max_age.is_some() || self.min_size.is_some() || self.sha256.is_some()) {
            return Err("`exists: false` goes alone: what is not there has no age, size or content".to_owned());
        }
        if let Some(age) = self.max_age.filter(|age| age.0 < Duration::from_secs(1)) {
            return Err(format!("max_age {age} is out of range: 1s to 366d"));
        }
        match &self.sha256 {
            Some(text) if !(is_template(text) || text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())) => {
                Err(format!("sha256 {:?} is none: 64 hexadecimal digits", cut(text)))
            }
            _ => Ok(StepObject::Nothing),
        }
    }

    fn ready(self, _: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        self.form()?;
        Ok(Box::new(File(Arc::new(self))))
    }
}

// === impl Look for File ===

impl Look for File {
    fn is_costly(&self) -> bool {
        true
    }

    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        Ground::new(Arc::new(allow.clone())).admit(&self.0.path).map_err(|trouble| trouble.to_string())
    }

    fn ask<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Verdict> {
        let (ground, params) = (Ground::new(tools.allow.now()), Arc::clone(&self.0));
        off_runtime(Instant::now() + TIMEOUT, move |until| params.judge(&ground, until))
            .map(|asked| match asked {
                Ok(Some(Ok(verdict))) => verdict,
                Ok(Some(Err(trouble))) => (ProbeVerdict::Unknown, trouble.to_string()),
                Ok(None) => (ProbeVerdict::Unknown, "the file system does not answer".to_owned()),
                Err(why) => (ProbeVerdict::Unknown, why),
            })
            .boxed()
    }
}

impl Params {
    fn judge(&self, ground: &Ground, until: &Until) -> Result<Verdict, Trouble> {
        let wanted = self.exists.unwrap_or(true);
        // A folder that is gone is a file that is gone.
        let found = match ground.place(&self.path).and_then(|place| Ok((place.file()?, place))) {
            Ok((Some(stamp), place)) => Some((stamp, place)),
            Ok((None, _)) | Err(Trouble::Missing(_)) => None,
            Err(other) => return Err(other),
        };
        let fail = |why: String| Ok((ProbeVerdict::Fail, why));
        let Some((stamp, place)) = found else {
            return if wanted {
                fail("it is not there".to_owned())
            } else {
                Ok((ProbeVerdict::Pass, "it is not there".to_owned()))
            };
        };
        if !wanted {
            return fail(format!("it is there ({})", Size(stamp.size)));
        }
        let age = Duration::from_secs(Folder::age(&stamp).as_secs());
        if let Some(max) = self.max_age.filter(|max| age > max.0) {
            return fail(format!("changed {} ago, and {max} at most is wanted", Span(age)));
        }
        if let Some(min) = self.min_size.filter(|min| stamp.size < min.0) {
            return fail(format!("it has {}, and {min} at least is wanted", Size(stamp.size)));
        }
        if let Some(wanted) = &self.sha256 {
            let found = place.digest(&stamp, until)?;
            if !found.eq_ignore_ascii_case(wanted) {
                return fail(format!("its SHA-256 is {found}"));
            }
        }
        Ok((ProbeVerdict::Pass, format!("it is there ({}, changed {} ago)", Size(stamp.size), Span(age))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn judged(allow: &AllowList, text: &str) -> Result<Verdict, Trouble> {
        let params: Params = serde_saphyr::from_str(text).unwrap();
        params.form().unwrap();
        params.judge(&Ground::new(Arc::new(allow.clone())), &Until::new(Instant::now() + Duration::from_secs(60)))
    }

    #[test]
    fn a_file_is_judged_by_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().display().to_string();
        let allow = AllowList { paths: [root.clone()].into(), ..AllowList::default() };
        fs::write(dir.path().join("a"), "hello").unwrap();
        let old = fs::File::create(dir.path().join("old")).unwrap();
        old.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_000_000)).unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        let sum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        for (text, verdict) in [
            (format!("{{ path: {root}/a }}"), ProbeVerdict::Pass),
            (format!("{{ path: {root}/b }}"), ProbeVerdict::Fail),
            (format!("{{ path: {root}/gone/b }}"), ProbeVerdict::Fail),
            (format!("{{ path: {root}/b, exists: false }}"), ProbeVerdict::Pass),
            (format!("{{ path: {root}/a, exists: false }}"), ProbeVerdict::Fail),
            (format!("{{ path: {root}/a, max_age: 1h, min_size: 5B, sha256: {sum} }}"), ProbeVerdict::Pass),
            (format!("{{ path: {root}/a, min_size: 6B }}"), ProbeVerdict::Fail),
            (format!("{{ path: {root}/a, sha256: {} }}", "0".repeat(64)), ProbeVerdict::Fail),
            (format!("{{ path: {root}/old, max_age: 1h }}"), ProbeVerdict::Fail),
        ] {
            let judged = judged(&allow, &text).unwrap();
            assert_eq!(judged.0, verdict, "{text}: {judged:?}");
        }
        assert!(matches!(judged(&allow, &format!("{{ path: {root}/link }}")), Err(Trouble::Refused(..))));
        assert!(matches!(judged(&allow, "{ path: /nowhere/a }"), Err(Trouble::NotAllowed(_))));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for text in [
            "{ path: a }",
            "{ path: /a/../b }",
            "{ path: /a, exists: false, max_age: 1h }",
            "{ path: /a, sha256: abc }",
            "{ path: /a, max_age: 500ms }",
        ] {
            assert!(serde_saphyr::from_str::<Params>(text).unwrap().form().is_err(), "{text}");
        }
    }
}
