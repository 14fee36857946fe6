//! A port in a step: a number, or a template that becomes one.

use crate::domain::target::cut;
use crate::domain::template::is_template;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Port {
    Number(i64),
    Text(String),
}

// === impl Port ===

impl Port {
    /// As far as it shows before the templates are filled in.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Text(text) if is_template(text) => Ok(()),
            port => port.number().map(drop),
        }
    }

    /// # Errors
    /// It is none.
    pub(super) fn number(&self) -> Result<u16, String> {
        let number = match self {
            Self::Number(number) => u16::try_from(*number).ok(),
            Self::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            Self::Text(_) => None,
        };
        number.filter(|number| *number > 0).ok_or_else(|| {
            let shown = match self {
                Self::Number(number) => number.to_string(),
                Self::Text(text) => format!("{:?}", cut(text)),
            };
            format!("{shown} is no port: 1 to 65535")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number() {
        for (port, number) in [(Port::Number(80), 80), (Port::Text("8080".to_owned()), 8080), (Port::Number(65_535), 65_535)] {
            assert_eq!((port.number(), port.check()), (Ok(number), Ok(())));
        }
        let text = |text: &str| Port::Text(text.to_owned());
        for port in [Port::Number(0), Port::Number(65_536), Port::Number(-1), text(""), text("80/tcp"), text("+80")] {
            assert!(port.check().unwrap_err().contains("1 to 65535"), "{port:?}");
        }
        let template = text("{{ labels.port }}");
        assert!(template.check().is_ok() && template.number().is_err());
    }
}
