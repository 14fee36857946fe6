//! A tree as a serde `Deserializer`, so that the types of `action/` and `probe/` read themselves out of it.
//!
//! Every error is placed at the innermost value or key that it is about.

use super::node::{Key, Kind, Node};
use super::problem::{nearest, quote};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use std::fmt;

/// What does not fit, and where in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub at: Option<usize>,
    pub what: String,
    /// The key, where it is an unknown one.
    pub unknown: Option<String>,
}

struct Items<'de>(std::slice::Iter<'de, Node>);

struct Entries<'de> {
    rest: std::slice::Iter<'de, (Key, Node)>,
    value: Option<&'de Node>,
}

/// `name: content`, or the name alone.
struct Variant<'de> {
    at: usize,
    name: &'de str,
    content: Option<&'de Node>,
}

struct Content<'de>(usize, Option<&'de Node>);

// === impl Wrong ===

impl Wrong {
    fn new(what: String) -> Self {
        Self { at: None, what, unknown: None }
    }

    fn unknown(noun: &str, name: &str, known: &'static [&'static str]) -> Self {
        let hint = match (nearest(name, known), known) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, []) => "there is none".to_owned(),
            (None, _) => format!("known are {}", known.join(", ")),
        };
        Self {
            at: None,
            what: format!("unknown {noun} `{}`; {hint}", crate::domain::target::cut(name)),
            unknown: Some(name.to_owned()),
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Wrong {}

impl Error for Wrong {
    fn custom<T: fmt::Display>(what: T) -> Self {
        Self::new(what.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self::new(format!("{} where {expected} is expected", shown(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self::new(format!("{} does not fit; expected is {expected}", shown(found)))
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        Self::unknown("word", name, known)
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::unknown("key", name, known)
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(format!("key `{name}` is missing"))
    }
}

fn shown(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Str(text) => quote(text),
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Signed(number) => number.to_string(),
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unit => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map | Unexpected::NewtypeStruct => "a map".to_owned(),
        other => other.to_string(),
    }
}

fn placed<T>(result: Result<T, Wrong>, at: usize) -> Result<T, Wrong> {
    result.map_err(|wrong| Wrong { at: wrong.at.or(Some(at)), ..wrong })
}

// === impl Node ===

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let result = match &self.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value, _) => visitor.visit_bool(*value),
            Kind::Number(number, _) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (_, _, value) => visitor.visit_f64(value.unwrap_or_default()),
            },
            Kind::Text(text) => visitor.visit_borrowed_str(text),
            Kind::List(items) => visitor.visit_seq(Items(items.iter())),
            Kind::Map(entries) => visitor.visit_map(Entries { rest: entries.iter(), value: None }),
        };
        placed(result, self.at)
    }

    /// A number where a text is wanted is the text as it was written.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.kind {
            Kind::Bool(_, written) | Kind::Number(_, written) => placed(visitor.visit_borrowed_str(written), self.at),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.kind {
            Kind::Null => placed(visitor.visit_none(), self.at),
            _ => placed(visitor.visit_some(self), self.at),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        placed(visitor.visit_newtype_struct(self), self.at)
    }

    /// `docker.restart:` means the same as `docker.restart: {}`.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.kind {
            Kind::Null => placed(visitor.visit_map(Entries { rest: [].iter(), value: None }), self.at),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let variant = match &self.kind {
            Kind::Text(name) => Variant { at: self.at, name, content: None },
            Kind::Map(entries) => match entries.as_slice() {
                [(key, value)] => Variant { at: key.at, name: &key.name, content: Some(value) },
                [_, (second, _), ..] => {
                    let what = format!("one key is enough; {} is a second one", quote(&second.name));
                    return placed(Err(Wrong::new(what)), second.at);
                }
                [] => return placed(Err(Wrong::new("an empty map where one key is expected".to_owned())), self.at),
            },
            _ => return placed(Err(Wrong::new(format!("{} where a name is expected", self.noun()))), self.at),
        };
        placed(visitor.visit_enum(variant), self.at)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier
    }
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        self.0.next().map(|item| placed(seed.deserialize(item), item.at)).transpose()
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        let name: StrDeserializer<'_, Wrong> = key.name.as_str().into_deserializer();
        placed(seed.deserialize(name), key.at).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let value = self.value.take().ok_or_else(|| Wrong::custom("a value was asked for before its key"))?;
        placed(seed.deserialize(value), value.at)
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Wrong;
    type Variant = Content<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content<'de>), Wrong> {
        let name: StrDeserializer<'_, Wrong> = self.name.into_deserializer();
        Ok((placed(seed.deserialize(name), self.at)?, Content(self.at, self.content)))
    }
}

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        match self.1 {
            Some(Node { at, kind, .. }) if !matches!(kind, Kind::Null) => placed(Err(Wrong::custom("takes no parameters")), *at),
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        match self.1 {
            Some(content) => placed(seed.deserialize(content), content.at),
            None => placed(Err(Wrong::custom("a colon and parameters are missing: `name: {}`")), self.0),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Wrong> {
        match self.1 {
            Some(content) => content.deserialize_any(visitor),
            None => placed(Err(Wrong::custom("a colon and a list are missing: `name: []`")), self.0),
        }
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong> {
        match self.1 {
            Some(content) => content.deserialize_struct("", fields, visitor),
            None => placed(visitor.visit_map(Entries { rest: [].iter(), value: None }), self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Chunk, File, parse};
    use serde::Deserialize;
    use std::path::Path;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    enum Kind {
        #[serde(rename = "http")]
        Http(Http),
        #[serde(rename = "wait")]
        Wait(crate::domain::time::Span),
        #[serde(rename = "nothing")]
        Nothing {},
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Http {
        get: String,
        status: Option<u16>,
        #[serde(default)]
        json: serde_json::Value,
    }

    fn read(text: &str) -> String {
        let file = File::new(Path::new("x"), text);
        let tree = parse(&file, &[Chunk { at: 0, text: text.to_owned() }]).unwrap();
        match Vec::<Kind>::deserialize(&tree) {
            Ok(kinds) => format!("{kinds:?}"),
            Err(wrong) => {
                let (line, column) = file.place(wrong.at.unwrap());
                format!("{line}:{column}: {}", wrong.what)
            }
        }
    }

    #[test]
    fn enums_are_named_by_their_key() {
        assert_eq!(read("- nothing: {}\n- nothing:\n- nothing\n"), "[Nothing, Nothing, Nothing]");
        assert_eq!(read("- wait: 5s"), "[Wait(Span(5s))]");
        let http = read("- http: { get: 1.10, status: 200, json: { a: [1, -2, no, null, 1.5] } }");
        assert!(http.contains(r#"get: "1.10", status: Some(200)"#), "{http}");
        assert!(http.contains(r#"Array [Number(1), Number(-2), String("no"), Null, Number(1.5)]"#), "{http}");
    }

    #[test]
    fn errors_are_placed_at_the_innermost_value() {
        for (text, expected) in [
            ("- htpp: {}", "1:3: unknown word `htpp`; did you mean `http`?"),
            ("- http: { get: x, statsu: 1 }", "1:19: unknown key `statsu`; did you mean `status`?"),
            ("- http: { get: x, status: 70000 }", "1:27: 70000 does not fit; expected is u16"),
            ("- http: { get: x, status: ok }", "1:27: \"ok\" where u16 is expected"),
            ("- http: { status: 200 }", "1:9: key `get` is missing"),
            ("- http: { get: [x] }", "1:16: a list where a string is expected"),
            ("- wait: 5", "1:9: \"5\" is no duration: it lacks a unit (write 30s, 5m or 1h30m)"),
            ("- nothing: {}\n  http: {}", "2:3: one key is enough; \"http\" is a second one"),
            ("- [x]", "1:3: a list where a name is expected"),
            ("- http", "1:3: a colon and parameters are missing: `name: {}`"),
            ("a: 1", "1:1: a map where a sequence is expected"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
