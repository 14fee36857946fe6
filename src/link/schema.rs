//! JSON Schema of the domain's types that parameters are made of; the domain itself knows nothing of schemas.

use crate::domain::size::{Amount, Size};
use crate::domain::time::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

// === impl JsonSchema for Span ===

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(0|([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?|\\{\\{.*\\}\\})$",
            "examples": ["500ms", "30s", "1h30m", "7d"],
        })
    }
}

// === impl JsonSchema for Size ===

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^([0-9]+ ?([kMGT]?B|[KMGT]iB)|\\{\\{.*\\}\\})$",
            "examples": ["512KiB", "100MB", "2GB"],
        })
    }
}

// === impl JsonSchema for Amount ===

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^([0-9]+ ?([kMGT]?B|[KMGT]iB)|[0-9]{1,3}(\\.[0-9])?%|\\{\\{.*\\}\\})$",
            "examples": ["100MB", "10%", "7.5%"],
        })
    }
}
