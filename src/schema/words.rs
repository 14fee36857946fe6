//! Words and small forms that several keys share.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// One of a kind, or a list of at least one.
pub struct OneOrMany<T>(std::marker::PhantomData<T>);

/// One of a kind, or a list, which may be empty.
pub struct Any<T>(std::marker::PhantomData<T>);

/// A text. A number stands for itself as it is written.
pub struct Word;

/// `5 per 10m`: so many in any window of that length.
pub struct Budget;

/// Anything that YAML can say.
pub struct Anything;

// === impl JsonSchema ===

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

impl<T: JsonSchema> JsonSchema for Any<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Any{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

macro_rules! inline {
    ($name:ident, $schema:tt) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

inline!(Word, { "type": ["string", "number"] });
inline!(Budget, { "type": "string", "pattern": "^ *[0-9]+ +(per|in) +[0-9a-z]+ *$", "examples": ["5 per 10m"] });
inline!(Anything, true);
